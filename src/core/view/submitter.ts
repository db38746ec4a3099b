/**
 * The submitter's side of views, for one share. It keeps what its machine has seen of the directories that its jobs
 * search, and up to which change each worker has confirmed to have refreshed each of them. From that follow what a
 * worker must be told with an offer, and whether what an attempt read is proven. Pure: the code around does the looking.
 *
 * Why it holds: a worker that refreshed a directory after a change of it sees that change; a directory that shows the
 * same times as when it was refreshed has not changed since (once settled, see ./path-table.ts); so all that must be
 * refreshed is what differs at a look that began after the job was handed in.
 */
import type { Fact } from '../fact.ts';
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
import { type AttemptView, type JobView, locate, parentOf, Remembered, type Searched } from './job-view.ts';
import { type PathEntry, PathTable, tickMs } from './path-table.ts';
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

/** How far the server's clock is ahead of the local one that all `…Ms` are of, and by how much that may be wrong. */
export interface ServerClock {
  readonly aheadMs: number;
  readonly uncertaintyMs: number;
}

/** How an attempt ended, as far as its view is concerned. */
export interface Outcome {
  readonly succeeded: boolean;
  /** Undefined: there was no dependency file. */
  readonly report: ReadReport | undefined;
}

/** On top of how long attributes are cached and clocks differ: slow packets, slow servers. */
const quietMarginMs = 5_000;

/** So often a directory is bumped without effect before we give up. */
const maxVainBumps = 5;

const overflow = { kind: 'inline', because: 'more directories are searched than a view can hold' } as const;

export class SubmitterView {
  readonly #table: PathTable;
  readonly #limits: ViewLimits;
  readonly #remembered: Remembered;
  readonly #without: ReadonlySet<ViewCheck>;
  #workers = new Map<string, WorkerRecord>();
  #fields: readonly FactField[];
  #clock: ServerClock | undefined;

  constructor(options: SubmitterViewOptions) {
    const defaults = { maxWatched: 65_536, maxEntries: 262_144, maxObjects: 16_384, maxPredicted: 512 };
    this.#limits = { ...defaults, ...options.limits };
    this.#table = new PathTable(options.root, this.#limits);
    this.#remembered = new Remembered(this.#limits.maxObjects);
    this.#fields = options.fields ?? factFields;
    this.#without = new Set(options.without);
  }

  /** What `calibrate` found: facts are compared in these fields only. */
  setFields(fields: readonly FactField[]): void {
    this.#fields = fields;
  }

  /** Until this is called nothing is believed to be old: first runs are then repeated where a known clock would do. */
  setClock(clock: ServerClock): void {
    this.#clock = clock;
  }

  /** The worker is gone; what it confirmed and reported goes with it. */
  forgetWorker(name: string): void {
    this.#workers.delete(name);
  }

  /** A job was handed in at `nowMs`; nothing that was seen before is taken for its view. */
  begin(job: ViewJob, nowMs: number): JobView {
    if (this.#table.isFull()) this.#forgetAll();
    const table = this.#table;
    const wanted = new Set<PathEntry>();
    const left = new Set<PathEntry>();
    const want = (path: string): PathEntry | undefined => {
      if (!table.isInside(path)) return undefined;
      const entry = table.entry(path);
      wanted.add(entry);
      return entry;
    };
    const located = (path: string) => locate(table, job.cwd, path, left);
    const entriesOf = (paths: readonly string[]) => paths.flatMap((path) => want(located(path)) ?? []);
    want(located(job.cwd));
    const inputs = entriesOf(job.inputs);
    for (const input of inputs) if (input.parent !== undefined) wanted.add(input.parent);
    const includeDirs = job.includeDirs.map(located);
    const includeEntries = includeDirs.flatMap((path) => want(path) ?? []);
    entriesOf(job.otherDirs);
    for (const output of job.inPlaceOutputs) want(parentOf(located(output)));
    // A hidden name is new in its directory, whatever that holds; only the way there must be right.
    for (const output of job.renamedOutputs) want(parentOf(parentOf(located(output))));
    const remembered = this.#remembered.get(job.key);
    for (const entry of remembered?.watched ?? []) wanted.add(entry);
    const byStat = job.byStat && !this.#without.has('stat-readers');
    const statFiles = new Set(byStat ? remembered?.files : []);
    for (const entry of statFiles) wanted.add(entry);
    for (const entry of left) wanted.add(entry);
    return {
      job,
      handedInMs: nowMs,
      generation: table.generation,
      wanted,
      inputs,
      includeEntries,
      includeDirs,
      statFiles,
      left,
      firstSeen: new Map(),
    };
  }

  /** What to do next to offer the job to this worker; after each step call again, until it is `offer` or `inline`. */
  prepare(view: JobView, workerName: string, mount: WorkerMount, nowMs: number): PrepareStep<AttemptView> {
    if (view.generation !== this.#table.generation) return overflow;
    const { look, present, unprovable } = this.#walk(view, view.wanted, view.includeEntries);
    if (look !== undefined) return look;
    const because = unprovable ?? this.#misleading(view.left);
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
        const moved = this.#timesMovedOn(view, mount, entry);
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
      if (!isInput && this.#isQuiet(view, mount, entry)) continue;
      told.push({ entry, sequence: entry.sequence, lasting });
    }
    if (bump.length > 0) return { kind: 'bump', directories: bump };
    if (untilMs < Infinity) return { kind: 'wait', untilMs };
    return {
      kind: 'offer',
      offer: {
        refresh: this.#without.has('refresh-changed') ? [] : pathsOf(told, 'directory'),
        files: this.#without.has('named-files') ? [] : this.#filesOf(view, told),
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
        this.#table.observe(this.#table.entry(path), fact, beganMs, nowMs, this.#isOld(fact, beganMs));
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
    const read = attempt.worker.take(outcome.report, (path, fact) => this.#parse(path, fact));
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
    const because = unprovable ?? this.#misleading(left);
    if (because !== undefined) return { kind: 'inline', because };
    this.#remembered.set(view.job.key, searched);
    for (const entry of searched.watched) view.wanted.add(entry);
    const stale = read.find((item) => this.#isStale(view, attempt, item));
    if (stale !== undefined) {
      this.#distrust(stale.path);
      return { kind: 'again', reason: 'stale-view', because: `${stale.path} was not read as it is here` };
    }
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

  /** `..` after a link leads elsewhere than by name; so rare that such jobs stay here. */
  #misleading(left: ReadonlySet<PathEntry>): string | undefined {
    for (const entry of left)
      if (entry.real !== entry) return `a path goes up again with \`..\` from ${entry.path}, through a link`;
    return undefined;
  }

  #filesOf(view: JobView, told: readonly Told[]): NamedFact[] {
    const files: NamedFact[] = [];
    for (const { entry } of told)
      if (entry.fact !== undefined && entry.fact.kind !== 'directory')
        files.push({ path: entry.path, fact: entry.fact });
    for (const entry of view.inputs)
      if (entry.gone && entry.fact?.kind === 'absent') files.push({ path: entry.path, fact: entry.fact });
    return files;
  }

  #parse(path: string, fact: Fact): ReadItem {
    const left: PathEntry[] = [];
    const resolved = locate(this.#table, '/', path, { add: (entry) => left.push(entry) });
    const entry = this.#table.isInside(resolved) ? this.#table.entry(resolved) : undefined;
    return { path: resolved, fact, entry, left };
  }

  #searched(view: JobView, read: readonly ReadItem[]): Searched {
    const { includeDirs } = view;
    const files = read.flatMap((item) => item.entry ?? []);
    const known = this.#remembered.get(view.job.key);
    if (known !== undefined && sameItems(known.files, files) && sameItems(known.includeDirs, includeDirs))
      return known;
    const watched = new Set<PathEntry>();
    for (const entry of files) if (entry.parent !== undefined) watched.add(entry.parent);
    if (!this.#without.has('earlier-directories')) {
      const outsideDirs = read.flatMap((item) => (item.entry === undefined ? item.path : []));
      const paths = files.map((entry) => entry.path);
      for (const path of earlierDirectories({ includeDirs, files: paths, outsideDirs }))
        if (this.#table.isInside(path)) watched.add(this.#table.entry(path));
    }
    return { includeDirs, watched: [...watched], files };
  }

  #isStale(view: JobView, attempt: AttemptView, item: ReadItem): boolean {
    const real = item.entry?.real;
    if (item.entry === undefined || real?.fact === undefined) return false;
    if (this.#without.has('read-files')) return false;
    if (item.entry.gone || !sameFact(real.fact, item.fact, this.#fields)) return true;
    if (this.#without.has('changed-since') || real.sinceMs <= attempt.offeredMs) return false;
    // First seen like this after the command started, and by the server's clock it may be younger than the job: what
    // was read then may have been written back only since (by a program here that holds it open).
    return this.#clock === undefined || real.changedMs >= this.#serverMs(view.handedInMs, this.#clock);
  }

  #isProven(view: JobView, attempt: AttemptView, entry: PathEntry): boolean {
    if (attempt.proven.has(entry)) return true;
    if (attempt.worker.sequenceOf(entry) >= entry.sequence) {
      if (this.#without.has('acknowledged-before')) return true;
      if (attempt.worker.stampOf(entry) < attempt.stamp) return true;
    }
    return this.#isQuiet(view, attempt.mount, entry);
  }

  /** The earliest that the server's clock may have shown at a local time. */
  #serverMs(localMs: number, clock: ServerClock): number {
    return localMs + clock.aheadMs - clock.uncertaintyMs;
  }

  /** It changed so long before the job that no cache is old enough to have it otherwise. */
  #isQuiet(view: JobView, mount: WorkerMount, entry: PathEntry): boolean {
    if (this.#clock === undefined || mount.timesOnly || entry.distrusted) return false;
    const marginMs = this.#without.has('quiet-margin') ? 0 : mount.cacheMaxMs + quietMarginMs;
    return entry.changedMs < this.#serverMs(view.handedInMs, this.#clock) - marginMs;
  }

  /** So old that no further change can show the same times. */
  #isOld(fact: Fact, lookedMs: number): boolean {
    if (this.#without.has('settle')) return true;
    if (this.#clock === undefined) return false;
    const changedMs = Math.max(Number(fact.ctimeNs.slice(0, -6)), Number(fact.mtimeNs.slice(0, -6)));
    return changedMs < this.#serverMs(lookedMs, this.#clock) - quietMarginMs;
  }

  /**
   * A mount that judges by times alone may have looked at the directory in the tick of its last change, and would never
   * see that change. Once its ctime has moved on from what it was at the job's first look, it sees all from before.
   */
  #timesMovedOn(
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
    return this.#isQuiet(view, { ...mount, timesOnly: false }, entry) ? 'for-good' : 'never';
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

function pathsOf(told: readonly Told[], kind: Fact['kind']): string[] {
  return told.flatMap(({ entry }) => (entry.fact?.kind === kind ? entry.path : []));
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}
