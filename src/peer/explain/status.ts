/** Puts together what `status` shows: this peer, the others as it sees them, and totals. */
import type { LoadReport } from '../../core/load-report.ts';
import { reasons } from '../../core/reason.ts';
import type { JobCounts } from '../../core/schedule/dispatcher.ts';
import type { OtherVersionPeer } from '../../swarm/contract.ts';
import type { PeerStatus, Status } from '../../wire/cli-messages.ts';
import type { WhyNot } from './refusals.ts';

/** Slots that a peer is taken to have before it has proven anything: nothing holds its claims to the truth. */
const maxUnprovenSlots = 16;

/** What this peer knows of another one. */
export interface KnownPeer {
  readonly report: LoadReport;
  readonly addresses: readonly string[];
  readonly rttMs: number;
  readonly ageMs: number;
  readonly suspect: boolean;
  /** It is a member of a share of this peer. */
  readonly isProven: boolean;
  /** It is a member of a share of which this peer is one too. */
  readonly isDirect: boolean;
  /** Why it is not used for some jobs, or for any. */
  readonly refusals: WhyNot;
  readonly doneForMe: number;
  readonly doneByMe: number;
}

export interface StatusInput {
  readonly version: string;
  readonly self: LoadReport;
  readonly peers: readonly KnownPeer[];
  readonly otherVersions: readonly OtherVersionPeer[];
  readonly jobs: JobCounts;
  readonly reasons: Status['reasons'];
  readonly warnings: readonly string[];
}

export function buildStatus(input: StatusInput): Status {
  return {
    version: input.version,
    self: toStatus({
      report: input.self,
      addresses: input.self.addresses,
      rttMs: 0,
      ageMs: 0,
      suspect: false,
      isProven: true,
      isDirect: true,
      refusals: { why: [], takesNone: false },
      doneForMe: 0,
      doneByMe: 0,
    }),
    peers: [
      ...input.peers.map(toStatus).toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
      ...input.otherVersions.map(otherVersionStatus),
    ],
    jobs: { ...input.jobs },
    reasons: [...input.reasons],
    warnings: [...input.warnings],
  };
}

function toStatus(peer: KnownPeer): PeerStatus {
  const { report } = peer;
  const served = peer.isProven && report.served === true;
  const ways = [...(peer.isDirect ? ['direct' as const] : []), ...(served ? ['served' as const] : [])];
  // Of a member of a share it is of no account.
  const why = peer.isProven && ways.length === 0 ? [`no-namespace: ${reasons['no-namespace']}`] : [];
  return {
    id: report.id,
    name: report.name,
    addresses: [...peer.addresses],
    slots: peer.isProven ? report.slots : Math.min(report.slots, maxUnprovenSlots),
    running: report.running,
    queued: report.queued,
    load: report.load,
    memoryFreeBytes: report.memoryFreeBytes,
    ageMs: Math.round(peer.ageMs),
    rttMs: Math.round(peer.rttMs * 100) / 100,
    state: peer.suspect ? 'suspect' : peer.refusals.takesNone ? 'refusing' : report.state,
    reasons: [...report.reasons, ...peer.refusals.why, ...why],
    ways,
    doneForMe: peer.doneForMe,
    doneByMe: peer.doneByMe,
  };
}

/** A peer that speaks another version: it is shown and left alone. */
function otherVersionStatus(peer: OtherVersionPeer): PeerStatus {
  return {
    id: peer.id,
    name: peer.id.slice(-8),
    addresses: [...peer.addresses],
    slots: 0,
    running: 0,
    queued: 0,
    load: 0,
    memoryFreeBytes: 0,
    ageMs: 0,
    rttMs: 0,
    state: 'refusing',
    reasons: [`version: ${reasons.version} (${peer.version || 'unknown'})`],
    ways: [],
    doneForMe: 0,
    doneByMe: 0,
  };
}
