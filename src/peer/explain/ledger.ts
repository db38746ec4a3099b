/**
 * Remembers why things were decided as they were: counts per reason, and the last jobs with their notes,
 * so that `status` can count and `why` can tell.
 */
import { BoundedMap } from '../../core/bounded-map.ts';
import { type Reason, reasons } from '../../core/reason.ts';
import type { JobId, PeerName } from '../../core/schedule/contract.ts';

/** How many jobs `why` still knows. */
const rememberedJobs = 10_000;

export interface Note {
  readonly atMs: number;
  readonly reason: Reason;
  readonly peer?: PeerName;
}

export interface JobRecord {
  readonly job: JobId;
  readonly command: string;
  readonly cwd: string;
  readonly notes: Note[];
  readonly details: string[];
  /** Where it ended: a peer's id, `inline`, or undefined while it has not. */
  place?: string;
  ending?: string;
  startedAtMs: number;
  endedAtMs?: number;
}

export class Ledger {
  readonly #records = new BoundedMap<JobId, JobRecord>(rememberedJobs);
  readonly #counts = new Map<Reason, number>();

  open(job: JobId, command: string, cwd: string, nowMs: number): void {
    this.#records.set(job, { job, command, cwd, notes: [], details: [], startedAtMs: nowMs });
  }

  note(job: JobId, note: Note): void {
    // A job that moves from one queue to another is the plan at work; `why` tells it of a job that has more to tell.
    if (note.reason !== 'recalled') this.#counts.set(note.reason, (this.#counts.get(note.reason) ?? 0) + 1);
    const notes = this.#records.get(job)?.notes;
    // A job that is refused for an hour must not grow for an hour.
    if (notes !== undefined && notes.length < 32) notes.push(note);
  }

  /** Adds to the job what makes its reason concrete: a path, an errno, a refusal's words. */
  detail(job: JobId, detail: string): void {
    const record = this.#records.get(job);
    if (record !== undefined && record.details.length < 16) record.details.push(detail.slice(0, 500));
  }

  close(job: JobId, place: string, ending: string, nowMs: number): void {
    const record = this.#records.get(job);
    if (record === undefined) return;
    record.place = place;
    record.ending = ending;
    record.endedAtMs = nowMs;
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

  /** The newest jobs that have not ended or of which there is more to tell than where they ran, newest first. */
  recent(limit: number): JobRecord[] {
    return [...this.#records.values()]
      .filter(({ place, notes }) => place === undefined || notes.some(({ reason }) => reason !== 'recalled'))
      .slice(-limit)
      .toReversed();
  }
}
