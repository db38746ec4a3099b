/**
 * The submitter's side of views, for one share. It keeps what its machine has seen of the directories that its jobs
 * search, and up to which change each worker has confirmed to have refreshed each of them. From that follow what a
 * worker must be told with an offer, and whether what an attempt read is proven. Pure: the code around does the looking.
 *
 * Why it holds: a worker that refreshed a directory after a change of it sees that change; a directory that shows the
 * same times as when it was refreshed has not changed since (once settled, see ./path-table.ts); so all that must be
 * refreshed is what differs at a look that began after the job was handed in.
 */
import { BoundedMap } from '../bounded-map.ts';
import { isBelow, parentOf } from '../paths.ts';
import { ChangeClock, type ServerClock } from './change-clock.ts';
import {
  type FactField,
  factFields,
  type HeldLooks,
  type NamedFact,
  type PrepareStep,
  type ToldChanges,
  type ViewAnswer,
  type ViewJob,
  type ViewVerdict,
  type WorkerMount,
} from './contract.ts';
import { type AttemptView, createJobView, type JobView } from './job-view.ts';
import { type AttemptOutcome, judgeOutcome } from './judge.ts';
import { PathTable } from './path-table.ts';
import { prepareOffer } from './prepare.ts';
import { type ViewRules, viewRules } from './rules.ts';
import { distrust, type SubmitterState, type ViewLimits } from './submitter-state.ts';

/** Kinships of which is remembered what their jobs search. */
const maxKinships = 1_024;

export interface SubmitterViewOptions {
  /** Root of the share; a real path. */
  readonly root: string;
  /** @default all of them */
  readonly fields?: readonly FactField[];
  readonly limits?: Partial<ViewLimits>;
  /** @default viewRules; tests give others. */
  readonly rules?: ViewRules;
}

export class SubmitterView {
  readonly #state: SubmitterState;

  constructor(options: SubmitterViewOptions) {
    const defaults = { maxWatched: 65_536, maxEntries: 262_144, maxObjects: 16_384, maxPredicted: 512 };
    const limits = { ...defaults, ...options.limits };
    const rules = options.rules ?? viewRules;
    this.#state = {
      table: new PathTable(options.root, limits),
      limits,
      remembered: new BoundedMap(limits.maxObjects),
      kinSearches: new BoundedMap(maxKinships),
      changeClock: new ChangeClock(rules),
      rules,
      workers: new Map(),
      fields: options.fields ?? factFields,
    };
  }

  /** What `calibrate` found: facts are compared in these fields only. */
  setFields(fields: readonly FactField[]): void {
    this.#state.fields = fields;
  }

  /** Until this is called nothing is believed to be old: first runs are then repeated where a known clock would do. */
  setClock(clock: ServerClock): void {
    this.#state.changeClock.setClock(clock);
  }

  /** The worker is gone; what it confirmed and reported goes with it. */
  forgetWorker(name: string): void {
    this.#state.workers.delete(name);
  }

  /**
   * A job was handed in at `nowMs`; nothing that was seen before is taken for its view.
   *
   * @param expected - directories that it may search, by what is known of it otherwise than by its words.
   */
  begin(job: ViewJob, nowMs: number, expected: readonly string[] = []): JobView {
    const { table, remembered, rules } = this.#state;
    if (table.isFull()) this.#forgetAll();
    return createJobView(table, remembered.use(job.key), job, nowMs, {
      byStat: rules.goesByStat(job),
      expected,
    });
  }

  /** Whether this job is known from an earlier run, or its like is: else its sources' words say more than nothing. */
  isKnown(job: ViewJob): boolean {
    const { remembered, kinSearches, rules } = this.#state;
    const kinships = rules.kinshipsOf(job);
    return (
      remembered.has(job.key) || (kinships.length > 0 && kinships.every((each) => kinSearches.has(each)))
    );
  }

  /** What to do next to offer the job to this worker; after each step call again, until it is `offer` or `inline`. */
  prepare(view: JobView, workerName: string, mount: WorkerMount, nowMs: number): PrepareStep<AttemptView> {
    return prepareOffer(this.#state, view, workerName, mount, nowMs);
  }

  /**
   * What `lstat` saw of each path; `beganMs` is before the first of these looks, `nowMs` after the last.
   *
   * @param held - those that were looked at with a watch.
   */
  observe(seen: readonly NamedFact[], beganMs: number, nowMs: number, held?: HeldLooks): void {
    const { table, changeClock, rules } = this.#state;
    const inside = seen.filter(({ path }) => table.isInside(path));
    // All of them first: what one of them tells of the clock counts for the others.
    for (const { path, fact } of inside) changeClock.weigh(table.entry(path), fact);
    for (const { path, fact } of inside)
      table.observe(table.entry(path), fact, beganMs, nowMs, changeClock.isOld(fact, beganMs));
    if (held === undefined || !rules.isHeld(table.isOvertaken(held.generation))) return;
    for (const { path } of inside) if (held.paths.has(path)) table.hold(table.entry(path), beganMs);
  }

  /** All that changed before `beganMs` of what was looked at with a watch, and has not been told before. */
  told({ generation, changes, everything }: ToldChanges, beganMs: number): void {
    const { table, rules } = this.#state;
    if (everything) table.releaseAll();
    const elsewhere: string[] = [];
    for (const { kind, path } of changes) {
      const entry = table.find(path);
      if (entry !== undefined && !rules.holds(true)) entry.held = -1;
      if (kind === 'node') continue;
      // The way to the share leads elsewhere: nothing above its root is known by name.
      if (isBelow(path, table.root)) table.releaseAll();
      if (entry?.isWay === true && rules.changesBelow()) elsewhere.push(path);
      const directory = rules.changesDirectory() ? table.find(parentOf(path)) : undefined;
      if (directory !== undefined) directory.held = -1;
    }
    table.releaseBelow(elsewhere);
    table.told(generation, beganMs);
  }

  /** Nobody tells of changes any more, until somebody else begins to. */
  lostSight(): void {
    this.#state.table.startTellingAnew();
  }

  /** The clock of the server must be compared anew, see {@link setClock}: it was seen to have been set back. */
  get isClockDoubted(): boolean {
    return this.#state.changeClock.isDoubted;
  }

  /** What `readlink` gave; the facts of these paths were observed before. Leave out a link that is gone. */
  observeLinks(seen: readonly { readonly path: string; readonly target: string }[]): void {
    for (const { path, target } of seen) {
      const entry = this.#state.table.find(path);
      if (entry?.fact?.kind === 'link') entry.target = target;
    }
  }

  /** The names of the sub-directories of each (none of one that is gone); `beganMs` as for {@link observe}. */
  observeLists(
    seen: readonly { readonly path: string; readonly names: readonly string[] }[],
    beganMs: number,
  ): void {
    for (const { path, names } of seen) {
      const entry = this.#state.table.find(path);
      if (entry === undefined) continue;
      entry.subdirectories = names.flatMap((name) =>
        name.startsWith('.') ? [] : this.#state.table.child(entry, name),
      );
      entry.listedAt = entry.lookEndedMs <= beganMs ? entry.sequence : -1;
      entry.listedMs = beganMs;
    }
  }

  /** What was seen of each directory after the bump that was asked for; `failed` are those that could not be bumped. */
  bumped(seen: readonly NamedFact[], failed: readonly string[], beganMs: number, nowMs: number): void {
    for (const { path } of seen) {
      const entry = this.#state.table.find(path);
      if (entry === undefined) continue;
      entry.vainBumps++;
      // If the server's clock has not moved, a tick is longer there: wait for another one.
      entry.seenMs = nowMs;
    }
    for (const path of failed) {
      const entry = this.#state.table.find(path);
      if (entry !== undefined) entry.vainBumps = Infinity;
    }
    this.observe(seen, beganMs, nowMs);
  }

  /**
   * The worker's answer to an offer.
   *
   * @returns true if the command runs there now. Otherwise {@link prepare} a new offer, here or elsewhere: what was seen
   *   to differ will be refreshed from the root of the share down, and bumped where that helps.
   */
  answered(attempt: AttemptView, answer: ViewAnswer): boolean {
    if (answer.kind === 'ready') {
      attempt.ready = true;
      attempt.worker.confirm(attempt.told, ++this.#state.table.counter);
      return true;
    }
    for (const { path } of answer.files) distrust(this.#state, path);
    return false;
  }

  /** May the result of this attempt be the job's? After a `look` step call again with the same outcome. */
  judge(view: JobView, attempt: AttemptView, outcome: AttemptOutcome): ViewVerdict {
    return judgeOutcome(this.#state, view, attempt, outcome);
  }

  /** How much is held. */
  get sizes(): { paths: number; watched: number; objects: number; workers: number } {
    const { table, remembered, workers } = this.#state;
    return { paths: table.size, watched: table.watched, objects: remembered.size, workers: workers.size };
  }

  #forgetAll(): void {
    const { table, remembered, kinSearches, workers } = this.#state;
    table.forgetAll();
    remembered.clear();
    kinSearches.clear();
    workers.clear();
  }
}
