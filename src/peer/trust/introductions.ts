/**
 * What peers tell one another of shares: a submitter says where it is a member; whoever finds its file there, through
 * its own mount, becomes a member too, says how it mounts the share, and to whom it is proven. A peer is used for jobs
 * when both ends have found each other's file.
 *
 * Whoever says something here may be a stranger. Of the paths that it names, only its own member file is looked for,
 * rarely, one after the other, and never where the looking alone could mount what the stranger offers.
 */

import { absent, type Fact } from '../../core/fact.ts';
import { resolvePath } from '../../core/paths.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { memberPath } from '../../core/share-layout.ts';
import type { WorkerMount } from '../../core/view/contract.ts';
import type { FactPair } from '../../core/view/facts.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { foreignFault, type Mount, readMounts } from '../../share/mounts.ts';
import type { Shares } from '../../share/shares.ts';
import { encodeShares, type Shares as SharesMessage } from '../../wire/control-messages.ts';
import type { Payload } from '../../wire/frame.ts';
import { maxShares } from '../../wire/limits.ts';
import type { Members } from './membership.ts';
import { Bucket } from './stranger-budget.ts';
import type { WorkerMounts } from './worker-mounts.ts';

/** Shares of one that is no member of any. */
const maxStrangersRoots = 8;
/** While a member file is not to be found: it may be on its way, or a share not be mounted yet. */
const againMs = [100, 400, 1_500, 6_000, 25_000] as const;
const lastAgainMs = 60_000;
/** What a stranger says makes us look at once so many times, and once more after each such time. */
const looks = { burst: 6, everyMs: 5_000 } as const;
/** For all of them together: each costs about 0.3 ms. A swarm that meets all at once is within the burst. */
const allLooks = { burst: 128, perS: 16 } as const;
/** The table of mounts is read again after this time. */
const mountsKeptMs = 1_000;
/** At a time: each more may start another disk thread. */
const looksAtOnce = 2;
/** File system calls that hang; with more of them, no stranger's paths are looked at. */
const maxHung = 2;
/** How long the first job in a share waits until the peers that are connected have found this one's file there. */
const firstWaitMs = 400;

export interface ShareTalkInit {
  readonly shares: Shares;
  readonly members: Members;
  readonly mounts: WorkerMounts;
  readonly disk: Disk;
  readonly now: () => number;
  readonly neighbours: () => PeerName[];
  readonly onCompared: (root: string, pair: FactPair) => void;
  /** A peer's file was found on a share. */
  readonly onProven: (peer: PeerName) => void;
  /** Both ends have found each other's file on a share. */
  readonly onUsable: (peer: PeerName) => void;
  readonly send: (to: PeerName, payload: Payload<'SHARES'>) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

interface Told {
  readonly mount: WorkerMount;
  readonly member: Fact;
  readonly seen: boolean;
}

interface Talker {
  /** What it said last. */
  told: Map<string, Told>;
  /** Shares on which both have found each other. */
  readonly usable: Set<string>;
  looking: boolean;
  /** It said something while its shares were looked at. */
  more: boolean;
  failures: number;
  /** The log has been told that it is no member of something. */
  doubted: boolean;
  looksLeft: number;
  looksAtMs: number;
  timer: NodeJS.Timeout | undefined;
}

export class ShareTalk {
  readonly #init: ShareTalkInit;
  readonly #talkers = new Map<PeerName, Talker>();
  readonly #first = new Map<string, Promise<void>>();
  readonly #waiting = new Set<() => void>();
  #mounts: { readonly read: Promise<readonly Mount[]>; readonly atMs: number } | undefined;
  readonly #looksLeft: Bucket;
  readonly #turns: (() => void)[] = [];
  #looking = 0;

  constructor(init: ShareTalkInit) {
    this.#init = init;
    this.#looksLeft = new Bucket(allLooks, init.now());
  }

  /** Says to these peers on which shares this one is a member, and where theirs was found. */
  tell(peers: readonly PeerName[]): void {
    const { members, send } = this.#init;
    const { joined } = members;
    if (joined.length === 0) return;
    for (const peer of peers) {
      const shares = joined.map((share) => ({ ...share, seen: members.isMember(share.root, peer) }));
      send(peer, encodeShares({ shares }));
    }
  }

  /** A peer says on which shares it is; its file there is looked for, and nothing else below the path it names. */
  hear(peer: PeerName, shares: SharesMessage['shares']): void {
    const talker = this.#talkerOf(peer);
    const most = this.#init.members.standing(peer) === 'stranger' ? maxStrangersRoots : maxShares;
    talker.told = new Map(
      shares
        .filter(({ root }) => root.startsWith('/') && resolvePath('/', root) === root)
        .slice(0, most)
        .map(({ root, member, seen, ...mount }) => [root, { mount, member, seen }]),
    );
    if (talker.looking) talker.more = true;
    else if (this.#mayLookNow(peer, talker)) void this.#look(peer, talker);
  }

  forget(peer: PeerName): void {
    clearTimeout(this.#talkers.get(peer)?.timer);
    this.#talkers.delete(peer);
    this.#wake();
  }

  stop(): void {
    for (const { timer } of this.#talkers.values()) clearTimeout(timer);
    this.#talkers.clear();
    this.#wake();
  }

  /** Whether jobs may go to that peer, on some share. */
  isUsable(peer: PeerName): boolean {
    return (this.#talkers.get(peer)?.usable.size ?? 0) > 0;
  }

  /** Waits, once a share, until the peers that are connected had the time to find this one's file there. */
  settled(root: string): Promise<void> {
    let first = this.#first.get(root);
    if (first === undefined) {
      first = this.#settle(root);
      this.#first.set(root, first);
    }
    return first;
  }

  async #settle(root: string): Promise<void> {
    const deadlineMs = this.#init.now() + firstWaitMs;
    const isMissing = (): boolean =>
      this.#init.neighbours().some((peer) => this.#talkers.get(peer)?.usable.has(root) !== true);
    while (isMissing() && this.#init.now() < deadlineMs) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#wake(), deadlineMs - this.#init.now());
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #talkerOf(peer: PeerName): Talker {
    let talker = this.#talkers.get(peer);
    if (talker === undefined) {
      talker = {
        told: new Map(),
        usable: new Set(),
        looking: false,
        more: false,
        failures: 0,
        doubted: false,
        looksLeft: looks.burst,
        looksAtMs: this.#init.now(),
        timer: undefined,
      };
      this.#talkers.set(peer, talker);
    }
    return talker;
  }

  /** False: what it said is looked at when its timer runs out. */
  #mayLookNow(peer: PeerName, talker: Talker): boolean {
    if (this.#init.members.standing(peer) !== 'stranger') return true;
    const gained = Math.floor((this.#init.now() - talker.looksAtMs) / looks.everyMs);
    talker.looksLeft = Math.min(looks.burst, talker.looksLeft + gained);
    talker.looksAtMs += gained * looks.everyMs;
    if (talker.looksLeft > 0) {
      talker.looksLeft -= 1;
      return true;
    }
    if (talker.timer === undefined) this.#lookLater(peer, talker, looks.everyMs);
    return false;
  }

  #lookLater(peer: PeerName, talker: Talker, delayMs: number): void {
    clearTimeout(talker.timer);
    talker.timer = setTimeout(() => {
      talker.timer = undefined;
      if (!talker.looking) void this.#look(peer, talker);
    }, delayMs);
    talker.timer.unref();
  }

  /** Looks for a peer on the shares that it named, one after the other. */
  async #look(peer: PeerName, talker: Talker): Promise<void> {
    talker.looking = true;
    talker.more = false;
    let isMissing = false;
    for (const [root, told] of talker.told) {
      try {
        if (!(await this.#lookAt(peer, talker, root, told))) isMissing = true;
      } catch (error) {
        isMissing = true;
        this.#doubt(talker, 'a share could not be looked at', { peer, error: String(error).slice(0, 300) });
      }
      if (this.#talkers.get(peer) !== talker) return;
    }
    talker.looking = false;
    if (isMissing) {
      this.#lookLater(peer, talker, againMs[talker.failures] ?? lastAgainMs);
      talker.failures += 1;
    } else talker.failures = 0;
    if (talker.more && this.#mayLookNow(peer, talker)) void this.#look(peer, talker);
  }

  #mountsNow(): Promise<readonly Mount[]> {
    const nowMs = this.#init.now();
    if (this.#mounts === undefined || nowMs - this.#mounts.atMs > mountsKeptMs)
      this.#mounts = { read: readMounts(), atMs: nowMs };
    return this.#mounts.read;
  }

  async #inTurn<Result>(look: () => Promise<Result>): Promise<Result> {
    if (this.#looking >= looksAtOnce) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#looking += 1;
    try {
      return await look();
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#looking -= 1;
      else next();
    }
  }

  /** One line a peer: others decide how often this happens. */
  #doubt(talker: Talker, message: string, facts: Record<string, unknown>): void {
    if (talker.doubted) return;
    talker.doubted = true;
    this.#init.log(message, facts);
  }

  /** @returns whether its file was found there. */
  async #lookAt(peer: PeerName, talker: Talker, root: string, told: Told): Promise<boolean> {
    const { shares, members, mounts, disk } = this.#init;
    const wasMember = members.isMember(root, peer);
    const isStranger = members.standing(peer) === 'stranger';
    if (isStranger) {
      if (disk.hungThreads > maxHung || !this.#looksLeft.take(1, this.#init.now())) return false;
      const fault = foreignFault(await this.#mountsNow(), root, process.getuid?.() ?? -1);
      if (fault !== undefined) {
        this.#doubt(talker, 'a share that a peer names is not looked at', { peer, why: fault });
        return false;
      }
    }
    // First of all: before this nothing there is looked at, and nothing is made.
    const membership = await (isStranger
      ? this.#inTurn(() => members.check(root, peer))
      : members.check(root, peer));
    if (this.#talkers.get(peer) !== talker) return true;
    if (!membership.ok) {
      this.#doubt(talker, 'a peer is no member of a share', { peer, why: membership.why.slice(0, 300) });
      return false;
    }
    const found = await shares.find(root);
    if (!found.ok || found.share.root !== root) return false;
    if (!(await members.join(found.share)).ok) return false;
    if (!wasMember) {
      this.#init.onProven(peer);
      // Both look at one file that nobody changes: what they see alike can be compared from now on.
      const [mine = absent] = await readFacts(disk, [memberPath(root, peer)], { fresh: true });
      if (this.#talkers.get(peer) !== talker) return true;
      this.#init.onCompared(root, { mine, theirs: told.member });
      this.tell([peer]);
    }
    if (!told.seen && talker.usable.delete(root)) {
      // It had found us and has forgotten: its connection to us was made anew, which we have not noticed.
      this.tell([peer]);
    }
    if (told.seen) {
      mounts.set(peer, root, told.mount);
      const isNew = talker.usable.size === 0;
      talker.usable.add(root);
      if (isNew) this.#init.onUsable(peer);
      this.#wake();
    }
    return true;
  }
}
