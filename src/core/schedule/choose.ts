/** Which worker gets a job: the one with the least expected wait among those that have room for it. */
import type { RandomState } from '../random.ts';
import { nextInteger } from '../random.ts';
import type { Reason } from '../reason.ts';
import type { JobDemand, PeerName } from './contract.ts';
import type { PeerRecord } from './peer-record.ts';
import { expectedFreeSlots, expectedRoom, expectedWait, isReady } from './peer-record.ts';

/** Peers where an attempt of a job came to nothing, and why it did. */
export type Avoided = ReadonlyMap<PeerName, Reason>;

/** Refusals that waiting does not cure. */
const lasting: ReadonlySet<Reason> = new Set([
  'toolchain',
  'untraced',
  'share',
  'not-member',
  'native',
  'no-namespace',
  'leaving',
]);

/** True if waiting does not cure a refusal for this reason. */
export function isLasting(reason: Reason): boolean {
  return lasting.has(reason);
}

/** True if this peer would refuse the job, by what it refused before. */
export function refuses(
  record: PeerRecord,
  demand: JobDemand,
  avoid: Avoided | undefined,
  nowMs: number,
): boolean {
  if (avoid?.has(record.name) || nowMs < record.restsUntilMs) return true;
  if (record.memoryShort !== undefined) {
    if (nowMs >= record.memoryShort.untilMs) record.memoryShort = undefined;
    else if (demand.memoryBytes >= record.memoryShort.bytes) return true;
  }
  const refusal = record.refusals.get(demand.kind);
  if (refusal === undefined) return false;
  if (nowMs < refusal.untilMs) return true;
  record.refusals.delete(demand.kind);
  return false;
}

/** True if waiting for this peer is of no use to the job. */
export function refusesForGood(
  record: PeerRecord,
  demand: JobDemand,
  avoid: Avoided | undefined,
  nowMs: number,
): boolean {
  if (avoid?.has(record.name)) return true;
  const refusal = record.refusals.get(demand.kind);
  return refusal !== undefined && nowMs < refusal.untilMs && lasting.has(refusal.code);
}

/**
 * The best of `candidates`: the least expected wait; equals are decided by chance, so that submitters who see the
 * same figures do not all run to the same worker.
 *
 * @param into - `slot`: only workers with a slot free; `queue`: also into the prefetch room.
 */
export function choosePeer(
  candidates: Iterable<PeerRecord>,
  demand: JobDemand,
  avoid: Avoided | undefined,
  into: 'slot' | 'queue',
  nowMs: number,
  random: RandomState,
): PeerRecord | undefined {
  let best: PeerRecord | undefined;
  let bestWait = Number.POSITIVE_INFINITY;
  let equals = 0;
  for (const record of candidates) {
    const room = into === 'slot' ? expectedFreeSlots(record) : expectedRoom(record);
    if (room <= 0 || !isReady(record)) continue;
    const wait = expectedWait(record);
    if (wait > bestWait || refuses(record, demand, avoid, nowMs)) continue;
    if (wait < bestWait) {
      best = record;
      bestWait = wait;
      equals = 1;
    } else {
      equals += 1;
      if (nextInteger(random, equals) === 0) best = record;
    }
  }
  return best;
}
