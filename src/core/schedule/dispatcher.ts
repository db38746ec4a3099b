/**
 * The dispatcher: what happens to the jobs that this machine asked for.
 *
 * A job waits in one queue until a worker has a slot for it (late binding), and ends here exactly once: by `finish`,
 * by `inline` (then it stays until `released`), or by `dropped`.
 */
import { popDue } from '../heap.ts';
import type { LoadReport } from '../load-report.ts';
import type { Reason, RefusalCode } from '../reason.ts';
import type { DispatcherAction, DispatcherEvent, JobDemand, JobId, PeerName } from './contract.ts';
import type { Attempt, Deadline, DispatcherState, JobRecord } from './dispatcher-state.ts';
import { bindInline, leavePeer, note, setDeadline, touch, wake } from './dispatcher-state.ts';
import { enqueue, removeQueued } from './job-queue.ts';
import { createPeerRecord, type PeerRecord, takeReport } from './peer-record.ts';
import { ask, askAgainMs, place, placeNow, recall, unask } from './placement.ts';

export {
  createDispatcher,
  type DispatcherOptions,
  type DispatcherState,
  inlineSlotsHeld,
  inlineWaiting,
  type JobCounts,
  jobCounts,
  type PeerCounts,
  peerCounts,
  queuedJobs,
} from './dispatcher-state.ts';

/** Remote attempts that may come to nothing before the job runs inline. */
export const maximumFailures = 3;
/** After losing a worker: its lease (10 s) has run out, with a margin, and nothing of it writes any more. */
export const fenceMs = 12_000;
/** A nested job that was accepted and does not start is called back: its parent holds a slot. */
const nestedPatienceMs = 250;
const refusalMs: Readonly<Record<RefusalCode, number>> = {
  busy: 0,
  memory: 3_000,
  'owner-active': 5_000,
  'stale-view': 0,
  toolchain: 30_000,
  share: 30_000,
  'not-member': 30_000,
  leaving: 30_000,
  version: 30_000,
  native: 30_000,
};

/**
 * One step. The state is changed inside and handed back; use only what is handed back.
 * Events that come late (of attempts that are not current, of peers or jobs that are gone) change nothing.
 *
 * @param nowMs - any monotonic clock.
 */
export function dispatch(
  state: DispatcherState,
  event: DispatcherEvent,
  nowMs: number,
): [DispatcherState, DispatcherAction[]] {
  state.actions = [];
  if (nowMs >= state.wakeAtMs) state.wakeAtMs = Number.POSITIVE_INFINITY;
  handle(state, event, nowMs);
  for (let due = popDue(state.deadlines, nowMs); due; due = popDue(state.deadlines, nowMs)) {
    passDeadline(state, due, nowMs);
  }
  place(state, nowMs);
  if (event.type === 'free') answerFree(state, event.report.id, nowMs);
  wake(state);
  const { actions } = state;
  state.actions = [];
  return [state, actions];
}

function handle(state: DispatcherState, event: DispatcherEvent, nowMs: number): void {
  switch (event.type) {
    case 'job':
      return addJob(state, event.demand, nowMs);
    case 'cancel':
      return cancel(state, event.job);
    case 'released':
      return release(state, event.job);
    case 'peer-up':
      return addPeer(state, event.report, nowMs);
    case 'peer-down':
      return losePeer(state, event.peer, nowMs);
    case 'peer-suspect':
      return suspectPeer(state, event.peer, nowMs);
    case 'peer-well': {
      const peer = state.peers.get(event.peer);
      if (peer !== undefined) {
        peer.suspect = false;
        touch(state, peer);
      }
      return;
    }
    case 'report':
      return learn(state, event.report);
    case 'free': {
      const peer = state.peers.get(event.report.id);
      if (peer !== undefined) {
        takeReport(peer, event.report);
        unask(state, peer);
        peer.closed = false;
        peer.granted = 1;
        touch(state, peer);
      }
      return;
    }
    case 'own':
      state.ownSlots = event.freeSlots;
      return;
    case 'stopping':
      return stop(state);
    case 'tick':
      return;
    case 'accepted':
    case 'started':
    case 'refused':
    case 'returned':
    case 'ended':
    case 'unprovable':
    case 'failed': {
      const record = state.jobs.get(event.job);
      const attempt = record?.attempt;
      // A late word of an attempt that was given up.
      if (record === undefined || attempt === undefined || attempt.attempt !== event.attempt) return;
      return hearOf(state, record, attempt, event, nowMs);
    }
  }
}

type AttemptEvent = Extract<DispatcherEvent, { attempt: number }>;

function hearOf(
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
      if (!event.confirmed && !record.demand.rewritable) return fence(state, record, attempt, nowMs);
      if (peer !== undefined && event.reason === 'no-space-remote') {
        peer.refusals.set(record.demand.kind, { code: 'stale-view', untilMs: nowMs + 30_000 });
        setDeadline(state, nowMs + 30_000, { type: 'look' });
      }
      return again(state, record, event.reason, nowMs);
  }
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
  const { incarnation, sequence } = peer.report;
  const newer =
    report.incarnation > incarnation || (report.incarnation === incarnation && report.sequence > sequence);
  leavePeer(state, record, newer ? 'in-report' : 'not-in-report');
  takeReport(peer, report);
  touch(state, peer);
}

function addJob(state: DispatcherState, demand: JobDemand, nowMs: number): void {
  if (state.jobs.has(demand.job)) throw new Error(`job ${demand.job} was given to the dispatcher twice`);
  const record: JobRecord = {
    demand,
    stage: 'queued',
    attempts: 0,
    failures: 0,
    avoid: undefined,
    attempt: undefined,
    reason: undefined,
    slotted: false,
  };
  state.jobs.set(demand.job, record);
  route(state, record, nowMs);
}

/** Where a job that has no place goes: into the queue, or towards a slot of this machine. */
function route(state: DispatcherState, record: JobRecord, nowMs: number): void {
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
function again(state: DispatcherState, record: JobRecord, reason: Reason, nowMs: number): void {
  const { attempt } = record;
  if (attempt === undefined) return;
  // A fenced attempt was noted when its worker was lost.
  if (attempt.stage !== 'fenced') note(state, record.demand.job, reason, attempt.peer);
  leavePeer(state, record, 'in-report');
  record.failures += 1;
  record.avoid ??= new Set();
  record.avoid.add(attempt.peer);
  state.totals.retried += 1;
  route(state, record, nowMs);
}

/** As {@link again}, and what the attempt may still yield is not wanted. */
function abandon(state: DispatcherState, record: JobRecord, nowMs: number): void {
  pushAbandon(state, record);
  again(state, record, 'lost-peer', nowMs);
}

function pushAbandon(state: DispatcherState, record: JobRecord): void {
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
function fence(state: DispatcherState, record: JobRecord, attempt: Attempt, nowMs: number): void {
  leavePeer(state, record, 'in-report');
  record.attempt = { ...attempt, stage: 'fenced', recalled: false };
  state.remoteJobs += 1;
  note(state, record.demand.job, 'lost-peer', attempt.peer);
  setDeadline(state, nowMs + fenceMs, { type: 'fence', job: record.demand.job, attempt: attempt.attempt });
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
  if (code === 'stale-view') return again(state, record, code, nowMs);
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

/** Every `free` is answered: by offers and the number of jobs that still wait, 0 if none, so that no slot is kept for nobody. */
function answerFree(state: DispatcherState, name: PeerName, nowMs: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  peer.granted = 0;
  touch(state, peer);
  if (state.queue.size > 0) ask(state, peer, nowMs);
  else state.actions.push({ type: 'want', peer: name, jobs: 0 });
}

function cancel(state: DispatcherState, job: JobId): void {
  const record = state.jobs.get(job);
  if (record === undefined) return;
  if (record.stage === 'inline') return release(state, job);
  if (record.stage === 'queued') removeQueued(state.queue, record.demand.kind, job);
  if (record.stage === 'waiting') state.inlineQueue.splice(state.inlineQueue.indexOf(job), 1);
  if (record.attempt !== undefined) {
    pushAbandon(state, record);
    leavePeer(state, record, 'in-report');
  }
  state.jobs.delete(job);
  note(state, job, 'cancelled');
  state.actions.push({ type: 'dropped', job });
}

function release(state: DispatcherState, job: JobId): void {
  const record = state.jobs.get(job);
  if (record?.stage !== 'inline') return;
  state.jobs.delete(job);
  state.inlineJobs -= 1;
  if (record.slotted) state.ownHeld -= 1;
  state.totals.done += 1;
}

function stop(state: DispatcherState): void {
  state.stopping = true;
  for (const record of state.jobs.values()) {
    if (record.stage !== 'queued') continue;
    removeQueued(state.queue, record.demand.kind, record.demand.job);
    bindInline(state, record, 'stopping');
  }
}

function addPeer(state: DispatcherState, report: LoadReport, nowMs: number): void {
  const old = state.peers.get(report.id);
  if (old !== undefined) {
    if (old.report.incarnation >= report.incarnation) {
      old.suspect = false;
      takeReport(old, report);
      touch(state, old);
      return;
    }
    losePeer(state, report.id, nowMs);
  }
  const record = createPeerRecord(report);
  state.peers.set(report.id, record);
  touch(state, record);
}

function learn(state: DispatcherState, report: LoadReport): void {
  const peer = state.peers.get(report.id);
  // Another life of the peer counts when its connection is up, not when others talk of it.
  if (peer === undefined || report.incarnation !== peer.report.incarnation) return;
  if (takeReport(peer, report)) touch(state, peer);
}

function suspectPeer(state: DispatcherState, name: PeerName, nowMs: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  peer.suspect = true;
  touch(state, peer);
  for (const job of peer.mine) {
    const record = state.jobs.get(job);
    if (record?.demand.rewritable === true) abandon(state, record, nowMs);
  }
}

function losePeer(state: DispatcherState, name: PeerName, nowMs: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  peer.suspect = true;
  for (const job of peer.mine) {
    const record = state.jobs.get(job);
    if (record?.attempt === undefined) continue;
    if (record.demand.rewritable) abandon(state, record, nowMs);
    else fence(state, record, record.attempt, nowMs);
  }
  unask(state, peer);
  state.peers.delete(name);
  touch(state, peer);
}

function passDeadline(state: DispatcherState, due: Deadline, nowMs: number): void {
  if (due.type === 'look') return;
  if (due.type === 'asked') {
    const peer = state.peers.get(due.peer);
    if (peer === undefined || peer.asking !== due.asking || peer.asked === 0) return;
    unask(state, peer);
    peer.closed = false;
    touch(state, peer);
    return;
  }
  const record = state.jobs.get(due.job);
  const attempt = record?.attempt;
  if (record === undefined || attempt === undefined || attempt.attempt !== due.attempt) return;
  if (due.type === 'fence') {
    if (attempt.stage === 'fenced') abandon(state, record, nowMs);
  } else if (due.type === 'offer') {
    if (attempt.stage !== 'offered') return;
    if (record.demand.rewritable) abandon(state, record, nowMs);
    else {
      pushAbandon(state, record);
      fence(state, record, attempt, nowMs);
    }
  } else {
    recall(state, record, 'nested');
  }
}

/** How many peers' totals are kept. */
const maximumTotals = 4_096;

function countDone(state: DispatcherState, peer: PeerName): void {
  const { doneByPeer } = state;
  const done = (doneByPeer.get(peer) ?? 0) + 1;
  doneByPeer.delete(peer);
  doneByPeer.set(peer, done);
  if (doneByPeer.size > maximumTotals) {
    for (const oldest of doneByPeer.keys()) {
      doneByPeer.delete(oldest);
      break;
    }
  }
}
