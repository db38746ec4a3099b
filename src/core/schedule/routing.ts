/** Where a job goes that has no place, and what becomes of it when an attempt came to nothing. */
import type { Reason } from '../reason.ts';
import type { Attempt, DispatcherState, JobRecord } from './dispatcher-state.ts';
import { bindInline, leavePeer, note, setDeadline } from './dispatcher-state.ts';
import { enqueue } from './job-queue.ts';
import { placeNow } from './placement.ts';

/** Remote attempts that may come to nothing before the job runs inline. */
export const maximumFailures = 3;
/** After losing a worker: its lease (10 s) has run out, with a margin, and nothing of it writes any more. */
export const fenceMs = 12_000;

/** Where a job that has no place goes: into the queue, or towards a slot of this machine. */
export function route(state: DispatcherState, record: JobRecord, nowMs: number): void {
  const { demand } = record;
  record.stage = 'queued';
  if (demand.inline !== undefined) bindInline(state, record, demand.inline);
  else if (record.failures >= maximumFailures) bindInline(state, record, 'retries-used-up');
  else if (state.stopping) bindInline(state, record, 'stopping');
  else if (!demand.nested) enqueue(state.queue, demand.kind, demand.job);
  // A nested job that came back from a worker's queue does not try its luck a second time.
  else if (record.attempts > record.failures || !placeNow(state, record, nowMs))
    bindInline(state, record, 'nested');
}

/** The attempt came to nothing: another peer, three at most, then inline. */
export function again(state: DispatcherState, record: JobRecord, reason: Reason, nowMs: number): void {
  const { attempt } = record;
  if (attempt === undefined) return;
  // A fenced attempt was noted when its worker was lost.
  if (attempt.stage !== 'fenced') note(state, record.demand.job, reason, attempt.peer);
  leavePeer(state, record, 'in-report');
  record.failures += 1;
  // Where the view only has grown, the same peer is as good as any: it has been told by now.
  if (reason !== 'view-grew') {
    record.avoid ??= new Set();
    record.avoid.add(attempt.peer);
  }
  state.totals.retried += 1;
  route(state, record, nowMs);
}

/** As {@link again}, and what the attempt may still yield is not wanted. */
export function abandon(state: DispatcherState, record: JobRecord, nowMs: number): void {
  pushAbandon(state, record);
  again(state, record, 'lost-peer', nowMs);
}

export function pushAbandon(state: DispatcherState, record: JobRecord): void {
  const { attempt } = record;
  if (attempt === undefined) return;
  state.actions.push({
    type: 'abandon',
    job: record.demand.job,
    attempt: attempt.attempt,
    peer: attempt.peer,
  });
}

/** What the attempt writes can't be renamed, and nobody knows whether it still runs: wait until its lease is over. */
export function fence(
  state: DispatcherState,
  record: JobRecord,
  attempt: Attempt,
  nowMs: number,
  graceMs = fenceMs,
): void {
  leavePeer(state, record, 'in-report');
  record.attempt = { ...attempt, stage: 'fenced', recalled: false };
  state.remoteJobs += 1;
  note(state, record.demand.job, 'lost-peer', attempt.peer);
  setDeadline(state, nowMs + graceMs, { type: 'fence', job: record.demand.job, attempt: attempt.attempt });
}
