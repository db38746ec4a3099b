/** What the age of a change proves: by the server's clock, and by its ticks. */
import type { Fact } from '../fact.ts';
import type { WorkerMount } from './contract.ts';
import { changedAtMs, identical } from './facts.ts';
import type { JobView } from './job-view.ts';
import type { PathEntry } from './path-table.ts';
import { quietMarginMs, type ViewRules } from './rules.ts';

/** How far the server's clock is ahead of the local one that all `…Ms` are of, and by how much that may be wrong. */
export interface ServerClock {
  readonly aheadMs: number;
  readonly uncertaintyMs: number;
}

const unknown: ServerClock = { aheadMs: 0, uncertaintyMs: Infinity };

/** So often a directory is bumped without effect before we give up. */
const maxVainBumps = 5;

/** Tells by the server's clock how old a change is, and what follows from that. */
export class ChangeClock {
  readonly #rules: ViewRules;
  /** Unknown: nothing is certainly old. */
  #clock: ServerClock = unknown;
  #isDoubted = false;

  constructor(rules: ViewRules) {
    this.#rules = rules;
  }

  setClock(clock: ServerClock): void {
    this.#clock = clock;
    this.#isDoubted = false;
  }

  /** The server's clock was set back since it was compared: nothing is certainly old until it is compared anew. */
  get isDoubted(): boolean {
    return this.#isDoubted;
  }

  /** What a new look at a path saw: did it change at a time by the server's clock that was over when it was looked at before? */
  weigh({ fact: before, lookedMs }: PathEntry, fact: Fact): void {
    // Another inode may be older than its name.
    if (before === undefined || before.inode !== fact.inode || before.kind !== fact.kind) return;
    if (fact.kind === 'absent' || identical(before, fact)) return;
    const isBefore = this.isOlder(changedAtMs(fact), lookedMs - quietMarginMs);
    if (!this.#rules.tellsOfClock(isBefore)) return;
    this.#clock = unknown;
    this.#isDoubted = true;
  }

  /** A time of the server's clock lies before a local one, for certain. */
  isOlder(serverMs: number, localMs: number): boolean {
    const { aheadMs, uncertaintyMs } = this.#clock;
    return serverMs < localMs + aheadMs - uncertaintyMs;
  }

  /** It changed so long before the job that no cache is old enough to have it otherwise. */
  isQuiet(view: JobView, mount: WorkerMount, entry: PathEntry): boolean {
    if (mount.timesOnly || entry.distrusted) return false;
    return this.isOlder(entry.changedMs, view.handedInMs - this.#rules.quietAfterMs(mount));
  }

  /** So old that no further change can show the same times. */
  isOld(fact: Fact, lookedMs: number): boolean {
    return this.#rules.settlesAtOnce(this.isOlder(changedAtMs(fact), lookedMs - quietMarginMs));
  }

  /**
   * A mount that judges by times alone may have looked at the directory in the tick of its last change, and would never
   * see that change. Once its ctime has moved on from what it was at the job's first look, it sees all from before.
   */
  timesMovedOn(
    view: JobView,
    mount: WorkerMount,
    entry: PathEntry,
  ): 'for-good' | 'for-this-job' | 'not-yet' | 'never' {
    const { fact } = entry;
    if (fact === undefined || (entry.clean && !entry.distrusted)) return 'for-good';
    const first = view.firstSeen.get(entry);
    if (first === undefined || first.inode !== fact.inode) view.firstSeen.set(entry, fact);
    else if (first.ctimeNs !== fact.ctimeNs && !entry.distrusted) return 'for-this-job';
    if (entry.vainBumps < maxVainBumps) return 'not-yet';
    return this.isQuiet(view, { ...mount, timesOnly: false }, entry) ? 'for-good' : 'never';
  }
}
