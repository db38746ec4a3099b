/**
 * Remembers where the jobs of this peer write, and when, so that what one of them changes is not taken for the doing of
 * another one that ran at the same time. Pure.
 */
import { parentOf } from '../../core/paths.ts';
import type { JobId } from '../../core/schedule/contract.ts';
import type { ByteString } from '../../wire/bytes.ts';

/** Jobs that have ended and are remembered, the newest. */
const maxEnded = 1_024;

interface Writer {
  /** Its outputs and their directories. */
  readonly paths: ReadonlySet<ByteString>;
  endedMs: number;
}

export class JobWrites {
  readonly #writers = new Map<JobId, Writer>();
  /** In the order in which they ended. */
  readonly #ended = new Set<JobId>();

  /** @param outputs - absolute paths. */
  begin(job: JobId, outputs: readonly ByteString[]): void {
    if (outputs.length === 0) return;
    const paths = new Set(outputs.flatMap((path) => [path, parentOf(path)]));
    this.#writers.set(job, { paths, endedMs: Number.POSITIVE_INFINITY });
  }

  end(job: JobId, nowMs: number): void {
    const writer = this.#writers.get(job);
    if (writer === undefined) return;
    writer.endedMs = nowMs;
    this.#ended.add(job);
    const [oldest] = this.#ended;
    if (this.#ended.size <= maxEnded || oldest === undefined) return;
    this.#ended.delete(oldest);
    this.#writers.delete(oldest);
  }

  /** True if a job other than this one has written the path, or in it, at any time since then. */
  isOfOthers(job: JobId, path: ByteString, sinceMs: number): boolean {
    for (const [id, { paths, endedMs }] of this.#writers)
      if (id !== job && endedMs >= sinceMs && paths.has(path)) return true;
    return false;
  }
}
