/**
 * The submitter's side of views, for one share. It keeps what its machine has seen of the directories that its jobs
 * search, and up to which change each worker has confirmed to have refreshed each of them. From that follow what a
 * worker must be told with an offer, and whether what an attempt read is proven. Pure: the code around does the looking.
 *
 * Why it holds: a worker that refreshed a directory after a change of it sees that change; a directory that shows the
 * same times as when it was refreshed has not changed since (once settled, see ./path-table.ts); so all that must be
 * refreshed is what differs at a look that began after the job was handed in.
 */
import { Ages, type ServerClock } from './ages.ts';
import {
  type FactField,
  factFields,
  type NamedFact,
  type PrepareStep,
  type ReadReport,
  type Verdict,
  type ViewAnswer,
  type ViewCheck,
  type ViewJob,
  type WorkerMount,
} from './contract.ts';
import { sameFact } from './facts.ts';
import {
  type AttemptView,
  createJobView,
  filesOf,
  foreign,
  type JobView,
  misleading,
  parseItem,
  pathsOf,
} from './job-view.ts';
import { type PathEntry, PathTable, tickMs } from './path-table.ts';
import { Remembered, type Searched } from './remembered.ts';
import { earlierDirectories } from './searched.ts';
import { type Walk, walk } from './walk.ts';
import { type ReadItem, type Told, WorkerRecord } from './worker-record.ts';

export interface ViewLimits {
  /** Directories (and files of commands that go by `stat`) that are watched. @default 65536 */
  readonly maxWatched: number;
  /** Paths of any kind. @default 262144 */
  readonly maxEntries: number;
  /** Jobs of which is remembered what they read. @default 16384 */
  readonly maxObjects: number;
  /** Directories below the include directories of one job that are watched before anything is known of it. @default 512 */
  readonly maxPredicted: number;
}

export interface SubmitterViewOptions {
  /** Root of the share; a real path. */
  readonly root: string;
  /** @default all of them */
  readonly fields?: readonly FactField[];
  readonly limits?: Partial<ViewLimits>;
  /** Switched off; for tests only. */
  readonly without?: readonly ViewCheck[];
}

/** How an attempt ended, as far as its view is concerned. */
export interface Outcome {
  readonly succeeded: boolean;
  /** Undefined: there was no dependency file. */
  readonly report: ReadReport | undefined;
}

const overflow = { kind: 'inline', because: 'more directories are searched than a view can hold' } as const;

export class SubmitterView {
  readonly #table: PathTable;
  readonly #limits: ViewLimits;
  readonly #remembered: Remembered;
  readonly #ages: Ages;
  readonly #without: ReadonlySet<ViewCheck>;
  #workers = new Map<string, WorkerRecord>();
  #fields: readonly FactField[];

  constructor(options: SubmitterViewOptions) {
    const defaults = { maxWatched: 65_536, maxEntries: 262_144, maxObjects: 16_384, maxPredicted: 512 };
    this.#limits = { ...defaults, ...options.limits };
    this.#table = new PathTable(options.root, this.#limits);
    this.#remembered = new Remembered(this.#limits.maxObjects);
    this.#fields = options.fields ?? factFields;
    this.#without = new Set(options.without);
    this.#ages = new Ages(this.#without);
  }

  /** What `calibrate` found: facts are compared in these fields only. */
  setFields(fields: readonly FactField[]): void {
    this.#fields = fields;
  }

  /** Until this is called nothing is believed to be old: first runs are then repeated where a known clock would do. */
  setClock(clock: ServerClock): void {
    this.#ages.setClock(clock);
  }

  /** The worker is gone; what it confirmed and reported goes with it. */
  forgetWorker(name: string): void {
    this.#workers.delete(name);
  }

  /** A job was handed in at `nowMs`; nothing that was seen before is taken for its view. */
  begin(job: ViewJob, nowMs: number): JobView {
    if (this.#table.isFull()) this.#forgetAll();
    return createJobView(this.#table, this.#remembered.get(job.key), job, nowMs, {
      byStat: job.byStat && !this.#without.has('stat-readers'),
    });
  }

  /** What to do next to offer the job to this worker; after each step call again, until it is `offer` or `inline`. */
  prepare(view: JobView, workerName: string, mount: WorkerMount, nowMs: number): PrepareStep<AttemptView> {
    if (view.generation !== this.#table.generation) return overflow;
    const { look, present, unprovable } = this.#walk(view, view.wanted, view.includeEntries);
    if (look !== undefined) return look;
    const because = unprovable ?? misleading(view.left) ?? foreign(view.files);
    if (because !== undefined) return { kind: 'inline', because };
    const worker = this.#worker(workerName);
    const inputs = new Set(view.inputs.map((entry) => entry.real));
    const statFiles = new Set([...view.statFiles].map((entry) => entry.real));
    const told: Told[] = [];
    const proven = new Set<PathEntry>();
    const bump: string[] = [];
    let untilMs = Infinity;
    for (const entry of present) {
      const isDirectory = entry.fact?.kind === 'directory';
      const isInput = !isDirectory && inputs.has(entry);
      if (!isDirectory && !isInput && !statFiles.has(entry)) continue;
      this.#table.watch(entry);
      proven.add(entry);
      let lasting = true;
      if (mount.timesOnly && isDirectory && !this.#without.has('bump')) {
        const moved = this.#ages.timesMovedOn(view, mount, entry);
        if (moved === 'never')
          return { kind: 'inline', because: `${entry.path} just changed and cannot be touched by us` };
        if (moved === 'not-yet') {
          const atMs = entry.seenMs + tickMs;
          if (atMs > nowMs) untilMs = Math.min(untilMs, atMs);
          else bump.push(entry.path);
        }
        lasting = moved === 'for-good';
      }
      if (lasting && worker.sequenceOf(entry) >= entry.sequence) continue;
      if (!isInput && this.#ages.isQuiet(view, mount, entry)) continue;
      told.push({ entry, sequence: entry.sequence, lasting });
    }
    if (bump.length > 0) return { kind: 'bump', directories: bump };
    if (untilMs < Infinity) return { kind: 'wait', untilMs };
    return {
      kind: 'offer',
      offer: {
        refresh: this.#without.has('refresh-changed') ? [] : pathsOf(told, 'directory'),
        files: this.#without.has('named-files') ? [] : filesOf(view, told),
        fields: this.#fields,
        knownReports: worker.knownReports,
      },
      attempt: {
        worker,
        mount,
        offeredMs: nowMs,
        stamp: ++this.#table.counter,
        told,
        proven,
        ready: false,
      },
    };
  }

  /** What `lstat` saw of each path; `beganMs` is before the first of these looks, `nowMs` after the last. */
  observe(seen: readonly NamedFact[], beganMs: number, nowMs: number): void {
    for (const { path, fact } of seen)
      if (this.#table.isInside(path))
        this.#table.observe(this.#table.entry(path), fact, beganMs, nowMs, this.#ages.isOld(fact, beganMs));
  }

  /** What `readlink` gave; the facts of these paths were observed before. Leave out a link that is gone. */
  observeLinks(seen: readonly { readonly path: string; readonly target: string }[]): void {
    for (const { path, target } of seen) {
      const entry = this.#table.find(path);
      if (entry?.fact?.kind === 'link') entry.target = target;
    }
  }

  /** The names of the sub-directories of each (none of one that is gone); `beganMs` as for {@link observe}. */
  observeLists(
    seen: readonly { readonly path: string; readonly names: readonly string[] }[],
    beganMs: number,
  ): void {
    for (const { path, names } of seen) {
      const entry = this.#table.find(path);
      if (entry === undefined) continue;
      entry.subdirectories = names.flatMap((name) =>
        name.startsWith('.') ? [] : this.#table.child(entry, name),
      );
      entry.listedAt = entry.lookEndedMs <= beganMs ? entry.sequence : -1;
      entry.listedMs = beganMs;
    }
  }

  /** What was seen of each directory after the bump that was asked for; `failed` are those that could not be bumped. */
  bumped(seen: readonly NamedFact[], failed: readonly string[], beganMs: number, nowMs: number): void {
    for (const { path } of seen) {
      const entry = this.#table.find(path);
      if (entry === undefined) continue;
      entry.vainBumps++;
      // If the server's clock has not moved, a tick is longer there: wait for another one.
      entry.seenMs = nowMs;
    }
    for (const path of failed) {
      const entry = this.#table.find(path);
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
      attempt.worker.confirm(attempt.told, ++this.#table.counter);
      return true;
    }
    for (const { path } of answer.files) this.#distrust(path);
    return false;
  }

  /** May the result of this attempt be the job's? After a `look` step call again with the same outcome. */
  judge(view: JobView, attempt: AttemptView, outcome: Outcome): Verdict {
    if (view.generation !== this.#table.generation) return overflow;
    if (outcome.report === undefined) return this.#judgeUnreported(view, outcome.succeeded);
    if (!attempt.ready) throw new Error('internal: judging an attempt that was never ready');
    const read = attempt.worker.take(outcome.report, (path, fact) => parseItem(this.#table, path, fact));
    if (read === undefined)
      return {
        kind: 'again',
        reason: 'stale-view',
        because: 'parts of the report of what was read never came',
      };
    const searched = this.#searched(view, read);
    const left = new Set(read.flatMap((item) => item.left));
    const seeds = [...searched.watched, ...searched.files, ...left];
    const { look, present, unprovable } = this.#walk(view, seeds, []);
    if (look !== undefined) return look;
    const because = unprovable ?? misleading(left) ?? foreign(read.flatMap((item) => item.entry ?? []));
    if (because !== undefined) return { kind: 'inline', because };
    this.#remembered.set(view.job.key, searched);
    for (const entry of searched.watched) view.wanted.add(entry);
    if (view.job.byStat && !this.#without.has('stat-readers')) {
      for (const entry of searched.files) {
        view.wanted.add(entry);
        view.statFiles.add(entry);
      }
    }
    const stale = read.find((item) => this.#isStale(view, attempt, item));
    if (stale !== undefined) {
      this.#distrust(stale.path);
      return { kind: 'again', reason: 'stale-view', because: `${stale.path} was not read as it is here` };
    }
    const untilMs = this.#settling(view, read);
    if (untilMs !== undefined) return { kind: 'wait', untilMs };
    const files =
      view.job.byStat && !this.#without.has('stat-readers')
        ? new Set(searched.files.map((entry) => entry.real))
        : undefined;
    const unproven = present.find(
      (entry) =>
        (entry.fact?.kind === 'directory' || files?.has(entry) === true) &&
        !this.#isProven(view, attempt, entry),
    );
    if (unproven !== undefined && !this.#without.has('searched-directories'))
      return {
        kind: 'again',
        reason: 'view-grew',
        because: `${unproven.path} was searched before it was refreshed`,
      };
    return { kind: 'believed' };
  }

  /** How much is held. */
  get sizes(): { paths: number; watched: number; objects: number; workers: number } {
    return {
      paths: this.#table.size,
      watched: this.#table.watched,
      objects: this.#remembered.size,
      workers: this.#workers.size,
    };
  }

  #judgeUnreported(view: JobView, succeeded: boolean): Verdict {
    if (succeeded && !view.job.reports) return { kind: 'believed' };
    if (!succeeded && this.#without.has('failure-proof')) return { kind: 'believed' };
    const because = succeeded
      ? 'no dependency file says what was read'
      : 'it failed, and nothing says what it saw';
    return { kind: 'inline', because };
  }

  #walk(view: JobView, seeds: Iterable<PathEntry>, predictBelow: readonly PathEntry[]): Walk {
    return walk(this.#table, {
      seeds,
      predictBelow: this.#without.has('predicted') ? [] : predictBelow,
      maxPredicted: this.#limits.maxPredicted,
      sinceMs: this.#without.has('look-after-hand-in') ? -Infinity : view.handedInMs,
      ancestors: !this.#without.has('ancestors'),
      links: !this.#without.has('links'),
    });
  }

  #searched(view: JobView, read: readonly ReadItem[]): Searched {
    const { includeDirs } = view;
    const files = read.flatMap((item) => item.entry ?? []);
    const outsideDirs = read.flatMap((item) => (item.entry === undefined ? item.path : []));
    const known = this.#remembered.get(view.job.key);
    if (
      known !== undefined &&
      sameItems(known.files, files) &&
      sameItems(known.outsideDirs, outsideDirs) &&
      sameItems(known.includeDirs, includeDirs)
    )
      return known;
    const watched = new Set<PathEntry>();
    for (const entry of files) if (entry.parent !== undefined) watched.add(entry.parent);
    if (!this.#without.has('earlier-directories')) {
      const paths = files.map((entry) => entry.path);
      for (const path of earlierDirectories({ includeDirs, files: paths, outsideDirs }))
        if (this.#table.isInside(path)) watched.add(this.#table.entry(path));
    }
    return { includeDirs, outsideDirs, watched: [...watched], files };
  }

  #isStale(view: JobView, attempt: AttemptView, item: ReadItem): boolean {
    if (item.entry === undefined || this.#without.has('read-files')) return false;
    // Gone with its directory, it has no fact of its own.
    if (item.entry.gone) return true;
    const { real } = item.entry;
    if (real?.fact === undefined) return false;
    if (!sameFact(real.fact, item.fact, this.#fields)) return true;
    if (this.#without.has('changed-since') || real.sinceMs <= attempt.offeredMs) return false;
    // First seen like this after the command started, and by the server's clock it may be younger than the job: what
    // was read then may have been written back only since (by a program here that holds it open).
    return !this.#ages.isOlder(real.changedMs, view.handedInMs);
  }

  /** What was only seen in the tick of a change may have changed once more in it, and be written back since: look again after it. */
  #settling(view: JobView, read: readonly ReadItem[]): number | undefined {
    if (this.#without.has('changed-since')) return undefined;
    let untilMs: number | undefined;
    for (const { entry } of read) {
      const real = entry?.real;
      if (real === undefined || real.settled || this.#ages.isOlder(real.changedMs, view.handedInMs)) continue;
      untilMs = Math.max(untilMs ?? 0, real.seenMs + tickMs);
      real.lookedMs = -Infinity;
    }
    return untilMs;
  }

  #isProven(view: JobView, attempt: AttemptView, entry: PathEntry): boolean {
    if (attempt.proven.has(entry)) return true;
    if (attempt.worker.sequenceOf(entry) >= entry.sequence) {
      if (this.#without.has('acknowledged-before')) return true;
      if (attempt.worker.stampOf(entry) < attempt.stamp) return true;
    }
    return this.#ages.isQuiet(view, attempt.mount, entry);
  }

  #distrust(path: string): void {
    if (!this.#table.isInside(path)) return;
    for (let at: PathEntry | undefined = this.#table.entry(path); at !== undefined; at = at.parent) {
      this.#table.distrust(at);
      const real: PathEntry | undefined = at.real;
      if (real !== undefined && real !== at) this.#table.distrust(real);
    }
  }

  #worker(name: string): WorkerRecord {
    const known = this.#workers.get(name);
    if (known !== undefined) return known;
    const worker = new WorkerRecord(name);
    this.#workers.set(name, worker);
    return worker;
  }

  #forgetAll(): void {
    this.#table.forgetAll();
    this.#remembered.clear();
    this.#workers = new Map();
  }
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}
