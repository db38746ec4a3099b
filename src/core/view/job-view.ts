/** What the submitter's side holds of one job and of its attempts, and what it remembers of a job for the next time. */
import { resolvePath } from '../command/paths.ts';
import type { Fact } from '../fact.ts';
import type { ViewJob, WorkerMount } from './contract.ts';
import type { PathEntry, PathTable } from './path-table.ts';
import type { Told, WorkerRecord } from './worker-record.ts';

/** A job as its view sees it. Opaque to the code around: hand it back. */
export interface JobView {
  readonly job: ViewJob;
  readonly handedInMs: number;
  readonly generation: number;
  /** All that is looked at, refreshed or compared before it runs, besides what is on the way there. */
  readonly wanted: Set<PathEntry>;
  readonly inputs: readonly PathEntry[];
  readonly includeEntries: readonly PathEntry[];
  /** Resolved, in search order, those outside the share too. */
  readonly includeDirs: readonly string[];
  /** What its earlier run read, if it goes by `stat`. */
  readonly statFiles: ReadonlySet<PathEntry>;
  /** Directories that `..` leaves in a path of the job. */
  readonly left: Set<PathEntry>;
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
  readonly told: readonly Told[];
  /** What the worker sees as it was at a look after the hand-in, once it has answered `ready`. */
  readonly proven: ReadonlySet<PathEntry>;
  ready: boolean;
}

/** What a run searched and read. */
export interface Searched {
  readonly includeDirs: readonly string[];
  readonly watched: readonly PathEntry[];
  readonly files: readonly PathEntry[];
}

/** The least recently used of these are forgotten. */
export class Remembered {
  readonly #max: number;
  #byKey = new Map<string, Searched>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Searched | undefined {
    const searched = this.#byKey.get(key);
    if (searched !== undefined) this.set(key, searched);
    return searched;
  }

  set(key: string, searched: Searched): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, searched);
    if (this.#byKey.size <= this.#max) return;
    const oldest = this.#byKey.keys().next();
    if (oldest.done !== true) this.#byKey.delete(oldest.value);
  }

  clear(): void {
    this.#byKey = new Map();
  }
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

/** The directory of a resolved path. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}
