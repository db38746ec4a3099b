/** What the submitter's side holds of one job and of its attempts. */

import type { Fact } from '../fact.ts';
import { parentOf, resolvePath } from '../paths.ts';
import type { NamedFact, ViewJob, WorkerMount } from './contract.ts';
import type { PathEntry, PathTable } from './path-table.ts';
import type { SearchRecord } from './search-record.ts';
import type { ReadItem, ToldEntry, WorkerRecord } from './worker-record.ts';

/** A job as its view sees it. Opaque to the code around: hand it back. */
export interface JobView {
  readonly job: ViewJob;
  readonly handedInMs: number;
  readonly generation: number;
  /** All that is looked at, refreshed or compared before it runs, besides what is on the way there. */
  readonly wanted: Set<PathEntry>;
  /** Files read by name, and with the programs that are run. */
  readonly files: readonly PathEntry[];
  readonly inputs: readonly PathEntry[];
  readonly includeEntries: readonly PathEntry[];
  /** Directories of outputs that are renamed. Each job changes them, and few hold headers: not searched by expectation. */
  readonly outputDirectories: ReadonlySet<PathEntry>;
  /** What its earlier runs read, if it goes by `stat`. */
  readonly statFiles: Set<PathEntry>;
  /**
   * What its earlier run read: looked at before the command starts, so that what has just been written is known to have been so
   * before that. None once they have been.
   */
  expectedFiles: readonly PathEntry[];
  /** Directories that `..` leaves in a path of the job. */
  readonly left: Set<PathEntry>;
  /** Directories that its earlier run searched. */
  readonly searched: readonly PathEntry[];
  /** When that was learnt; -1 if there was none, undefined if it is of no weight any more. */
  learntAt: number | undefined;
  /** What a directory showed when this job first saw it: once its ctime moved on from that, it is safe to tell. */
  readonly firstSeen: Map<PathEntry, Fact>;
}

/** One offer of a job to one worker. Opaque to the code around: hand it back. */
export interface AttemptView {
  readonly worker: WorkerRecord;
  readonly mount: WorkerMount;
  readonly offeredMs: number;
  /** The table's counter when the offer was made: what was confirmed before that holds for the whole run. */
  readonly stamp: number;
  readonly told: readonly ToldEntry[];
  /** What the worker sees as it was at a look after the hand-in, once it has answered `ready`. */
  readonly proven: ReadonlySet<PathEntry>;
  ready: boolean;
}

/**
 * Makes a path absolute by name, and notes in `left` each directory that a `..` leaves: if that is a link, the name
 * leads elsewhere than it says.
 */
export function locate(
  table: PathTable,
  cwd: string,
  path: string,
  left: { add: (entry: PathEntry) => unknown },
): string {
  const whole = path.startsWith('/') ? path : `${cwd}/${path}`;
  for (let at = whole.indexOf('/..'); at >= 0; at = whole.indexOf('/..', at + 3)) {
    if (at + 3 < whole.length && whole[at + 3] !== '/') continue;
    const before = resolvePath('/', whole.slice(0, at));
    if (table.isInside(before)) left.add(table.entry(before));
  }
  return resolvePath('/', whole);
}

/**
 * The view of a job that was just handed in.
 *
 * @param remembered - of its earlier run, if there was one.
 * @param options.expected - directories that it may search; where a link misleads, that is of no weight.
 */
export function createJobView(
  table: PathTable,
  remembered: SearchRecord | undefined,
  job: ViewJob,
  nowMs: number,
  options: { readonly byStat: boolean; readonly expected: readonly string[] },
): JobView {
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
  const files = entriesOf(job.inputs);
  const inputs = [...files, ...entriesOf(job.programs ?? [])];
  for (const input of inputs) if (input.parent !== undefined) wanted.add(input.parent);
  const includeEntries = entriesOf(job.includeDirs);
  entriesOf(job.otherDirs);
  for (const output of job.inPlaceOutputs) want(parentOf(located(output)));
  // A hidden name is new in its directory, whatever that holds; only the way there must be right.
  const outputDirectories = new Set<PathEntry>();
  for (const output of job.renamedOutputs) {
    const directory = parentOf(located(output));
    if (table.isInside(directory)) outputDirectories.add(table.entry(directory));
    want(parentOf(directory));
  }
  for (const entry of remembered?.watched ?? []) wanted.add(entry);
  const statFiles = new Set(options.byStat ? remembered?.files : []);
  for (const entry of statFiles) wanted.add(entry);
  for (const entry of left) wanted.add(entry);
  for (const path of options.expected) want(locate(table, job.cwd, path, wanted));
  return {
    job,
    handedInMs: nowMs,
    generation: table.generation,
    wanted,
    files,
    inputs,
    includeEntries,
    outputDirectories,
    statFiles,
    expectedFiles: remembered?.files ?? [],
    left,
    searched: remembered?.watched ?? [],
    learntAt: remembered?.learntAt ?? -1,
    firstSeen: new Map(),
  };
}

/**
 * Whether an input changed since the job ran last, or a directory in which it found others (a header was replaced, or
 * is a link that leads elsewhere now), so that it may search where it did not. Asked once with an answer.
 */
export function mayNowSearchElsewhere(view: JobView): boolean {
  const { learntAt, inputs, searched, outputDirectories } = view;
  if (learntAt === undefined) return false;
  const isNew = ({ real }: PathEntry): boolean => real !== undefined && real.sequence > learntAt;
  if (!inputs.some(isNew) && !searched.some((entry) => isNew(entry) && !outputDirectories.has(entry)))
    return false;
  view.learntAt = undefined;
  return true;
}

/** An entry of a report, as the submitter keeps it. */
export function parseItem(table: PathTable, path: string, fact: Fact): ReadItem {
  const left: PathEntry[] = [];
  const resolved = locate(table, '/', path, { add: (entry) => left.push(entry) });
  const entry = table.isInside(resolved) ? table.entry(resolved) : undefined;
  return { path: resolved, fact, entry, left };
}

/** `..` after a link leads elsewhere than by name; so rare that such jobs stay here. */
export function misleading(left: ReadonlySet<PathEntry>): string | undefined {
  for (const entry of left)
    if (entry.real !== entry) return `a path goes up again with \`..\` from ${entry.path}, through a link`;
  return undefined;
}

/** A file that a link of the share leads to, out of it: it is compared neither here nor by its content. */
export function foreign(files: readonly PathEntry[]): string | undefined {
  const entry = files.find(({ gone, real }) => !gone && real === undefined);
  return entry && `${entry.path} lies outside the share, through a link in it`;
}

/** The files that an offer names: those told, and inputs that are not there at all. */
export function filesOf(view: JobView, told: readonly ToldEntry[]): NamedFact[] {
  const files: NamedFact[] = [];
  for (const { entry } of told)
    if (entry.fact !== undefined && entry.fact.kind !== 'directory')
      files.push({ path: entry.path, fact: entry.fact });
  for (const entry of view.inputs)
    if (entry.gone && entry.fact?.kind === 'absent') files.push({ path: entry.path, fact: entry.fact });
  return files;
}

/** What of this was told, of one kind. */
export function pathsOf(told: readonly ToldEntry[], kind: Fact['kind']): string[] {
  return told.flatMap(({ entry }) => (entry.fact?.kind === kind ? entry.path : []));
}
