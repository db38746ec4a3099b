/**
 * The worker: which jobs of other peers run here, and when.
 *
 * Every job that was accepted leaves by exactly one of: `ended` (after `start`), `cancelled` or `peer-down` before it
 * started, or a `return`. Submitters that were refused for want of a slot stand in a line; a slot that falls free is
 * kept for the first of the line for a moment, so that nobody snatches it, and is free for all after that.
 */
import type { LoadReport } from '../load-report.ts';
import type { RefusalCode } from '../reason.ts';
import type { AttemptNumber, JobId, PeerName, WorkerAction, WorkerEvent } from './contract.ts';
import { prefetchRoom } from './peer-record.ts';
import { type HostedEvent, type HostedStage, hostedTable, type StateRow } from './states.ts';
import {
  addWaiter,
  createSubmitterLine,
  dropWaiter,
  expireReservations,
  grantFree,
  nextExpiry,
  reservedSlots,
  type SubmitterLine,
  takeReservation,
} from './submitter-line.ts';

export interface WorkerOptions {
  readonly slots: number;
  /** Memory never given to jobs. @defaultValue 128 MiB */
  readonly reserveBytes?: number;
  /** How long a freed slot is kept for the submitter that was told. @defaultValue 100 */
  readonly reservationMs?: number;
  /** Told of each row that is followed; for simulators. */
  readonly onRow?: (row: StateRow) => void;
}

interface AcceptedJob {
  readonly peer: PeerName;
  readonly job: JobId;
  readonly attempt: AttemptNumber;
  readonly memoryBytes: number;
  startedAtMs: number | undefined;
  /** Changed by `moveHosted` alone. */
  stage: HostedStage;
}

export interface WorkerState {
  readonly slots: number;
  readonly reserveBytes: number;
  readonly reservationMs: number;
  readonly onRow: ((row: StateRow) => void) | undefined;
  /** All accepted jobs, in the order accepted. */
  readonly jobs: Map<string, AcceptedJob>;
  /** Of those, the ones that have not started. */
  readonly queue: Set<AcceptedJob>;
  readonly line: SubmitterLine;
  inlineRunning: number;
  inlineWaiting: number;
  load: number;
  memoryFreeBytes: number;
  memoryAtMs: number;
  leaving: boolean;
  wakeAtMs: number;
}

const MiB = 1024 * 1024;
/** A job is taken to grow evenly to its expected memory over this time. */
const growthMs = 5_000;

export function createWorker(options: WorkerOptions): WorkerState {
  return {
    slots: Math.max(0, Math.floor(options.slots)),
    reserveBytes: options.reserveBytes ?? 128 * MiB,
    reservationMs: options.reservationMs ?? 100,
    onRow: options.onRow,
    jobs: new Map(),
    queue: new Set(),
    line: createSubmitterLine(),
    inlineRunning: 0,
    inlineWaiting: 0,
    load: 0,
    memoryFreeBytes: Number.POSITIVE_INFINITY,
    memoryAtMs: 0,
    leaving: false,
    wakeAtMs: Number.POSITIVE_INFINITY,
  };
}

/**
 * One step. The state is changed inside and handed back; use only what is handed back. Events of jobs that are
 * not known here change nothing.
 *
 * @param nowMs - any monotonic clock.
 */
export function work(state: WorkerState, event: WorkerEvent, nowMs: number): [WorkerState, WorkerAction[]] {
  const actions: WorkerAction[] = [];
  // As in the dispatcher: after a tick no alarm is set.
  if (event.type === 'tick' || nowMs >= state.wakeAtMs) state.wakeAtMs = Number.POSITIVE_INFINITY;
  const before = figuresKey(state);
  expireReservations(state.line, nowMs);
  handle(state, event, nowMs, actions);
  startQueued(state, nowMs, actions);
  if (!state.leaving) {
    for (const peer of grantFree(state.line, freeRoom(state), nowMs + state.reservationMs)) {
      actions.push({ type: 'free', peer });
    }
  }
  if (figuresKey(state) !== before) actions.push({ type: 'changed' });
  const expiryMs = nextExpiry(state.line);
  if (expiryMs < state.wakeAtMs) {
    state.wakeAtMs = expiryMs;
    actions.push({ type: 'wake', atMs: expiryMs });
  }
  return [state, actions];
}

function handle(state: WorkerState, event: WorkerEvent, nowMs: number, actions: WorkerAction[]): void {
  switch (event.type) {
    case 'offer': {
      const { peer, job, attempt, memoryBytes } = event;
      const code = whyRefused(state, event, nowMs);
      if (code !== undefined) {
        if (code === 'busy') addWaiter(state.line, peer, 1);
        actions.push({ type: 'refuse', peer, job, attempt, code });
        return;
      }
      takeReservation(state.line, peer);
      const accepted: AcceptedJob = {
        peer,
        job,
        attempt,
        memoryBytes,
        startedAtMs: undefined,
        stage: 'new',
      };
      moveHosted(state, accepted, 'accept');
      state.jobs.set(keyOf(peer, job), accepted);
      state.queue.add(accepted);
      actions.push({ type: 'accept', peer, job, attempt });
      return;
    }
    case 'recall': {
      const accepted = state.jobs.get(keyOf(event.peer, event.job));
      if (accepted !== undefined && state.queue.has(accepted)) giveBack(state, accepted, actions);
      return;
    }
    case 'cancelled': {
      const accepted = state.jobs.get(keyOf(event.peer, event.job));
      if (accepted !== undefined) end(state, accepted, actions);
      return;
    }
    case 'ended': {
      const accepted = state.jobs.get(keyOf(event.peer, event.job));
      if (accepted === undefined || !hostedTable.find(accepted.stage, 'end')) return;
      moveHosted(state, accepted, 'end');
      forget(state, accepted);
      return;
    }
    case 'want':
      if (event.jobs > 0) addWaiter(state.line, event.peer, event.jobs);
      else dropWaiter(state.line, event.peer);
      return;
    case 'peer-down':
      dropWaiter(state.line, event.peer);
      for (const accepted of state.jobs.values()) {
        if (accepted.peer === event.peer) end(state, accepted, actions);
      }
      return;
    case 'inline':
      state.inlineRunning = event.running;
      state.inlineWaiting = event.waiting ?? 0;
      return;
    case 'machine':
      state.load = event.load;
      state.memoryFreeBytes = event.memoryFreeBytes;
      state.memoryAtMs = nowMs;
      return;
    case 'leaving':
      state.leaving = true;
      for (const accepted of state.queue) giveBack(state, accepted, actions);
      return;
    case 'tick':
      return;
  }
}

/** Why this offer is not taken; undefined: it is. */
export function whyRefused(
  state: WorkerState,
  offer: Omit<Extract<WorkerEvent, { type: 'offer' }>, 'type'>,
  nowMs: number,
): RefusalCode | undefined {
  if (state.leaving) return 'leaving';
  if (effectiveSlots(state) === 0) return 'owner-active';
  if (freeRoom(state) - reservedSlots(state.line, offer.peer) <= 0) return 'busy';
  // An older attempt of the same job is still being killed.
  if (state.jobs.has(keyOf(offer.peer, offer.job))) return 'busy';
  if (offer.memoryBytes > memoryLeft(state, nowMs)) return 'memory';
  return undefined;
}

/** Free memory less the reserve and what accepted jobs may still come to need. */
function memoryLeft(state: WorkerState, nowMs: number): number {
  let left = state.memoryFreeBytes - state.reserveBytes;
  for (const { memoryBytes, startedAtMs } of state.jobs.values()) {
    const grownMs = startedAtMs === undefined ? 0 : Math.min(state.memoryAtMs, nowMs) - startedAtMs;
    left -= memoryBytes * (1 - Math.min(1, Math.max(0, grownMs / growthMs)));
  }
  return left;
}

function startQueued(state: WorkerState, nowMs: number, actions: WorkerAction[]): void {
  for (const accepted of state.queue) {
    if (running(state) + state.inlineWaiting >= effectiveSlots(state)) return;
    moveHosted(state, accepted, 'start');
    state.queue.delete(accepted);
    accepted.startedAtMs = nowMs;
    const { peer, job, attempt } = accepted;
    actions.push({ type: 'start', peer, job, attempt });
  }
}

/** Nobody wants it any more: out of the queue at once; where it runs it is killed and its slot is held until `ended`. */
function end(state: WorkerState, accepted: AcceptedJob, actions: WorkerAction[]): void {
  if (!hostedTable.find(accepted.stage, 'cancel')) return;
  moveHosted(state, accepted, 'cancel');
  if (accepted.stage === 'over') forget(state, accepted);
  else actions.push({ type: 'kill', peer: accepted.peer, job: accepted.job });
}

function giveBack(state: WorkerState, accepted: AcceptedJob, actions: WorkerAction[]): void {
  moveHosted(state, accepted, 'return');
  forget(state, accepted);
  const { peer, job, attempt } = accepted;
  actions.push({ type: 'return', peer, job, attempt });
}

/** Follows a row of the table of jobs at their worker. */
function moveHosted(state: WorkerState, accepted: AcceptedJob, event: HostedEvent): void {
  const row = hostedTable.row(accepted.stage, event);
  state.onRow?.(row);
  accepted.stage = row[2];
}

function forget(state: WorkerState, accepted: AcceptedJob): void {
  state.queue.delete(accepted);
  state.jobs.delete(keyOf(accepted.peer, accepted.job));
}

/** Jobs that could be accepted now, kept ones included. */
function freeRoom(state: WorkerState): number {
  const slots = effectiveSlots(state);
  return slots + prefetchRoom(slots) - running(state) - state.inlineWaiting - state.queue.size;
}

function keyOf(peer: PeerName, job: JobId): string {
  return `${job} ${peer}`;
}

/** What others hear of, and what the dispatcher of this machine must know at once: a job for others that starts takes a slot from it. */
function figuresKey(state: WorkerState): string {
  return `${effectiveSlots(state)} ${running(state)} ${queuedFigure(state)} ${state.leaving} ${inlineSlots(state)}`;
}

// Views

/** Slots less the load of other people's processes, rounded. */
export function effectiveSlots(state: WorkerState): number {
  return Math.max(0, state.slots - Math.round(state.load));
}

/** Started jobs of the swarm and this machine's own inline ones that hold slots. */
export function running(state: WorkerState): number {
  return state.jobs.size - state.queue.size + state.inlineRunning;
}

/** Accepted and not started. */
export function queued(state: WorkerState): number {
  return state.queue.size;
}

/**
 * What the dispatcher's `own` event must be given: slots that inline jobs may hold in all. One at least where nothing of
 * the swarm runs: the owner's load must not stop the owner's own build.
 */
export function inlineSlots(state: WorkerState): number {
  const started = state.jobs.size - state.queue.size;
  return Math.max(started === 0 ? 1 : 0, effectiveSlots(state) - started);
}

/** What is told as queued: places kept for somebody, and this machine's own jobs that wait, are as good as taken too. */
function queuedFigure(state: WorkerState): number {
  return queued(state) + reservedSlots(state.line) + state.inlineWaiting;
}

/** The part of the load report that is the worker's to say. */
export function reportFigures(
  state: WorkerState,
): Pick<LoadReport, 'slots' | 'running' | 'queued' | 'load' | 'state' | 'reasons'> {
  const slots = effectiveSlots(state);
  const reasons = [...(state.leaving ? ['leaving'] : []), ...(slots === 0 ? ['owner-active'] : [])];
  return {
    slots,
    running: running(state),
    queued: queuedFigure(state),
    load: state.load,
    state: reasons.length === 0 ? 'ready' : 'refusing',
    reasons,
  };
}
