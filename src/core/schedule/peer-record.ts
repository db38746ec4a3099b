/**
 * What a submitter knows of one worker: its newest report, corrected by its own jobs in flight there.
 *
 * A report counts some of my jobs already (those that its worker knew of when it was made). `reportMine` is their
 * number, so that others' load is the report less `reportMine`, and my own load is always my own exact count.
 */
import type { LoadReport } from '../load-report.ts';
import type { RefusalCode } from '../reason.ts';
import type { JobId, PeerName } from './contract.ts';
import type { PeerStage } from './states.ts';

export interface PeerRecord {
  readonly name: PeerName;
  report: LoadReport;
  /** How many of my attempts `report` counts. */
  reportMine: number;
  /** My live attempts there: offered, accepted or started. */
  readonly mine: Set<JobId>;
  /** Those of `mine` that are accepted (the worker knows of them). */
  known: number;
  /** Accepted, behind others in the worker's queue and not called back: in the order accepted. */
  readonly waiting: Set<JobId>;
  /** Changed by `movePeer` alone. */
  stage: PeerStage;
  /** Counts the askings, so that an older safety deadline is not taken for the newest one's. */
  asking: number;
  /** Kinds of job refused here, until when. */
  readonly refusals: Map<string, { readonly code: RefusalCode; readonly untilMs: number }>;
  /** Jobs that need this much memory or more were refused, until then. */
  memoryShort: { readonly bytes: number; readonly untilMs: number; readonly report: LoadReport } | undefined;
  /** Commands in a row that it could not start. */
  failedStarts: number;
  /** It gets no jobs until then, as it could not start the last ones. */
  restsUntilMs: number;
}

export function createPeerRecord(report: LoadReport): PeerRecord {
  return {
    name: report.id,
    report,
    reportMine: 0,
    mine: new Set(),
    known: 0,
    waiting: new Set(),
    stage: 'open',
    asking: 0,
    refusals: new Map(),
    memoryShort: undefined,
    failedStarts: 0,
    restsUntilMs: Number.NEGATIVE_INFINITY,
  };
}

/** Jobs that a worker keeps accepted beyond its slots, so that no slot idles for a round trip. */
export function prefetchRoom(slots: number): number {
  return slots < 1 ? 0 : 1 + Math.floor(slots / 4);
}

/** So many commands in a row that a worker cannot start are its own fault, not that of the commands. */
const failedStartsMost = 3;
/** How long it then gets no jobs: at first, and after more failures at most. */
const restMs = { first: 5_000, most: 60_000 } as const;

/** It could not start a command. @returns true if it gets no more for a while. */
export function countFailedStart(record: PeerRecord, nowMs: number): boolean {
  record.failedStarts += 1;
  const beyond = record.failedStarts - failedStartsMost;
  if (beyond < 0) return false;
  record.restsUntilMs = nowMs + Math.min(restMs.most, restMs.first * 2 ** beyond);
  return true;
}

/** True if `report` is of this peer and newer than what the record has. */
export function isNewer(record: PeerRecord, report: LoadReport): boolean {
  const old = record.report;
  if (report.id !== old.id) return false;
  return (
    report.incarnation > old.incarnation ||
    (report.incarnation === old.incarnation && report.sequence > old.sequence)
  );
}

/** Takes a report if it is newer. Own jobs known to the worker (`known`) must be up to date with what came with it. */
export function takeReport(record: PeerRecord, report: LoadReport): boolean {
  if (!isNewer(record, report)) return false;
  record.report = report;
  record.reportMine = record.known;
  return true;
}

/** The slot that was kept for us, which its report counts as taken, is taken by a job of ours, or given back. */
export function countKeptSlot(record: PeerRecord): void {
  const { report } = record;
  record.report = { ...report, queued: Math.max(0, report.queued - 1) };
}

/** Ends the refusals for want of something that the newest report says is there again. */
export function endRefusals(record: PeerRecord): void {
  const { report, refusals, memoryShort } = record;
  if (report.slots > 0)
    for (const [kind, { code }] of refusals) if (code === 'owner-active') refusals.delete(kind);
  if (memoryShort === undefined) return;
  const fewerJobs = report.running + report.queued < memoryShort.report.running + memoryShort.report.queued;
  const moreMemory = report.memoryFreeBytes > 1.1 * memoryShort.report.memoryFreeBytes;
  if (fewerJobs || moreMemory) record.memoryShort = undefined;
}

/** Jobs of others there, as far as known. */
export function othersLoad(record: PeerRecord): number {
  return Math.max(0, record.report.running + record.report.queued - record.reportMine);
}

/** True if new jobs may go there at all. */
export function isReady(record: PeerRecord): boolean {
  const { stage, report } = record;
  return stage !== 'suspect' && stage !== 'gone' && report.state === 'ready' && report.slots > 0;
}

/** Slots there that I expect to be free. */
export function expectedFreeSlots(record: PeerRecord): number {
  return record.stage === 'closed' || record.stage === 'granted' ? 0 : reportedFreeSlots(record);
}

/** Jobs that it should accept now: free slots and prefetch room. */
export function expectedRoom(record: PeerRecord): number {
  if (record.stage === 'granted') return 1;
  return record.stage === 'closed' ? 0 : reportedRoom(record);
}

/** As {@link expectedRoom}, by its newest report alone. */
export function reportedRoom(record: PeerRecord): number {
  return reportedFreeSlots(record) + prefetchRoom(record.report.slots);
}

function reportedFreeSlots(record: PeerRecord): number {
  return record.report.slots - othersLoad(record) - record.mine.size;
}

/** Relative time until a job put there now would start: what to compare workers by. */
export function expectedWait(record: PeerRecord): number {
  return (
    (othersLoad(record) + record.mine.size) / (record.report.slots * Math.max(record.report.speed, 0.01))
  );
}
