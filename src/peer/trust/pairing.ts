/**
 * `buildswarm pair`: two machines whose users look at both screens are made known to each other. While it runs here, a
 * commitment goes to every peer; the first peer that answers with one of its own is taken. What comes of it, digits once
 * or a failure, goes to the command.
 */
import { randomBytes } from 'node:crypto';
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { KnownPeer } from '../../pairing/known-peers.ts';
import { commitmentTo, type Revealed, sixDigits } from '../../pairing/six-digits.ts';
import type { PairingState } from '../../wire/cli-messages.ts';
import { encodePair, type Pair } from '../../wire/control-messages.ts';
import type { Payload } from '../../wire/frame.ts';
import type { StartTimer } from '../alarm.ts';

/** For all of it: finding the other machine, and two users who compare digits. */
const deadlineMs = 120_000;

export interface PairingInit {
  readonly self: PeerName;
  /** This machine as others are told of it; its lasting key is made if there is none. */
  readonly introduceSelf: () => Promise<KnownPeer>;
  readonly neighbours: () => readonly PeerName[];
  /** What a peer calls itself, and where it is. */
  readonly describe: (peer: PeerName) => { readonly name: string; readonly addresses: readonly string[] };
  readonly send: (to: PeerName, payload: Payload<'PAIR'>) => void;
  readonly startTimer: StartTimer;
}

/** One `buildswarm pair`. */
interface Session {
  readonly own: KnownPeer;
  /** Only a peer that calls itself so is taken. */
  readonly wanted: string | undefined;
  readonly tell: (state: PairingState) => void;
  readonly stopTimer: () => void;
  /** What is revealed to each peer, if it is taken: one for each, so that what one has seen is of no use with another. */
  readonly offers: Map<PeerName, Revealed>;
  /** Peers that have committed themselves. */
  readonly commitments: Map<PeerName, string>;
  taken: PeerName | undefined;
  revealed: Revealed | undefined;
  digits: string | undefined;
  isConfirmedHere: boolean;
  isConfirmedThere: boolean;
}

export class Pairing {
  readonly #init: PairingInit;
  #session: Session | undefined;

  constructor(init: PairingInit) {
    this.#init = init;
  }

  /**
   * Begins.
   *
   * @param wanted - what the other machine calls itself; undefined: whichever pairs now.
   * @param tell - is called with `compare` at most once, and last with `paired` or `failed`.
   * @returns what ends it before; of no effect after the last word.
   */
  async begin(wanted: string | undefined, tell: (state: PairingState) => void): Promise<() => void> {
    const fail = (why: string): (() => void) => {
      tell({ state: 'failed', why });
      return () => undefined;
    };
    if (this.#session !== undefined) return fail('Another `buildswarm pair` runs on this machine.');
    let own: KnownPeer;
    try {
      own = await this.#init.introduceSelf();
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error));
    }
    if (this.#session !== undefined) return fail('Another `buildswarm pair` runs on this machine.');
    const session: Session = {
      own,
      wanted,
      tell,
      stopTimer: this.#init.startTimer(deadlineMs, () =>
        this.#end(session, `The two machines were not paired within ${deadlineMs / 1000} s.`),
      ),
      offers: new Map(),
      commitments: new Map(),
      taken: undefined,
      revealed: undefined,
      digits: undefined,
      isConfirmedHere: false,
      isConfirmedThere: false,
    };
    this.#session = session;
    for (const peer of this.#init.neighbours()) this.#commit(session, peer);
    return () => this.#end(session, 'It was ended here.');
  }

  /** The user has seen these digits on both screens. @returns false if none, or others, are shown. */
  confirm(digits: string): boolean {
    const session = this.#session;
    if (session?.taken === undefined || session.digits !== digits) return false;
    session.isConfirmedHere = true;
    this.#say(session.taken, { step: 'confirm' });
    this.#conclude(session);
    return true;
  }

  met(peer: PeerName): void {
    if (this.#session !== undefined) this.#commit(this.#session, peer);
  }

  gone(peer: PeerName): void {
    const session = this.#session;
    if (session === undefined) return;
    session.offers.delete(peer);
    session.commitments.delete(peer);
    if (session.taken === peer) this.#end(session, 'The other machine is gone.');
  }

  hear(peer: PeerName, pair: Pair): void {
    const session = this.#session;
    const isTaken = session?.taken === peer;
    // One that has taken this machine, which has taken another or none, need not wait.
    if (!isTaken && (pair.step === 'reveal' || pair.step === 'confirm')) this.#say(peer, { step: 'end' });
    if (session === undefined || (!isTaken && session.taken !== undefined)) return;
    switch (pair.step) {
      case 'commit':
        if (session.commitments.has(peer)) return;
        session.commitments.set(peer, pair.commitment);
        // It may have begun after ours was sent to it.
        this.#commit(session, peer);
        this.#take(session, peer);
        return;
      case 'reveal':
        this.#hearReveal(session, peer, pair);
        return;
      case 'confirm':
        session.isConfirmedThere = session.digits !== undefined;
        this.#conclude(session);
        return;
      case 'end':
        session.commitments.delete(peer);
        if (session.taken === peer)
          this.#end(
            session,
            session.digits === undefined
              ? 'The other machine is being paired with another one: pair two at a time, or give its name.'
              : 'It was not confirmed on the other machine.',
          );
        return;
      default:
        pair satisfies never;
    }
  }

  /** Says to a peer that this machine is pairing, by a commitment to what it would be told. */
  #commit(session: Session, peer: PeerName): void {
    const revealed = getOrMake(session.offers, peer, () => ({
      peer: this.#init.self,
      key: session.own.key,
      nonce: randomBytes(32).toString('base64'),
      name: session.own.name,
    }));
    this.#say(peer, { step: 'commit', commitment: commitmentTo(revealed) });
  }

  /** The first peer that has committed itself is the one. */
  #take(session: Session, peer: PeerName): void {
    if (session.taken !== undefined) return;
    if (session.wanted !== undefined && this.#init.describe(peer).name !== session.wanted) return;
    const own = session.offers.get(peer);
    if (own === undefined) return;
    session.taken = peer;
    this.#say(peer, { step: 'reveal', nonce: own.nonce, key: own.key, name: own.name });
  }

  #hearReveal(
    session: Session,
    peer: PeerName,
    { nonce, key, name }: Extract<Pair, { step: 'reveal' }>,
  ): void {
    const own = session.offers.get(peer);
    // It must have committed itself, and have been taken for that: then what it says here cannot depend on ours.
    if (session.taken !== peer || session.revealed !== undefined || own === undefined) return;
    const revealed = { peer, key, nonce, name };
    if (commitmentTo(revealed) !== session.commitments.get(peer))
      return this.#end(session, 'The other machine does not keep to what it had committed itself to.');
    if (key === session.own.key) return this.#end(session, 'The other machine shows the key of this one.');
    session.revealed = revealed;
    session.digits = sixDigits(own, revealed);
    session.tell({ state: 'compare', digits: session.digits, name });
  }

  #conclude(session: Session): void {
    const { revealed, isConfirmedHere, isConfirmedThere } = session;
    if (revealed === undefined || !isConfirmedHere || !isConfirmedThere) return;
    this.#forget(session);
    const { addresses } = this.#init.describe(revealed.peer);
    session.tell({ state: 'paired', name: revealed.name, key: revealed.key, addresses: [...addresses] });
  }

  #end(session: Session, why: string): void {
    if (this.#session !== session) return;
    this.#forget(session);
    for (const peer of session.taken === undefined ? session.offers.keys() : [session.taken])
      this.#say(peer, { step: 'end' });
    session.tell({ state: 'failed', why });
  }

  #forget(session: Session): void {
    session.stopTimer();
    this.#session = undefined;
  }

  #say(peer: PeerName, pair: Pair): void {
    this.#init.send(peer, encodePair(pair));
  }
}
