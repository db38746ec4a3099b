/** What a submitter knows of the workers when it places a job: for people who ask why it went where it did. */
import type { Reason } from '../reason.ts';
import type { JobId, PeerName } from './contract.ts';
import type { DispatchedJob, DispatcherState } from './dispatcher-state.ts';
import { expectedRoom, expectedWait, type PeerRecord } from './peer-record.ts';

export interface ConsideredPeer {
  readonly peer: PeerName;
  /** Expected wait before a job put there would start, in thousandths of the time that one job takes. */
  readonly waitMilli: number;
  /** Why it could not get the job; undefined: it got it, or another one was expected to be as quick. */
  readonly because?: Reason;
}

/**
 * The worker that was chosen, if one was, and others up to `most`. Call it right after the decision.
 *
 * @param most - more are not listed; a swarm may have a thousand.
 */
export function consideredPeers(
  state: DispatcherState,
  job: JobId,
  most: number,
  nowMs: number,
): ConsideredPeer[] {
  const record = state.jobs.get(job);
  if (record === undefined) return [];
  const chosen = record.placement?.peer;
  const found: ConsideredPeer[] = [];
  const chosenRecord = chosen === undefined ? undefined : state.peers.get(chosen);
  if (chosenRecord !== undefined) found.push(consider(chosenRecord, record, nowMs));
  for (const peer of state.peers.values()) {
    if (found.length >= most) break;
    if (peer !== chosenRecord) found.push(consider(peer, record, nowMs));
  }
  return found;
}

function consider(
  peer: PeerRecord,
  { demand, avoid, placement }: DispatchedJob,
  nowMs: number,
): ConsideredPeer {
  const isChosen = placement?.peer === peer.name;
  // The job itself is on the books of the chosen one by now.
  const ownShare = isChosen ? 1 / (peer.report.slots * Math.max(peer.report.speed, 0.01)) : 0;
  const waitMilli = peer.report.slots > 0 ? Math.round((expectedWait(peer) - ownShare) * 1000) : 0;
  const because = isChosen ? undefined : obstacle(peer, demand, avoid, nowMs);
  return because === undefined ? { peer: peer.name, waitMilli } : { peer: peer.name, waitMilli, because };
}

function obstacle(
  peer: PeerRecord,
  demand: DispatchedJob['demand'],
  avoid: DispatchedJob['avoid'],
  nowMs: number,
): Reason | undefined {
  const tried = avoid?.get(peer.name);
  if (tried !== undefined) return tried;
  const { memoryShort, report, stage } = peer;
  const refusal = peer.refusals.get(demand.kind);
  if (refusal !== undefined && nowMs < refusal.untilMs) return refusal.code;
  if (memoryShort !== undefined && nowMs < memoryShort.untilMs && demand.memoryBytes >= memoryShort.bytes)
    return 'memory';
  if (stage === 'suspect' || stage === 'gone') return 'lost-peer';
  if (report.reasons.includes('leaving')) return 'leaving';
  if (report.state !== 'ready' || report.slots === 0) return 'owner-active';
  return expectedRoom(peer) > 0 ? undefined : 'busy';
}
