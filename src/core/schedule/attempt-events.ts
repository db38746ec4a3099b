/** What a worker says of an attempt. */
import type { LoadReport } from '../load-report.ts';
import type { RefusalCode, RetryCode } from '../reason.ts';
import type { DispatcherEvent, PeerName } from './contract.ts';
import type { Attempt, DispatcherState, JobRecord } from './dispatcher-state.ts';
import { bindInline, leavePeer, note, setDeadline, touch } from './dispatcher-state.ts';
import { isNewer, type PeerRecord, takeReport } from './peer-record.ts';
import { ask, askAgainMs } from './placement.ts';
import { again, fence, route } from './routing.ts';

/** A nested job that was accepted and does not start is called back: its parent holds a slot. */
const nestedPatienceMs = 250;
/** How long a refusal keeps jobs of the kind away from a peer; 0: it holds for this one job only, or the peer says when it is over. */
const refusalMs: Readonly<Record<RefusalCode, number>> = {
  busy: 0,
  memory: 3_000,
  'owner-active': 5_000,
  'stale-view': 0,
  'outside-share': 0,
  toolchain: 30_000,
  untraced: 30_000,
  share: 30_000,
  'not-member': 30_000,
  leaving: 30_000,
  native: 30_000,
};

/** How long a worker that lacked memory or space for a job gets no more of its kind. */
const wantMs = 30_000;

export type AttemptEvent = Extract<DispatcherEvent, { attempt: number }>;

export function hearOf(
  state: DispatcherState,
  record: JobRecord,
  attempt: Attempt,
  event: AttemptEvent,
  nowMs: number,
): void {
  const peer = state.peers.get(attempt.peer);
  switch (event.type) {
    case 'accepted':
      if (attempt.stage !== 'offered' || peer === undefined) return;
      attempt.stage = 'accepted';
      peer.closed = false;
      peer.known += 1;
      // An older report than the one known came late: the known one counted this job already.
      if (!takeReport(peer, event.report)) peer.reportMine += 1;
      if (event.report.queued > 0) peer.waiting.add(event.job);
      if (record.demand.nested) {
        setDeadline(state, nowMs + nestedPatienceMs, {
          type: 'nested',
          job: event.job,
          attempt: event.attempt,
        });
      }
      touch(state, peer);
      return;
    case 'started':
      if (attempt.stage === 'offered' && peer !== undefined) peer.known += 1;
      if (attempt.stage === 'offered' || attempt.stage === 'accepted') attempt.stage = 'started';
      if (attempt.recalled) state.recalls -= 1;
      attempt.recalled = false;
      if (peer !== undefined) {
        peer.waiting.delete(event.job);
        touch(state, peer);
      }
      return;
    case 'refused':
      return refuse(state, record, peer, event.code, event.report, nowMs);
    case 'returned':
      leaveWith(state, record, peer, event.report);
      return route(state, record, nowMs);
    case 'ended': {
      leaveWith(state, record, peer, event.report);
      if (!event.believed) return bindInline(state, record, 'failed-remotely');
      state.jobs.delete(event.job);
      state.totals.done += 1;
      state.totals.remote += 1;
      if (event.ending.kind !== 'exited' || event.ending.status !== 0) state.totals.failed += 1;
      countDone(state, attempt.peer);
      state.actions.push({ type: 'finish', job: event.job, attempt: event.attempt });
      return;
    }
    case 'unprovable':
      leaveWith(state, record, peer, undefined);
      return bindInline(state, record, 'unprovable');
    case 'failed':
      if (attempt.stage === 'fenced' && !event.confirmed) return;
      if (!event.confirmed && !record.demand.rewritable)
        return fence(state, record, attempt, nowMs, event.graceMs);
      if (peer !== undefined && isWant(event.reason)) {
        const untilMs = nowMs + wantMs;
        peer.refusals.set(record.demand.kind, { code: 'memory', untilMs });
        setDeadline(state, untilMs, { type: 'look' });
      }
      return again(state, record, event.reason, nowMs);
  }
}

function isWant(reason: RetryCode): boolean {
  return reason === 'no-space-remote' || reason === 'oom-killed';
}

/** The attempt is over on the worker, and its newest report (if any) does not count it any more. */
function leaveWith(
  state: DispatcherState,
  record: JobRecord,
  peer: PeerRecord | undefined,
  report: LoadReport | undefined,
): void {
  if (peer === undefined || report === undefined) {
    leavePeer(state, record, 'in-report');
    return;
  }
  leavePeer(state, record, isNewer(peer, report) ? 'in-report' : 'not-in-report');
  takeReport(peer, report);
  touch(state, peer);
}

function refuse(
  state: DispatcherState,
  record: JobRecord,
  peer: PeerRecord | undefined,
  code: RefusalCode,
  report: LoadReport | undefined,
  nowMs: number,
): void {
  const { kind, memoryBytes, job } = record.demand;
  const name = record.attempt?.peer;
  // They concern the files of this one job: others of its kind may go there as before.
  if (code === 'stale-view' || code === 'outside-share') return again(state, record, code, nowMs);
  leaveWith(state, record, peer, report);
  note(state, job, code, name);
  if (peer !== undefined) {
    const untilMs = nowMs + refusalMs[code];
    if (code === 'busy') {
      peer.closed = true;
      peer.granted = 0;
      // By refusing, the worker has put me on its list with one job.
      if (peer.asked === 0) state.askedPeers += 1;
      peer.asked = 1;
      peer.asking += 1;
      setDeadline(state, nowMs + askAgainMs, { type: 'asked', peer: peer.name, asking: peer.asking });
    } else {
      if (code === 'memory') peer.memoryShort = { bytes: memoryBytes, untilMs };
      else peer.refusals.set(kind, { code, untilMs });
      setDeadline(state, untilMs, { type: 'look' });
    }
    touch(state, peer);
  }
  route(state, record, nowMs);
  if (peer !== undefined && code === 'busy' && state.queue.size > 1) ask(state, peer, nowMs);
}

function countDone(state: DispatcherState, peer: PeerName): void {
  const { doneByPeer } = state;
  doneByPeer.set(peer, (doneByPeer.get(peer) ?? 0) + 1);
}
