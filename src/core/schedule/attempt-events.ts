/** What a worker says of an attempt, and what became of its result. */
import type { LoadReport } from '../load-report.ts';
import type { RefusalCode, RetryCode } from '../reason.ts';
import type { DispatcherEvent, PeerName } from './contract.ts';
import type { DispatchedJob, DispatcherState, Placement } from './dispatcher-state.ts';
import { bindInline, hearPeer, leavePeer, moveJob, note, setDeadline, touch } from './dispatcher-state.ts';
import { hearReport } from './peer-events.ts';
import { countFailedStart, isNewer, type PeerRecord } from './peer-record.ts';
import { ask, askAgainMs, placesAny } from './placement.ts';
import { again, countFailure, fence, route } from './routing.ts';
import { type JobEvent, jobTable } from './states.ts';

/** A nested job that was accepted and does not start is called back: its parent holds a slot. */
const nestedPatienceMs = 250;
/**
 * How long a refusal keeps jobs of the kind away from a peer, if no report ends it before; 0: it holds for this one job
 * only, or the table of peers says when it is over.
 */
const refusalMs: Readonly<Record<RefusalCode, number>> = {
  busy: 0,
  memory: 1_000,
  'owner-active': 5_000,
  'stale-view': 0,
  'outside-share': 0,
  toolchain: 30_000,
  untraced: 30_000,
  share: 30_000,
  'not-member': 30_000,
  leaving: 30_000,
  native: 30_000,
  'no-namespace': 300_000,
  'tree-gone': 0,
};

/** How long a worker that lacked memory or space for a job gets no more of its kind. */
const wantMs = 30_000;

export type AttemptEvent = Extract<DispatcherEvent, { attempt: number }>;

/** Words of an attempt that is not current came late. */
export function hearOf(state: DispatcherState, event: AttemptEvent, nowMs: number): void {
  const record = state.jobs.get(event.job);
  const placement = record?.placement;
  if (record === undefined || placement === undefined || placement.attempt !== event.attempt) return;
  const happens = eventOf(record, event);
  if (jobTable.find(record.stage, happens) === undefined) return senseless(state, record, event, nowMs);
  const peer = state.peers.get(placement.peer);
  switch (event.type) {
    case 'accepted':
      return accept(state, record, peer, event, nowMs);
    case 'started':
      return start(state, record, placement, peer);
    case 'refused':
      return refuse(state, record, placement, peer, event, nowMs);
    case 'returned':
      leaveWith(state, record, peer, event.report);
      moveJob(state, record, happens);
      return route(state, record, nowMs);
    case 'ended':
      leaveWith(state, record, peer, event.report);
      moveJob(state, record, happens);
      if (!event.believed) return bindInline(state, record, 'failed-remotely');
      return finish(state, placement.peer, event);
    case 'unprovable':
      leaveWith(state, record, peer, undefined);
      moveJob(state, record, happens);
      return bindInline(state, record, event.reason ?? 'unprovable');
    case 'failed':
      if (happens === 'doubt') return fence(state, record, placement, nowMs, event.graceMs);
      if (peer !== undefined && isWant(event.reason)) {
        const untilMs = nowMs + wantMs;
        peer.refusals.set(record.demand.kind, { code: 'memory', untilMs });
        setDeadline(state, untilMs, { type: 'look' });
      }
      if (peer !== undefined && event.reason === 'spawn-failed' && countFailedStart(peer, nowMs))
        setDeadline(state, peer.restsUntilMs, { type: 'look' });
      if (event.kind !== undefined) record.demand = { ...record.demand, kind: event.kind };
      return again(state, record, 'fail', event.reason, nowMs);
  }
}

function isWant(reason: RetryCode): boolean {
  return reason === 'no-space-remote' || reason === 'oom-killed';
}

/** What cannot be said in this stage. Where it was the last word nothing follows: the attempt came to nothing. */
function senseless(
  state: DispatcherState,
  record: DispatchedJob,
  { type, job, attempt }: AttemptEvent,
  nowMs: number,
): void {
  if (type === 'accepted' || type === 'started' || type === 'failed') return;
  hearOf(state, { type: 'failed', job, attempt, reason: 'lost-peer', confirmed: false }, nowMs);
}

function eventOf({ demand }: DispatchedJob, event: AttemptEvent): JobEvent {
  if (event.type === 'ended') return event.believed ? 'finish' : 'disbelieve';
  if (event.type === 'failed') return event.confirmed || demand.rewritable ? 'fail' : 'doubt';
  return events[event.type];
}

const events = {
  accepted: 'accept',
  started: 'start',
  refused: 'refuse',
  returned: 'return',
  unprovable: 'unprovable',
} as const satisfies Partial<Record<AttemptEvent['type'], JobEvent>>;

function accept(
  state: DispatcherState,
  record: DispatchedJob,
  peer: PeerRecord | undefined,
  event: Extract<AttemptEvent, { type: 'accepted' }>,
  nowMs: number,
): void {
  const { job, attempt, report } = event;
  moveJob(state, record, 'accept');
  if (peer === undefined) throw new Error(`internal: job ${job} was offered to a peer that is gone`);
  peer.known += 1;
  // An older report than the one known came late: the known one counted this job already.
  if (!hearReport(state, peer, report)) peer.reportMine += 1;
  if (report.queued > 0) peer.waiting.add(job);
  if (record.demand.nested) setDeadline(state, nowMs + nestedPatienceMs, { type: 'nested', job, attempt });
  touch(state, peer);
}

function start(
  state: DispatcherState,
  record: DispatchedJob,
  placement: Placement,
  peer: PeerRecord | undefined,
): void {
  moveJob(state, record, 'start');
  if (placement.recalled) state.recalls -= 1;
  placement.recalled = false;
  if (peer === undefined) return;
  peer.failedStarts = 0;
  peer.waiting.delete(record.demand.job);
  touch(state, peer);
}

function finish(
  state: DispatcherState,
  peer: PeerName,
  { job, attempt, ending }: Extract<AttemptEvent, { type: 'ended' }>,
): void {
  state.jobs.delete(job);
  state.totals.done += 1;
  state.totals.remote += 1;
  if (ending.kind !== 'exited' || ending.status !== 0) state.totals.failed += 1;
  countDone(state, peer);
  state.actions.push({ type: 'finish', job, attempt });
}

/** The attempt is over on the worker, and its newest report (if any) does not count it any more. */
function leaveWith(
  state: DispatcherState,
  record: DispatchedJob,
  peer: PeerRecord | undefined,
  report: LoadReport | undefined,
): void {
  const isOld = peer !== undefined && report !== undefined && !isNewer(peer, report);
  leavePeer(state, record, isOld ? 'not-in-report' : 'in-report');
  if (peer !== undefined) hearReport(state, peer, report);
}

function refuse(
  state: DispatcherState,
  record: DispatchedJob,
  placement: Placement,
  peer: PeerRecord | undefined,
  { code, report }: Extract<AttemptEvent, { type: 'refused' }>,
  nowMs: number,
): void {
  // They concern the files of this one job: others of its kind may go there as before.
  if (code === 'stale-view' || code === 'outside-share' || code === 'tree-gone')
    return again(state, record, 'refuse', code, nowMs);
  leaveWith(state, record, peer, report);
  // It has run there, in vain: that is one of the few attempts that a job has.
  if (record.stage !== 'offered') countFailure(state, record, code, placement.peer);
  moveJob(state, record, 'refuse');
  note(state, record.demand.job, code, placement.peer);
  const closed = peer !== undefined && remember(state, peer, record, code, nowMs);
  route(state, record, nowMs);
  if (closed && state.queue.size > 1 && placesAny(state, peer, nowMs)) ask(state, peer, nowMs);
}

/** What a refusal says of the peer. @returns true if it is full, and we stand in its line with one job. */
function remember(
  state: DispatcherState,
  peer: PeerRecord,
  { demand: { kind, memoryBytes } }: DispatchedJob,
  code: RefusalCode,
  nowMs: number,
): boolean {
  const untilMs = nowMs + refusalMs[code];
  if (code === 'busy') {
    if (!hearPeer(state, peer, 'refuse')) return false;
    peer.asking += 1;
    setDeadline(state, nowMs + askAgainMs, { type: 'asked', peer: peer.name, asking: peer.asking });
    return true;
  }
  if (code === 'memory') peer.memoryShort = { bytes: memoryBytes, untilMs, report: peer.report };
  else peer.refusals.set(kind, { code, untilMs });
  setDeadline(state, untilMs, { type: 'look' });
  touch(state, peer);
  return false;
}

function countDone(state: DispatcherState, peer: PeerName): void {
  const { doneByPeer } = state;
  doneByPeer.set(peer, (doneByPeer.get(peer) ?? 0) + 1);
}
