/** Where a job goes that has no place, and what becomes of it when an attempt came to nothing. */
import type { Reason } from '../reason.ts';
import type { PeerName } from './contract.ts';
import type { DispatchedJob, DispatcherState, Placement } from './dispatcher-state.ts';
import { bindInline, leavePeer, moveJob, note, setDeadline } from './dispatcher-state.ts';
import { enqueue } from './job-queue.ts';
import { placeNow } from './placement.ts';
import type { JobEvent } from './states.ts';

/** Remote attempts that may come to nothing before the job runs inline. */
export const maximumFailures = 3;
/** After losing a worker: its lease (10 s) has run out, with a margin, and nothing of it writes any more. */
export const fenceMs = 12_000;

/** Where an unplaced job goes: into the queue, or towards a slot of this machine. */
export function route(state: DispatcherState, record: DispatchedJob, nowMs: number): void {
  const { demand } = record;
  if (demand.inline !== undefined) bindInline(state, record, demand.inline);
  else if (record.failures >= maximumFailures) bindInline(state, record, 'retries-used-up');
  else if (state.stopping) bindInline(state, record, 'stopping');
  else if (!demand.nested) {
    moveJob(state, record, 'queue');
    enqueue(state.queue, demand.kind, demand.job);
  }
  // A nested job that came back from a worker's queue twice does not try its luck again.
  else if (record.attempts - record.failures > 1 || !placeNow(state, record, nowMs))
    bindInline(state, record, 'nested');
}

/** The attempt came to nothing: another peer, three at most, then inline. */
export function again(
  state: DispatcherState,
  record: DispatchedJob,
  event: Extract<JobEvent, 'refuse' | 'fail' | 'lose' | 'expire'>,
  reason: Reason,
  nowMs: number,
): void {
  const { placement } = record;
  if (placement === undefined) return;
  // A fenced attempt was noted when its worker was lost.
  if (record.stage !== 'fenced') note(state, record.demand.job, reason, placement.peer);
  leavePeer(state, record, 'in-report');
  moveJob(state, record, event);
  countFailure(state, record, reason, isCured(reason) ? undefined : placement.peer);
  route(state, record, nowMs);
}

/** Where the view only has grown, or the system's files differ, the same peer is as good as any: it is told by now, or shown them. */
function isCured(reason: Reason): boolean {
  return reason === 'view-grew' || reason === 'system-differs';
}

/** One of the few attempts that a job has came to nothing. @param avoid - where it is not to be tried again. */
export function countFailure(
  state: DispatcherState,
  record: DispatchedJob,
  reason: Reason,
  avoid: PeerName | undefined,
): void {
  record.failures += 1;
  state.totals.retried += 1;
  if (avoid === undefined) return;
  record.avoid ??= new Map();
  record.avoid.set(avoid, reason);
}

/** As {@link again}, and what the attempt may still yield is not wanted. */
export function abandon(
  state: DispatcherState,
  record: DispatchedJob,
  nowMs: number,
  event: 'lose' | 'expire' = 'lose',
): void {
  pushAbandon(state, record);
  again(state, record, event, 'lost-peer', nowMs);
}

export function pushAbandon(state: DispatcherState, record: DispatchedJob): void {
  const { placement } = record;
  if (placement === undefined) return;
  state.actions.push({
    type: 'abandon',
    job: record.demand.job,
    attempt: placement.attempt,
    peer: placement.peer,
  });
}

/** What the attempt writes can't be renamed, and nobody knows whether it still runs: wait until its lease is over. */
export function fence(
  state: DispatcherState,
  record: DispatchedJob,
  { peer, attempt }: Placement,
  nowMs: number,
  graceMs = fenceMs,
): void {
  leavePeer(state, record, 'in-report');
  moveJob(state, record, 'doubt');
  record.placement = { peer, attempt, recalled: false };
  note(state, record.demand.job, 'lost-peer', peer);
  setDeadline(state, nowMs + graceMs, { type: 'fence', job: record.demand.job, attempt });
}
