/**
 * Machines of the same person that share no tree with this one: which of the connected peers speaks for a lasting key that
 * `invite`, `accept` or `pair` made known here. Each end says by a signature of both PeerIds which key it speaks for, and
 * whether it knows the other's; a peer counts when both know each other.
 */
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { type KnownPeer, knownPeersStamp, readKnownPeers } from '../../pairing/known-peers.ts';
import { type LastingKey, readLastingKey, speaksFor } from '../../pairing/lasting-key.ts';
import { encodeKnown, type Known } from '../../wire/control-messages.ts';
import type { Payload } from '../../wire/frame.ts';

/** The files are looked at so often: a home directory may be shared with the machine on which one was changed. */
const lookEveryMs = 5_000;
/** They are read whole so often, changed or not: times of files are coarse. */
const readEveryMs = 60_000;

export interface KnownMachinesInit {
  /** Where keys and known machines lie. */
  readonly directory: string;
  readonly host: string;
  readonly self: PeerName;
  readonly now: () => number;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  readonly send: (to: PeerName, payload: Payload<'KNOWN'>) => void;
  readonly neighbours: () => readonly PeerName[];
  /** The files were read: machines may have been made known or forgotten. */
  readonly onRead: () => void;
  /** Both machines know each other: that peer is of the same person. */
  readonly onKnown: (peer: PeerName) => void;
  /** It was, and is no longer. @param byUs - this end has forgotten it. */
  readonly onEnded: (peer: PeerName, byUs: boolean) => void;
}

/** What one connected peer has said, and what this one has said to it. */
interface Acquaintance {
  said: Known | undefined;
  /** The signature of `said` was checked. */
  verified: boolean | undefined;
  /** What it was last told of whether its machine is known here; undefined: nothing yet. */
  told: boolean | undefined;
  isKnown: boolean;
}

export class KnownMachines {
  readonly #init: KnownMachinesInit;
  readonly #peers = new Map<PeerName, Acquaintance>();
  #own: LastingKey | undefined;
  #machines: readonly KnownPeer[] = [];
  #faults: readonly string[] = [];
  #stamp = '';
  #readMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(init: KnownMachinesInit) {
    this.#init = init;
  }

  /** Reads which machines are known, now and from now on. */
  async start(): Promise<void> {
    await this.reload();
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Whether that peer and this one are machines of one person that were made known to each other, as of now. */
  isKnown(peer: PeerName): boolean {
    return this.#peers.get(peer)?.isKnown === true;
  }

  /** What the machine of a peer is called here; undefined if that peer does not speak for a known machine. */
  nameOf(peer: PeerName): string | undefined {
    const acquaintance = this.#peers.get(peer);
    return acquaintance?.told === true ? this.#machineOf(acquaintance)?.name : undefined;
  }

  /** The connected peer of a known machine, if both know each other. */
  peerOf(name: string): PeerName | undefined {
    for (const [peer, { isKnown }] of this.#peers) if (isKnown && this.nameOf(peer) === name) return peer;
    return undefined;
  }

  /** The machines that are known here, connected or not. */
  get machines(): readonly KnownPeer[] {
    return this.#machines;
  }

  /** Sentences: what is kept of known machines and is not believed. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** Reads the files anew: what was forgotten is over when this settles. */
  async reload(): Promise<void> {
    await this.#reading; // may have begun before the change
    await this.#readOnce();
  }

  /** A peer was met: it is told which lasting key this one speaks for, if any machine is known here. */
  met(peer: PeerName): void {
    this.#weigh(peer, this.#acquaintanceOf(peer));
  }

  /** A peer says which lasting key it speaks for. A false signature, or an unknown key, changes nothing. */
  hear(peer: PeerName, known: Known): void {
    const acquaintance = this.#acquaintanceOf(peer);
    const { said, told } = acquaintance;
    if (said?.key !== known.key || said.signature !== known.signature) acquaintance.verified = undefined;
    acquaintance.said = known;
    // Its end of the connection was made anew, unnoticed at this end: it has forgotten what it was told.
    if (!known.seen && told === true) acquaintance.told = undefined;
    this.#weigh(peer, acquaintance);
  }

  forget(peer: PeerName): void {
    this.#peers.delete(peer);
  }

  #acquaintanceOf(peer: PeerName): Acquaintance {
    return getOrMake(this.#peers, peer, () => ({
      said: undefined,
      verified: undefined,
      told: undefined,
      isKnown: false,
    }));
  }

  #machineOf({ said }: Acquaintance): KnownPeer | undefined {
    return said === undefined ? undefined : this.#machines.find(({ key }) => key === said.key);
  }

  /** Compares what a peer has said with what is known here; tells it, and others, what has changed. */
  #weigh(peer: PeerName, acquaintance: Acquaintance): void {
    const { said } = acquaintance;
    const { self, onKnown, onEnded } = this.#init;
    const isListed = this.#machineOf(acquaintance) !== undefined;
    // Only for a key that is known: a signature costs a stranger less than its check.
    if (said !== undefined && isListed) acquaintance.verified ??= speaksFor(said, peer, self);
    const sees = isListed && acquaintance.verified === true;
    const forgot = acquaintance.told === true && !sees;
    this.#tell(peer, acquaintance, sees);
    const isKnown = sees && said?.seen === true;
    if (isKnown === acquaintance.isKnown && !forgot) return;
    const wasKnown = acquaintance.isKnown;
    acquaintance.isKnown = isKnown;
    if (isKnown) onKnown(peer);
    else if (wasKnown || forgot) onEnded(peer, forgot);
  }

  #tell(peer: PeerName, acquaintance: Acquaintance, sees: boolean): void {
    const hasNothingToSay = this.#own === undefined || this.#machines.length === 0;
    if (acquaintance.told === sees || (acquaintance.told === undefined && hasNothingToSay)) return;
    acquaintance.told = sees;
    if (this.#own === undefined) return; // the last machine was forgotten, and the connection ends
    const { self, send } = this.#init;
    send(
      peer,
      encodeKnown({ key: this.#own.publicKey, signature: this.#own.signFor(self, peer), seen: sees }),
    );
  }

  async #look(): Promise<void> {
    const isOld = this.#init.now() - this.#readMs > readEveryMs;
    if (isOld || (await knownPeersStamp(this.#init.directory)) !== this.#stamp) await this.#readOnce();
  }

  #readOnce(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { directory, host, now, neighbours, onRead } = this.#init;
    const stamp = await knownPeersStamp(directory);
    try {
      const { machines, faults } = await readKnownPeers(directory);
      this.#faults = faults;
      const own = machines.length === 0 ? undefined : await readLastingKey(directory, host);
      if (own === undefined && machines.length > 0)
        this.#faults = [
          ...faults,
          `This machine (${host}) has no lasting key any more: invite the others again.`,
        ];
      this.#own = own;
      this.#machines = own === undefined ? [] : machines;
    } catch (error) {
      // What others could have written is not believed at all.
      this.#machines = [];
      this.#faults = [error instanceof Error ? error.message : String(error)];
    }
    if (this.#faults.length > 0)
      this.#init.log('some of the known machines are not believed', { faults: this.#faults });
    this.#stamp = stamp;
    this.#readMs = now();
    for (const peer of neighbours()) this.#weigh(peer, this.#acquaintanceOf(peer));
    onRead();
  }
}
