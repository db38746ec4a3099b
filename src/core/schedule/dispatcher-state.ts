/** What the dispatcher remembers, and the few ways in which all its parts change it. */
import { BoundedMap } from '../bounded-map.ts';
import { createHeap, dropDue, type Heap, nextDue, pushDue } from '../heap.ts';
import { createRandom, type RandomState } from '../random.ts';
import type { Reason } from '../reason.ts';
import type { AttemptNumber, DispatcherAction, JobDemand, JobId, PeerName } from './contract.ts';
import { createJobQueue, insertInOrder, type JobQueue } from './job-queue.ts';
import { expectedRoom, isReady, othersLoad, type PeerRecord } from './peer-record.ts';
import {
  type JobEvent,
  type JobStage,
  jobTable,
  type PeerEvent,
  peerTable,
  type StateRow,
} from './states.ts';

/** How many peers' totals are kept. */
const maximumTotals = 4_096;

/** Where a job is, if not here: one start of it on a worker. */
export interface Placement {
  readonly peer: PeerName;
  readonly attempt: AttemptNumber;
  /** It was asked back, and has not answered. */
  recalled: boolean;
}

export interface DispatchedJob {
  /** Its kind may change. */
  demand: JobDemand;
  /** Changed by {@link moveJob} alone. */
  stage: JobStage;
  /** Newest attempt number given. */
  attempts: AttemptNumber;
  /** Attempts that came to nothing, of those that count. */
  failures: number;
  /** Peers where an attempt came to nothing, and why. */
  avoid: Map<PeerName, Reason> | undefined;
  /** While it is offered, accepted, started or fenced. */
  placement: Placement | undefined;
  /** Why it runs here, once that is certain. */
  reason: Reason | undefined;
  /** Inline, and holds a slot of this machine until released. */
  slotted: boolean;
}

interface JobDeadline {
  readonly type: 'fence' | 'offer' | 'nested';
  readonly job: JobId;
  readonly attempt: AttemptNumber;
}

interface PeerDeadline {
  readonly type: 'asked';
  readonly peer: PeerName;
  readonly asking: number;
}

export type Deadline = JobDeadline | PeerDeadline | { readonly type: 'look' };

export interface DispatcherOptions {
  /** Seeds every choice among equals. */
  readonly seed: number;
  /** Slots for inline jobs until the first `own` event. @defaultValue 1 */
  readonly ownSlots?: number;
  /** Told of each row that is followed; for simulators. */
  readonly onRow?: OnRow;
}

export type OnRow = (row: StateRow) => void;

export interface DispatcherTotals {
  done: number;
  remote: number;
  inline: number;
  failed: number;
  retried: number;
}

export interface DispatcherState {
  readonly random: RandomState;
  readonly onRow: OnRow | undefined;
  readonly jobs: Map<JobId, DispatchedJob>;
  readonly peers: Map<PeerName, PeerRecord>;
  /** Jobs for any place. */
  readonly queue: JobQueue;
  /** Jobs that wait for a slot of this machine, in order of arrival. */
  readonly inlineQueue: JobId[];
  ownSlots: number;
  /** Slots held by inline jobs. */
  ownHeld: number;
  /** Queued jobs that nobody else would take. */
  stranded: number;
  inlineJobs: number;
  remoteJobs: number;
  /** Peers that should take a job now. */
  readonly roomy: Set<PeerRecord>;
  /** Full peers that were not asked yet to say when a slot falls free. */
  readonly unasked: Set<PeerRecord>;
  askedPeers: number;
  /** Peers where accepted jobs of mine wait behind others. */
  readonly holding: Set<PeerRecord>;
  /** Recalls without an answer yet. */
  recalls: number;
  readonly deadlines: Heap<Deadline>;
  wakeAtMs: number;
  stopping: boolean;
  readonly totals: DispatcherTotals;
  readonly doneByPeer: Map<PeerName, number>;
  /** Actions of the event in work. */
  actions: DispatcherAction[];
}

export function createDispatcher(options: DispatcherOptions): DispatcherState {
  return {
    random: createRandom(options.seed),
    onRow: options.onRow,
    jobs: new Map(),
    peers: new Map(),
    queue: createJobQueue(),
    inlineQueue: [],
    ownSlots: options.ownSlots ?? 1,
    ownHeld: 0,
    stranded: 0,
    inlineJobs: 0,
    remoteJobs: 0,
    roomy: new Set(),
    unasked: new Set(),
    askedPeers: 0,
    holding: new Set(),
    recalls: 0,
    deadlines: createHeap(),
    wakeAtMs: Number.POSITIVE_INFINITY,
    stopping: false,
    totals: { done: 0, remote: 0, inline: 0, failed: 0, retried: 0 },
    doneByPeer: new BoundedMap(maximumTotals),
    actions: [],
  };
}

const remoteStages: ReadonlySet<JobStage> = new Set(['offered', 'accepted', 'started', 'fenced']);
const askedStages: ReadonlySet<string> = new Set(['asked', 'closed']);

/** Follows a row of the table of jobs; the counts of stages follow it. */
export function moveJob(state: DispatcherState, record: DispatchedJob, event: JobEvent): void {
  const row = jobTable.row(record.stage, event);
  state.onRow?.(row);
  const [before, , after] = row;
  state.remoteJobs += Number(remoteStages.has(after)) - Number(remoteStages.has(before));
  state.inlineJobs += Number(after === 'inline') - Number(before === 'inline');
  record.stage = after;
}

/** Follows a row of the table of peers, and puts the peer into the sets that the placement looks at. */
export function movePeer(state: DispatcherState, record: PeerRecord, event: PeerEvent): void {
  const row = peerTable.row(record.stage, event);
  state.onRow?.(row);
  const [before, , after] = row;
  state.askedPeers += Number(askedStages.has(after)) - Number(askedStages.has(before));
  record.stage = after;
  touch(state, record);
}

/** As {@link movePeer}, for what the peer itself or its connection says: what no row provides for changes nothing. */
export function hearPeer(state: DispatcherState, record: PeerRecord, event: PeerEvent): boolean {
  if (peerTable.find(record.stage, event) === undefined) return false;
  movePeer(state, record, event);
  return true;
}

/** Puts a peer into the sets that the placement looks at; after every change of its record. */
export function touch(state: DispatcherState, record: PeerRecord): void {
  const ready = isReady(record);
  const room = ready && expectedRoom(record) > 0;
  if (room) state.roomy.add(record);
  else state.roomy.delete(record);
  // Where all the load is mine, the ends of my own jobs tell me of free slots.
  if (ready && !room && record.stage === 'open' && othersLoad(record) > 0) state.unasked.add(record);
  else state.unasked.delete(record);
  // Where no slot is left at all, the jobs that wait need another place all the more.
  if (record.stage !== 'gone' && record.waiting.size > 0) state.holding.add(record);
  else state.holding.delete(record);
}

export function setDeadline(state: DispatcherState, atMs: number, deadline: Deadline): void {
  pushDue(state.deadlines, atMs, deadline);
}

/**
 * Asks for a tick where the earliest deadline is before the one asked for. Offers that were answered long ago ask for none: after
 * many small jobs there would be a tick for each, fifteen seconds later.
 */
export function wake(state: DispatcherState): void {
  dropDue(state.deadlines, (due) => isMoot(state, due));
  const atMs = nextDue(state.deadlines);
  if (atMs >= state.wakeAtMs) return;
  state.wakeAtMs = atMs;
  state.actions.push({ type: 'wake', atMs });
}

/** The job that a deadline is for, and where it is; undefined: it has moved on. */
export function awaitedJob(
  state: DispatcherState,
  due: JobDeadline,
): { readonly record: DispatchedJob; readonly placement: Placement } | undefined {
  const record = state.jobs.get(due.job);
  const placement = record?.placement;
  if (record === undefined || placement?.attempt !== due.attempt) return undefined;
  return due.type === 'offer' && record.stage !== 'offered' ? undefined : { record, placement };
}

/** The peer that a deadline is for; undefined: it has answered. */
export function awaitedPeer(state: DispatcherState, due: PeerDeadline): PeerRecord | undefined {
  const peer = state.peers.get(due.peer);
  return peer?.asking === due.asking ? peer : undefined;
}

/** Nothing happens when it falls due, now or later. */
function isMoot(state: DispatcherState, due: Deadline): boolean {
  if (due.type === 'look') return false;
  return (due.type === 'asked' ? awaitedPeer(state, due) : awaitedJob(state, due)) === undefined;
}

export function note(state: DispatcherState, job: JobId, reason: Reason, peer?: PeerName): void {
  state.actions.push(
    peer === undefined ? { type: 'note', job, reason } : { type: 'note', job, reason, peer },
  );
}

export function runHere(
  state: DispatcherState,
  record: DispatchedJob,
  reason: Reason,
  slotted: boolean,
): void {
  moveJob(state, record, 'run-here');
  record.slotted = slotted;
  if (slotted) state.ownHeld += 1;
  state.totals.inline += 1;
  state.actions.push({ type: 'inline', job: record.demand.job, reason });
}

/** The job runs inline and nowhere else: at once if it needs no slot, else when one of this machine is free. */
export function bindInline(state: DispatcherState, record: DispatchedJob, reason: Reason): void {
  if (record.demand.unslotted || record.demand.nested) {
    runHere(state, record, reason, false);
    return;
  }
  moveJob(state, record, 'bind');
  record.reason = reason;
  insertInOrder(state.inlineQueue, record.demand.job);
}

/**
 * Takes the placement off its peer's books, before the job leaves the stage that it has there.
 *
 * @param counted - the report that is known of the peer does not count it any more, or still does.
 */
export function leavePeer(
  state: DispatcherState,
  record: DispatchedJob,
  counted: 'in-report' | 'not-in-report',
): void {
  const { placement, stage } = record;
  if (placement === undefined) return;
  record.placement = undefined;
  if (placement.recalled) state.recalls -= 1;
  const peer = state.peers.get(placement.peer);
  if (peer === undefined || stage === 'fenced') return;
  peer.mine.delete(record.demand.job);
  peer.waiting.delete(record.demand.job);
  if (stage !== 'offered') {
    peer.known -= 1;
    if (counted === 'not-in-report') peer.reportMine = Math.max(0, peer.reportMine - 1);
  }
  touch(state, peer);
}

// Views

export interface JobCounts extends Readonly<DispatcherTotals> {
  readonly running: number;
  readonly queued: number;
}

/** Running counts what was offered too, queued what waits for any place; `failed` only what a worker ran, as nobody sees how an inline command ends. */
export function jobCounts(state: DispatcherState): JobCounts {
  return {
    running: state.remoteJobs + state.inlineJobs,
    queued: state.queue.size + state.inlineQueue.length,
    ...state.totals,
  };
}

/** Jobs that a peer has ended well or badly for this one. */
export function doneByPeer(state: DispatcherState, peer: PeerName): number {
  return state.doneByPeer.get(peer) ?? 0;
}

/** Inline jobs that hold slots of this machine: what the worker must be told as `inline.running`. */
export function inlineSlotsHeld(state: DispatcherState): number {
  return state.ownHeld;
}

/** Jobs that wait for a slot of this machine and can run nowhere else: what the worker must be told as `inline.waiting`. */
export function inlineWaiting(state: DispatcherState): number {
  return state.inlineQueue.length + state.stranded;
}
