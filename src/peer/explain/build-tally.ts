/** Counts the jobs of the newest build by where they ran and why: a build begins with the first job after a pause. */
import type { Reason } from '../../core/reason.ts';
import type { JobId } from '../../core/schedule/contract.ts';

/** Where no job was open for so long, the next one begins another build. */
const pauseMs = 10_000;

interface Tally {
  count: number;
  /** The newest job of it. */
  job: JobId;
}

export interface ReasonTally extends Readonly<Tally> {
  readonly reason: Reason;
}

export class BuildTally {
  readonly #now: () => number;
  readonly #open = new Set<JobId>();
  readonly #here = new Map<Reason, Tally>();
  readonly #notes = new Map<Reason, Tally>();
  #startedAtMs: number | undefined;
  #lastEndMs = 0;
  #jobs = 0;
  #elsewhere = 0;
  #firstJob: JobId = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** When it began; undefined: there was none. */
  get startedAtMs(): number | undefined {
    return this.#startedAtMs;
  }

  /** Number of its first job. */
  get firstJob(): JobId {
    return this.#firstJob;
  }

  get jobs(): number {
    return this.#jobs;
  }

  /** Of its jobs, those that ended on other machines. */
  get elsewhere(): number {
    return this.#elsewhere;
  }

  get unfinished(): number {
    return this.#open.size;
  }

  begin(job: JobId): void {
    const nowMs = this.#now();
    if (this.#startedAtMs === undefined || (this.#open.size === 0 && nowMs - this.#lastEndMs > pauseMs))
      this.#restart(job, nowMs);
    this.#open.add(job);
    this.#jobs += 1;
  }

  note(job: JobId, reason: Reason): void {
    add(this.#notes, job, reason);
  }

  here(job: JobId, reason: Reason): void {
    add(this.#here, job, reason);
  }

  end(job: JobId, place: string): void {
    if (!this.#open.delete(job)) return;
    this.#lastEndMs = this.#now();
    if (place !== '' && place !== 'inline') this.#elsewhere += 1;
  }

  /** Why jobs of it ran here, the most frequent reason first. */
  ranHere(): ReasonTally[] {
    return sorted(this.#here);
  }

  /** What else was noted: refusals, and attempts that came to nothing. */
  noted(): ReasonTally[] {
    return sorted(this.#notes);
  }

  #restart(job: JobId, nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#firstJob = job;
    this.#jobs = 0;
    this.#elsewhere = 0;
    this.#here.clear();
    this.#notes.clear();
  }
}

function add(tallies: Map<Reason, Tally>, job: JobId, reason: Reason): void {
  const tally = tallies.get(reason);
  if (tally === undefined) tallies.set(reason, { count: 1, job });
  else {
    tally.count += 1;
    tally.job = job;
  }
}

function sorted(tallies: ReadonlyMap<Reason, Tally>): ReasonTally[] {
  return [...tallies]
    .map(([reason, { count, job }]) => ({ reason, count, job }))
    .toSorted((a, b) => b.count - a.count);
}
