/**
 * Remembers what was decided of each job, step by step, so that `why` can tell, and counts reasons, so that `status` can.
 * Old jobs make room for new ones, by number and by bytes.
 */
import { type Reason, reasons } from '../../core/reason.ts';
import type { ConsideredPeer } from '../../core/schedule/consider.ts';
import type { JobId, PeerName } from '../../core/schedule/contract.ts';
import { BuildTally } from './build-tally.ts';

/** How many jobs `why` still knows, if they are not longer than most: with twice as many a peer still grew after 5,000 jobs. */
export const rememberedJobs = 5_000;
/** Bytes of memory, by a rough count, that the jobs which it knows may take. */
const rememberedBytes = 6 * 1024 * 1024;
/** A job that is refused for an hour must not grow for an hour. */
const mostSteps = 64;
const longestDetail = 500;

/** What a step is; of `noted` its reason says what happened. */
export type StepKind =
  | 'read'
  | 'offered'
  | 'viewed'
  | 'accepted'
  | 'started'
  | 'returned'
  | 'result'
  | 'committed'
  | 'noted'
  | 'told'
  | 'inline';

export interface Step {
  /** Of the peer's clock. */
  readonly atMs: number;
  readonly kind: StepKind;
  readonly reason?: Reason;
  readonly peer?: PeerName;
  /** What makes it concrete: a path, an errno, a refusal's words. */
  readonly detail?: string;
  /** Of an offer, and of a job that runs here: the peers that were considered. */
  readonly considered?: readonly ConsideredPeer[];
  /** Of a view: files that must be equal, and directories that must be seen anew. */
  readonly counts?: readonly [files: number, directories: number];
  /** Of a view: it is shown the files of this machine. */
  readonly served?: true;
  /** Of a result: how long the command ran, by its worker's clock, ms. */
  readonly ranMs?: number;
}

export interface JobRecord {
  readonly job: JobId;
  readonly command: string;
  readonly cwd: string;
  /** Absolute paths that it says it writes, one a line. */
  outputs: string;
  readonly steps: Step[];
  readonly startedAtMs: number;
  /** Where it ended: a peer's id, `inline`, empty (nowhere), or undefined while it has not. */
  place?: string;
  ending?: string;
  endedAtMs?: number;
  /** How many jobs had ended then, this one counted. */
  endNumber?: number;
}

export interface LedgerOptions {
  /** That the remembered jobs may take, by a rough count. */
  readonly mostBytes?: number;
  /** Called with each job that has ended. */
  readonly onEnd?: (record: JobRecord) => void;
}

export class Ledger {
  readonly #now: () => number;
  readonly #mostBytes: number;
  readonly #onEnd: LedgerOptions['onEnd'];
  readonly #records = new Map<JobId, JobRecord>();
  readonly #unended = new Map<JobId, JobRecord>();
  /** Those that have ended, by the numbers of their ends: live views ask every second for the newest. */
  readonly #byEnd = new Map<number, JobRecord>();
  readonly #counts = new Map<Reason, number>();
  readonly build: BuildTally;
  #bytes = 0;
  #ended = 0;

  constructor(now: () => number, options: LedgerOptions = {}) {
    this.#now = now;
    this.#mostBytes = options.mostBytes ?? rememberedBytes;
    this.#onEnd = options.onEnd;
    this.build = new BuildTally(now);
  }

  open(job: JobId, command: string, cwd: string): void {
    const record = { job, command, cwd, outputs: '', steps: [], startedAtMs: this.#now() };
    this.#records.set(job, record);
    this.#unended.set(job, record);
    this.build.begin(job);
    this.#grow(recordBytes(record));
  }

  /** @param outputs - absolute paths, one a line. */
  writes(job: JobId, outputs: string): void {
    const record = this.#records.get(job);
    if (record === undefined) return;
    record.outputs = outputs;
    this.#grow(outputs.length);
  }

  step(job: JobId, kind: StepKind, more?: Omit<Step, 'atMs' | 'kind'>): void {
    const record = this.#records.get(job);
    if (record === undefined || record.steps.length >= mostSteps) return;
    const step = { atMs: this.#now(), kind, ...more };
    record.steps.push(step);
    this.#grow(stepBytes(step));
  }

  /** A decision that is not the plain one. */
  note(job: JobId, reason: Reason, peer?: PeerName): void {
    // A job that moves from one queue to another is the plan at work; `why` tells it of a job that has more to tell.
    if (reason !== 'recalled') this.#count(reason);
    this.build.note(job, reason);
    this.step(job, 'noted', peer === undefined ? { reason } : { reason, peer });
  }

  /** It runs here. */
  inline(job: JobId, reason: Reason, considered: readonly ConsideredPeer[]): void {
    this.#count(reason);
    this.build.here(job, reason);
    this.step(job, 'inline', considered.length > 0 ? { reason, considered } : { reason });
  }

  /** Adds to the job what makes its reason concrete: a path, an errno, a refusal's words. */
  detail(job: JobId, detail: string): void {
    this.step(job, 'told', { detail: detail.slice(0, longestDetail) });
  }

  /** It has ended. @param place - a peer's id, `inline`, or empty: nowhere. */
  close(job: JobId, place: string, ending: string): void {
    this.build.end(job, place);
    const record = this.#records.get(job);
    if (record === undefined) return;
    record.place = place;
    record.ending = ending;
    record.endedAtMs = this.#now();
    this.#ended += 1;
    record.endNumber = this.#ended;
    this.#unended.delete(job);
    this.#byEnd.set(this.#ended, record);
    this.#onEnd?.(record);
  }

  /** How often each reason was given since the start, most often first. */
  counts(): { reason: Reason; count: number; meaning: string }[] {
    return [...this.#counts]
      .map(([reason, count]) => ({ reason, count, meaning: reasons[reason] }))
      .toSorted((a, b) => b.count - a.count);
  }

  record(job: JobId): JobRecord | undefined {
    return this.#records.get(job);
  }

  /** Jobs from that number on that are remembered, the oldest first. */
  from(job: JobId, limit: number): JobRecord[] {
    return [...this.#records.values()].filter((record) => record.job >= job).slice(0, limit);
  }

  /** How many jobs have ended. */
  get ended(): number {
    return this.#ended;
  }

  /** Jobs that have not ended, the newest first. */
  unended(limit: number): JobRecord[] {
    return [...this.#unended.values()].slice(-limit).toReversed();
  }

  /** Jobs that ended after so many others, in the order of their ends. */
  endedAfter(count: number, limit: number): JobRecord[] {
    const [oldest = this.#ended] = this.#byEnd.keys();
    const found: JobRecord[] = [];
    for (let end = Math.max(count + 1, oldest); end <= this.#ended && found.length < limit; end += 1) {
      // Of those between, some were dropped: they make room in the order of their beginnings.
      const record = this.#byEnd.get(end);
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  /** The newest jobs of which `wanted` holds, the newest first. */
  newest(limit: number, wanted: (record: JobRecord) => boolean = () => true): JobRecord[] {
    return [...this.#records.values()].filter(wanted).slice(-limit).toReversed();
  }

  /** Jobs that write this path, the newest first; if none does, those that write one that ends so. */
  writersOf(path: string, limit: number): JobRecord[] {
    const lines = (record: JobRecord): string[] => record.outputs.split('\n');
    const exact = this.newest(limit, (record) => lines(record).includes(path));
    if (exact.length > 0) return exact;
    const end = `/${path.slice(path.lastIndexOf('/') + 1)}`;
    return this.newest(limit, (record) => lines(record).some((line) => line.endsWith(end)));
  }

  #count(reason: Reason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  #grow(bytes: number): void {
    this.#bytes += bytes;
    while (this.#records.size > 1 && (this.#records.size > rememberedJobs || this.#bytes > this.#mostBytes)) {
      const [oldest] = this.#records.values();
      if (oldest === undefined) return;
      this.#records.delete(oldest.job);
      this.#unended.delete(oldest.job);
      if (oldest.endNumber !== undefined) this.#byEnd.delete(oldest.endNumber);
      this.#bytes -= sizeOf(oldest);
    }
  }
}

// Rough counts of what V8 needs.

function recordBytes({ command, cwd }: JobRecord): number {
  return 250 + command.length + cwd.length;
}

function stepBytes({ detail, considered }: Step): number {
  return 80 + (detail?.length ?? 0) + 56 * (considered?.length ?? 0);
}

function sizeOf(record: JobRecord): number {
  return (
    recordBytes(record) +
    record.outputs.length +
    record.steps.reduce((total, step) => total + stepBytes(step), 0)
  );
}
