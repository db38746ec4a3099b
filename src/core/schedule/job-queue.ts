/**
 * Jobs that wait for a place, first come first served. One lane for each kind, so that a kind that nobody takes
 * now does not hold the others up; a job that comes back takes its old place.
 */
import { getOrMake } from '../get-or-make.ts';
import type { JobId } from './contract.ts';

export interface JobQueue {
  readonly lanes: Map<string, JobId[]>;
  size: number;
}

export function createJobQueue(): JobQueue {
  return { lanes: new Map(), size: 0 };
}

/** Job ids rise, so the place of a job is by its id. */
export function enqueue(queue: JobQueue, kind: string, job: JobId): void {
  const lane = getOrMake(queue.lanes, kind, () => []);
  queue.size += 1;
  insertInOrder(lane, job);
}

/** Takes a job out, wherever it stands. */
export function removeQueued(queue: JobQueue, kind: string, job: JobId): boolean {
  const lane = queue.lanes.get(kind);
  const at = lane?.indexOf(job) ?? -1;
  if (lane === undefined || at < 0) return false;
  if (at === 0) lane.shift();
  else lane.splice(at, 1);
  queue.size -= 1;
  if (lane.length === 0) queue.lanes.delete(kind);
  return true;
}

/** How far down a lane a job is looked for, when those at its head can't be placed. */
const lookAhead = 64;

/**
 * Goes through the queue in order of arrival until `place` says `stop`. A job for which it says `stays` is passed over,
 * with at most 64 of its kind; one for which it says `taken` leaves the queue.
 */
export function drain(queue: JobQueue, place: (job: JobId) => 'taken' | 'stays' | 'stop'): void {
  const at = new Map<string, number>();
  for (;;) {
    let kind: string | undefined;
    let job: JobId | undefined;
    for (const [name, lane] of queue.lanes) {
      const index = at.get(name) ?? 0;
      const next = index < lookAhead ? lane[index] : undefined;
      if (next !== undefined && (job === undefined || next < job)) {
        kind = name;
        job = next;
      }
    }
    if (kind === undefined || job === undefined) return;
    const answer = place(job);
    if (answer === 'stop') return;
    if (answer === 'taken') removeQueued(queue, kind, job);
    else at.set(kind, (at.get(kind) ?? 0) + 1);
  }
}

/** Puts a job into a list that rises; most go to its end. */
export function insertInOrder(list: JobId[], job: JobId): void {
  const last = list.at(-1);
  if (last === undefined || last < job) {
    list.push(job);
    return;
  }
  const at = list.findIndex((other) => other > job);
  list.splice(at < 0 ? list.length : at, 0, job);
}
