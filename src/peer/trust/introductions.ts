/**
 * Introduces this peer and others to one another. A submitter says on which shares it is a member; a peer that finds its
 * file there, through its own mount, becomes a member too, and says how it mounts the share and whose files it found.
 * A peer is used for jobs when both ends have found each other's file.
 *
 * The sender may be a stranger. Of the paths that it names only its own member file is looked for, within the bounds of
 * {@link StrangerLooks}.
 */

import type { Bucket } from '../../core/bucket.ts';
import { absent, type Fact } from '../../core/fact.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { resolvePath } from '../../core/paths.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { memberPath } from '../../core/share-layout.ts';
import type { WorkerMount } from '../../core/view/contract.ts';
import type { FactPair } from '../../core/view/facts.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import type { Shares } from '../../share/shares.ts';
import { encodeShares, type Shares as SharesMessage } from '../../wire/control-messages.ts';
import type { Payload } from '../../wire/frame.ts';
import { maxShares } from '../../wire/limits.ts';
import { FirstWait } from './first-wait.ts';
import type { Membership } from './membership.ts';
import { StrangerLooks } from './stranger-looks.ts';
import type { WorkerMounts } from './worker-mounts.ts';

/** Shares that a stranger may name. */
const maxStrangersShares = 8;
/** Pauses while a member file is not found: it may be on its way, or a share not be mounted yet. */
const againMs = [100, 400, 1_500, 6_000, 25_000] as const;
const lastAgainMs = 60_000;
/** A stranger that has used up its looks is looked at after this time. */
const strangerAgainMs = 5_000;

export interface IntroductionsInit {
  readonly shares: Shares;
  readonly members: Membership;
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

/** What a peer says of one share. */
interface Claim {
  readonly mount: WorkerMount;
  /** Its member file as it sees it. */
  readonly member: Fact;
  /** It has found this peer's file there. */
  readonly seen: boolean;
}

/** No root is called that. */
const noShare = '';

/** What one peer has said, and what came of it. */
interface Introduction {
  /** Its newest claims, by root of the share. */
  claims: Map<string, Claim>;
  /** Shares on which both have found each other. */
  readonly usable: Set<string>;
  isLooking: boolean;
  /** It said something new while its claims were checked. */
  hasMore: boolean;
  failures: number;
  /** The log has one line of it. */
  isLogged: boolean;
  readonly looks: Bucket;
  timer: NodeJS.Timeout | undefined;
}

export class Introductions {
  readonly #init: IntroductionsInit;
  readonly #introductions = new Map<PeerName, Introduction>();
  readonly #looks: StrangerLooks;
  readonly #firstWait: FirstWait;

  constructor(init: IntroductionsInit) {
    this.#init = init;
    this.#looks = new StrangerLooks(init.disk, init.now);
    this.#firstWait = new FirstWait({
      now: init.now,
      neighbours: init.neighbours,
      isUsable: (peer, root) =>
        root === noShare ? !this.#isStranger(peer) : this.#introductions.get(peer)?.usable.has(root) === true,
    });
  }

  /** Tells these peers on which shares this one is a member, and where their files were found. */
  tell(peers: readonly PeerName[]): void {
    const { members, send } = this.#init;
    const { joined } = members;
    if (joined.length === 0) return;
    for (const peer of peers) {
      const shares = joined.map((share) => ({ ...share, seen: members.isMember(share.root, peer) }));
      send(peer, encodeShares({ shares }));
    }
  }

  /** A peer says on which shares it is a member. */
  hear(peer: PeerName, shares: SharesMessage['shares']): void {
    const introduction = this.#introductionOf(peer);
    const most = this.#isStranger(peer) ? maxStrangersShares : maxShares;
    introduction.claims = new Map(
      shares
        .filter(({ root }) => root.startsWith('/') && resolvePath('/', root) === root)
        .slice(0, most)
        .map(({ root, member, seen, ...mount }) => [root, { mount, member, seen }]),
    );
    if (introduction.isLooking) introduction.hasMore = true;
    else if (this.#mayLookNow(peer, introduction)) void this.#look(peer, introduction);
  }

  forget(peer: PeerName): void {
    clearTimeout(this.#introductions.get(peer)?.timer);
    this.#introductions.delete(peer);
    this.#firstWait.wake();
  }

  stop(): void {
    for (const { timer } of this.#introductions.values()) clearTimeout(timer);
    this.#introductions.clear();
    this.#firstWait.wake();
  }

  /** Whether jobs may go to that peer, on some share. */
  isUsable(peer: PeerName): boolean {
    return (this.#introductions.get(peer)?.usable.size ?? 0) > 0;
  }

  /**
   * Waits, once a share, until the peers that are connected had the time to find this one's file there; without a share, to
   * show who they are.
   */
  settled(root = noShare): Promise<void> {
    return this.#firstWait.settled(root);
  }

  #isStranger(peer: PeerName): boolean {
    return this.#init.members.standing(peer) === 'stranger';
  }

  #introductionOf(peer: PeerName): Introduction {
    return getOrMake(this.#introductions, peer, () => ({
      claims: new Map(),
      usable: new Set(),
      isLooking: false,
      hasMore: false,
      failures: 0,
      isLogged: false,
      looks: this.#looks.bucket(),
      timer: undefined,
    }));
  }

  /** False: its claims are checked when its timer runs out. */
  #mayLookNow(peer: PeerName, introduction: Introduction): boolean {
    if (!this.#isStranger(peer) || introduction.looks.take(1, this.#init.now())) return true;
    if (introduction.timer === undefined) this.#lookLater(peer, introduction, strangerAgainMs);
    return false;
  }

  #lookLater(peer: PeerName, introduction: Introduction, delayMs: number): void {
    clearTimeout(introduction.timer);
    introduction.timer = setTimeout(() => {
      introduction.timer = undefined;
      if (!introduction.isLooking) void this.#look(peer, introduction);
    }, delayMs);
    introduction.timer.unref();
  }

  /** Checks the claims of a peer, one after the other. */
  async #look(peer: PeerName, introduction: Introduction): Promise<void> {
    introduction.isLooking = true;
    introduction.hasMore = false;
    let isMissing = false;
    for (const [root, claim] of introduction.claims) {
      try {
        if (!(await this.#isFound(peer, introduction, root, claim))) isMissing = true;
      } catch (error) {
        isMissing = true;
        this.#log(introduction, 'a share could not be looked at', { peer, why: String(error) });
      }
      if (!this.#isCurrent(peer, introduction)) return;
    }
    introduction.isLooking = false;
    if (isMissing) {
      this.#lookLater(peer, introduction, againMs[introduction.failures] ?? lastAgainMs);
      introduction.failures += 1;
    } else introduction.failures = 0;
    if (introduction.hasMore && this.#mayLookNow(peer, introduction)) void this.#look(peer, introduction);
  }

  #isCurrent(peer: PeerName, introduction: Introduction): boolean {
    return this.#introductions.get(peer) === introduction;
  }

  /** Writes one line a peer: others decide how often this happens. */
  #log(introduction: Introduction, message: string, { peer, why }: { peer: PeerName; why: string }): void {
    if (introduction.isLogged) return;
    introduction.isLogged = true;
    this.#init.log(message, { peer, why: why.slice(0, 300) });
  }

  /** @returns whether the peer's file was found on the share. */
  async #isFound(peer: PeerName, introduction: Introduction, root: string, claim: Claim): Promise<boolean> {
    const { shares, members } = this.#init;
    const wasMember = members.isMember(root, peer);
    // First of all: before this nothing there is looked at, and nothing is made.
    if (!(await this.#isMember(peer, introduction, root))) return false;
    if (!this.#isCurrent(peer, introduction)) return true;
    const found = await shares.find(root);
    if (!found.ok || found.share.root !== root) return false;
    if (!(await members.join(found.share)).ok) return false;
    if (!wasMember) await this.#proven(peer, introduction, root, claim);
    if (this.#isCurrent(peer, introduction)) this.#heardClaim(peer, introduction, root, claim);
    return true;
  }

  async #isMember(peer: PeerName, introduction: Introduction, root: string): Promise<boolean> {
    const { members } = this.#init;
    const isStranger = this.#isStranger(peer);
    if (isStranger) {
      if (!this.#looks.take()) return false;
      const why = this.#looks.fault(root);
      if (why !== undefined) {
        this.#log(introduction, 'a share that a peer names is not looked at', { peer, why });
        return false;
      }
    }
    const check = () => members.check(root, peer);
    const answer = await (isStranger ? this.#looks.inTurn(check) : check());
    if (!answer.ok) this.#log(introduction, 'a peer is not a member of a share', { peer, why: answer.why });
    return answer.ok;
  }

  /** Its file was found for the first time. */
  async #proven(peer: PeerName, introduction: Introduction, root: string, claim: Claim): Promise<void> {
    this.#init.onProven(peer);
    // Both look at one file that nobody changes: what they see of it alike can be compared from now on.
    const [mine = absent] = await readFacts(this.#init.disk, [memberPath(root, peer)], { fresh: true });
    if (!this.#isCurrent(peer, introduction)) return;
    this.#init.onCompared(root, { mine, theirs: claim.member });
    this.tell([peer]);
  }

  #heardClaim(peer: PeerName, introduction: Introduction, root: string, claim: Claim): void {
    if (!claim.seen) {
      // It had found this peer and has forgotten: its end of the connection was made anew, unnoticed at this end.
      if (introduction.usable.delete(root)) this.tell([peer]);
      return;
    }
    this.#init.mounts.set(peer, root, claim.mount);
    const isNew = introduction.usable.size === 0;
    introduction.usable.add(root);
    if (isNew) this.#init.onUsable(peer);
    this.#firstWait.wake();
  }
}
