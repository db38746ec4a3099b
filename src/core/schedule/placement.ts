/**
 * Who gets which waiting job now: free remote slots first, then free slots of this machine, then the prefetch room
 * of busy workers; with nothing waiting, jobs that wait in a worker's queue are called back for idle slots elsewhere.
 */
import type { Reason } from '../reason.ts';
import { choosePeer, isLasting, refuses, refusesForGood } from './choose.ts';
import type { JobId } from './contract.ts';
import type { DispatchedJob, DispatcherState } from './dispatcher-state.ts';
import { moveJob, movePeer, note, runHere, setDeadline, touch } from './dispatcher-state.ts';
import { drain } from './job-queue.ts';
import { countKeptSlot, expectedFreeSlots, type PeerRecord } from './peer-record.ts';

/** An offer without an answer for so long is given up. */
export const offerDeadlineMs = 15_000;
/** A worker that was asked to say when a slot falls free is asked again after this silence. */
export const askAgainMs = 5_000;
/** How many jobs that wait in the queue of a worker are looked at in one step, to call them back. */
const lookAhead = 64;
/** Workers asked beyond the number of waiting jobs. */
const askMargin = 8;

/** Places what can be placed; after every event. */
export function place(state: DispatcherState, nowMs: number): void {
  if (state.queue.size > 0 && state.roomy.size > 0) placeRemote(state, 'slot', nowMs);
  placeOwn(state, nowMs);
  if (state.queue.size > 0 && state.roomy.size > 0) placeRemote(state, 'queue', nowMs);
  if (state.queue.size === 0 && state.inlineQueue.length === 0) stealBack(state, nowMs);
  if (state.queue.size > 0) askFull(state, nowMs);
  state.stranded = countStranded(state, nowMs);
}

/** Jobs of the queue that nobody else would take, however long they wait. */
function countStranded(state: DispatcherState, nowMs: number): number {
  let stranded = 0;
  for (const lane of state.queue.lanes.values()) {
    const first = known(state, lane[0]);
    if (ownReason(state, first, nowMs) === 'own-slot') continue;
    stranded += first.avoid === undefined ? lane.length : 1;
  }
  return stranded;
}

/** Offers this one job to a free slot. @returns false if there is none. */
export function placeNow(state: DispatcherState, record: DispatchedJob, nowMs: number): boolean {
  const peer = choosePeer(state.roomy, record.demand, record.avoid, 'slot', nowMs, state.random);
  if (peer === undefined) return false;
  offer(state, record, peer, nowMs);
  return true;
}

function placeRemote(state: DispatcherState, into: 'slot' | 'queue', nowMs: number): void {
  // Where one ordinary job of a kind found nobody, the next one that needs as much memory needs no look.
  const hopeless = new Map<string, number>();
  drain(state.queue, (job) => {
    const record = known(state, job);
    const { demand, avoid } = record;
    const limit = hopeless.get(demand.kind);
    if (limit !== undefined && demand.memoryBytes >= limit) return 'stays';
    const peer = choosePeer(state.roomy, demand, avoid, into, nowMs, state.random);
    if (peer !== undefined) {
      offer(state, record, peer, nowMs);
      return 'taken';
    }
    if (avoid === undefined) hopeless.set(demand.kind, demand.memoryBytes);
    if (state.roomy.size === 0) return 'stop';
    return 'stays';
  });
}

function offer(state: DispatcherState, record: DispatchedJob, peer: PeerRecord, nowMs: number): void {
  const { job } = record.demand;
  moveJob(state, record, 'offer');
  record.attempts += 1;
  record.placement = { peer: peer.name, attempt: record.attempts, recalled: false };
  peer.mine.add(job);
  if (peer.stage === 'granted') {
    countKeptSlot(peer);
    movePeer(state, peer, 'use');
  } else touch(state, peer);
  state.actions.push({ type: 'offer', job, attempt: record.attempts, peer: peer.name });
  setDeadline(state, nowMs + offerDeadlineMs, { type: 'offer', job, attempt: record.attempts });
}

function placeOwn(state: DispatcherState, nowMs: number): void {
  while (state.ownHeld < state.ownSlots && state.inlineQueue.length > 0) {
    const record = known(state, state.inlineQueue.shift());
    runHere(state, record, record.reason ?? 'own-slot', true);
  }
  if (state.ownHeld >= state.ownSlots || state.queue.size === 0) return;
  drain(state.queue, (job) => {
    if (state.ownHeld >= state.ownSlots) return 'stop';
    const record = known(state, job);
    const reason = ownReason(state, record, nowMs);
    // Where waiting is of no use, it runs here all the same.
    if (record.demand.remoteOnly && (reason === 'own-slot' || reason === 'no-peers')) return 'stays';
    runHere(state, record, reason, true);
    return 'taken';
  });
}

function ownReason(state: DispatcherState, record: DispatchedJob, nowMs: number): Reason {
  if (state.peers.size === 0) return 'no-peers';
  let tried: Reason | undefined;
  for (const peer of state.peers.values()) {
    if (!refusesForGood(peer, record.demand, record.avoid, nowMs)) return 'own-slot';
    tried ??= record.avoid?.get(peer.name);
  }
  return tried === undefined ? 'no-fitting-peer' : reasonAfter(tried);
}

/** Why a job runs here that no peer refuses for its kind, after an attempt on the last of them came to nothing. */
function reasonAfter(tried: Reason): Reason {
  if (tried === 'stale-view') return 'unprovable';
  if (tried === 'outside-share') return tried;
  // What it was refused for after it had run there (`toolchain`) holds for others of its kind too.
  return isLasting(tried) ? 'no-fitting-peer' : 'retries-used-up';
}

/** Calls accepted jobs that have not started back, one for each slot that is idle elsewhere. */
function stealBack(state: DispatcherState, nowMs: number): void {
  let idle = idleSlots(state);
  if (idle <= 0 || state.holding.size === 0) return;
  const busiest = [...state.holding].toSorted((a, b) => backlog(b) - backlog(a));
  for (const peer of busiest) {
    for (const job of [...peer.waiting].toReversed().slice(0, lookAhead)) {
      if (idle <= 0) return;
      const record = known(state, job);
      const own = state.ownHeld < state.ownSlots && !record.demand.remoteOnly;
      const other = choosePeer(state.roomy, record.demand, record.avoid, 'slot', nowMs, state.random);
      if (!own && (other === undefined || other === peer)) continue;
      recall(state, record, 'recalled');
      idle -= 1;
    }
  }
}

/** Slots, here and elsewhere, that no job is on its way to. */
function idleSlots(state: DispatcherState): number {
  let idle = state.ownSlots - state.ownHeld - state.recalls;
  for (const peer of state.roomy) idle += Math.max(0, expectedFreeSlots(peer));
  return idle;
}

/** How long a worker needs for my jobs that wait there, in jobs a slot. */
function backlog({ waiting, report }: PeerRecord): number {
  return waiting.size / Math.max(report.slots, 0.01);
}

/** Asks for an accepted attempt back, once. */
export function recall(state: DispatcherState, record: DispatchedJob, reason: Reason): void {
  const { placement } = record;
  const { job } = record.demand;
  if (placement === undefined || record.stage !== 'accepted' || placement.recalled) return;
  moveJob(state, record, 'recall');
  placement.recalled = true;
  state.recalls += 1;
  const peer = state.peers.get(placement.peer);
  if (peer !== undefined) {
    peer.waiting.delete(job);
    touch(state, peer);
  }
  state.actions.push({ type: 'recall', job, attempt: placement.attempt, peer: placement.peer });
  note(state, job, reason, placement.peer);
}

/** Jobs wait: asks full workers to say when a slot falls free, no more of them than could be of use. */
function askFull(state: DispatcherState, nowMs: number): void {
  const most = state.queue.size + askMargin;
  for (const peer of state.unasked) {
    if (state.askedPeers >= most) return;
    if (placesAny(state, peer, nowMs)) ask(state, peer, nowMs);
  }
}

/** True if some job that waits would be taken by this peer, were it not full. */
export function placesAny(state: DispatcherState, peer: PeerRecord, nowMs: number): boolean {
  for (const lane of state.queue.lanes.values()) {
    const { demand, avoid } = known(state, lane[0]);
    if (!refuses(peer, demand, avoid, nowMs)) return true;
  }
  return false;
}

/** Tells a worker how many jobs wait. */
export function ask(state: DispatcherState, peer: PeerRecord, nowMs: number): void {
  movePeer(state, peer, 'ask');
  peer.asking += 1;
  state.actions.push({ type: 'want', peer: peer.name, jobs: state.queue.size });
  setDeadline(state, nowMs + askAgainMs, { type: 'asked', peer: peer.name, asking: peer.asking });
}

function known(state: DispatcherState, job: JobId | undefined): DispatchedJob {
  const record = job === undefined ? undefined : state.jobs.get(job);
  if (record === undefined) throw new Error(`the dispatcher lost sight of job ${job}, which it has queued`);
  return record;
}
