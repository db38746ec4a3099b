/**
 * The dispatcher: what happens to the jobs that this machine asked for.
 *
 * A job waits in one queue until a worker has a slot for it (late binding), and ends here exactly once: by `finish`,
 * by `inline` (then it stays until `released`), or by `dropped`.
 */
import { popDue } from '../heap.ts';
import { hearOf } from './attempt-events.ts';
import type { DispatcherAction, DispatcherEvent, JobDemand, JobId } from './contract.ts';
import type { Deadline, DispatchedJob, DispatcherState } from './dispatcher-state.ts';
import {
  awaitedJob,
  awaitedPeer,
  bindInline,
  hearPeer,
  leavePeer,
  moveJob,
  note,
  wake,
} from './dispatcher-state.ts';
import { removeQueued } from './job-queue.ts';
import { addPeer, answerFree, hearFree, learn, losePeer, suspectPeer } from './peer-events.ts';
import { place, recall } from './placement.ts';
import { abandon, fence, pushAbandon, route } from './routing.ts';

export {
  createDispatcher,
  type DispatcherState,
  doneByPeer,
  inlineSlotsHeld,
  inlineWaiting,
  type JobCounts,
  jobCounts,
} from './dispatcher-state.ts';

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
  // A tick is the alarm itself: it is not set any more, even if it rang for a time that is none of ours by now.
  if (event.type === 'tick' || nowMs >= state.wakeAtMs) state.wakeAtMs = Number.POSITIVE_INFINITY;
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
      return losePeer(state, event.peer, nowMs, event.graceMs);
    case 'peer-suspect':
      return suspectPeer(state, event.peer, nowMs);
    case 'peer-well': {
      const peer = state.peers.get(event.peer);
      if (peer !== undefined) hearPeer(state, peer, 'word');
      return;
    }
    case 'report':
      return learn(state, event.report);
    case 'free':
      return hearFree(state, event.report);
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
    case 'failed':
      return hearOf(state, event, nowMs);
  }
}

function addJob(state: DispatcherState, demand: JobDemand, nowMs: number): void {
  if (state.jobs.has(demand.job)) throw new Error(`job ${demand.job} was given to the dispatcher twice`);
  const record: DispatchedJob = {
    demand,
    stage: 'unplaced',
    attempts: 0,
    failures: 0,
    avoid: undefined,
    placement: undefined,
    reason: undefined,
    slotted: false,
  };
  state.jobs.set(demand.job, record);
  route(state, record, nowMs);
}

function cancel(state: DispatcherState, job: JobId): void {
  const record = state.jobs.get(job);
  if (record === undefined) return;
  if (record.stage === 'inline') return release(state, job);
  if (record.stage === 'queued') removeQueued(state.queue, record.demand.kind, job);
  if (record.stage === 'waiting') state.inlineQueue.splice(state.inlineQueue.indexOf(job), 1);
  if (record.placement !== undefined) {
    pushAbandon(state, record);
    leavePeer(state, record, 'in-report');
  }
  moveJob(state, record, 'cancel');
  state.jobs.delete(job);
  note(state, job, 'cancelled');
  state.actions.push({ type: 'dropped', job });
}

function release(state: DispatcherState, job: JobId): void {
  const record = state.jobs.get(job);
  if (record?.stage !== 'inline') return;
  moveJob(state, record, 'release');
  state.jobs.delete(job);
  if (record.slotted) state.ownHeld -= 1;
  state.totals.done += 1;
}

function stop(state: DispatcherState): void {
  state.stopping = true;
  for (const record of state.jobs.values()) {
    if (record.stage !== 'queued') continue;
    removeQueued(state.queue, record.demand.kind, record.demand.job);
    moveJob(state, record, 'stop');
    bindInline(state, record, 'stopping');
  }
}

function passDeadline(state: DispatcherState, due: Deadline, nowMs: number): void {
  if (due.type === 'look') return;
  if (due.type === 'asked') {
    const peer = awaitedPeer(state, due);
    if (peer !== undefined) hearPeer(state, peer, 'lapse');
    return;
  }
  const awaited = awaitedJob(state, due);
  if (awaited === undefined) return;
  const { record, placement } = awaited;
  if (due.type === 'fence') {
    if (record.stage === 'fenced') abandon(state, record, nowMs, 'expire');
  } else if (due.type === 'offer') {
    if (record.demand.rewritable) abandon(state, record, nowMs);
    else {
      pushAbandon(state, record);
      fence(state, record, placement, nowMs);
    }
  } else {
    recall(state, record, 'nested');
  }
}
