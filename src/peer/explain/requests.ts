/** Answers what the CLI asks on the local socket. */
import type { LoadReport } from '../../core/load-report.ts';
import { reasons } from '../../core/reason.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { type DispatcherState, doneByPeer, jobCounts } from '../../core/schedule/dispatcher.ts';
import type { CliRequest } from '../../local/server.ts';
import type { Swarm } from '../../swarm/swarm.ts';
import {
  type Explanation,
  encodeReply,
  type PairingState,
  type Reply,
  type Status,
} from '../../wire/cli-messages.ts';
import type { GossipLoop } from '../mesh/gossip-loop.ts';
import type { Neighbours } from '../mesh/neighbours.ts';
import type { Pairing } from '../trust/pairing.ts';
import type { JobRecord, Ledger } from './ledger.ts';
import type { WhyNot } from './refusals.ts';
import { buildStatus } from './status.ts';
import { whereabouts } from './whereabouts.ts';

/** The peer as the CLI may see it. */
export interface PeerView {
  readonly version: string;
  readonly report: LoadReport;
  readonly dispatcher: DispatcherState;
  readonly neighbours: Neighbours;
  readonly swarm: Swarm;
  readonly gossip: GossipLoop;
  readonly ledger: Ledger;
  readonly isProven: (peer: PeerName) => boolean;
  /** Why a peer is not used, sentences. */
  readonly refusals: (peer: PeerName) => WhyNot;
  readonly doneFor: ReadonlyMap<PeerName, number>;
  readonly warnings: readonly string[];
  /** Reads anew which machines are known. */
  readonly known: () => Promise<Reply<'known'>>;
  readonly pairing: Pairing;
  /** Jobs that a stop waits for. */
  readonly waiting: () => number;
  readonly stop: (now: boolean) => void;
}

/** How many jobs `why` lists when it is not asked for one. */
const listedJobs = 20;

export function answerRequest(request: CliRequest, view: PeerView): void {
  const { asked } = request;
  if (asked === undefined) {
    const error =
      'The peer does not know this request; it is of another version than the command, start it anew.';
    request.reply(encodeReply('error', { error }));
    request.end();
    return;
  }
  switch (asked.op) {
    case 'status':
      request.reply(encodeReply('status', statusOf(view)));
      request.end();
      break;
    case 'stop':
      // The connection ends with the peer; until then the caller waits.
      request.reply(encodeReply('stop', { waiting: asked.now ? 0 : view.waiting() }));
      view.stop(asked.now);
      break;
    case 'why': {
      const { job } = asked;
      const one = job === undefined ? undefined : view.ledger.record(job);
      const records = job === undefined ? view.ledger.recent(listedJobs) : one === undefined ? [] : [one];
      request.reply(encodeReply('why', { jobs: records.map((record) => explain(record, view)) }));
      request.end();
      break;
    }
    case 'known':
      void view.known().then((reply) => {
        request.reply(encodeReply('known', reply));
        request.end();
      });
      break;
    case 'pair':
      pair(request, asked.name, view.pairing);
      break;
    case 'pair-confirm':
      request.reply(encodeReply('pair-confirm', { taken: view.pairing.confirm(asked.digits) }));
      request.end();
      break;
    default:
      asked satisfies never;
  }
}

/** The pairing lasts as long as the command that asked for it. */
function pair(request: CliRequest, name: string | undefined, pairing: Pairing): void {
  let isClosed = false;
  let end: (() => void) | undefined;
  request.onClose(() => {
    isClosed = true;
    end?.();
  });
  const tell = (state: PairingState): void => {
    request.reply(encodeReply('pair', state));
    if (state.state !== 'compare') request.end();
  };
  void pairing.begin(name, tell).then((endNow) => {
    end = endNow;
    if (isClosed) endNow();
  });
}

function statusOf(view: PeerView): Status {
  return buildStatus({
    version: view.version,
    self: view.report,
    peers: [...view.neighbours.all()].map(({ peer, suspect }) => ({
      report: view.gossip.reportOf(peer.id) ?? peer.hello.report,
      addresses: peer.addresses,
      rttMs: view.swarm.rttMs(peer.id) ?? 0,
      ageMs: view.gossip.ageMs(peer.id),
      suspect,
      isProven: view.isProven(peer.id),
      refusals: view.refusals(peer.id),
      doneForMe: doneByPeer(view.dispatcher, peer.id),
      doneByMe: view.doneFor.get(peer.id) ?? 0,
    })),
    strangers: view.swarm.otherVersions(),
    jobs: jobCounts(view.dispatcher),
    reasons: view.ledger.counts(),
    warnings: view.warnings,
  });
}

function explain(record: JobRecord, view: PeerView): Explanation {
  const nameOf = (peer: string): string => view.gossip.reportOf(peer)?.name ?? peer;
  return {
    job: record.job,
    command: record.command,
    cwd: record.cwd,
    place: record.place === undefined || record.place === '' ? '' : nameOf(record.place),
    ending: record.ending ?? '',
    ...(record.place === undefined ? { whereabouts: whereabouts(view.dispatcher, record.job, nameOf) } : {}),
    reasons: record.notes.map(({ reason, peer }) => ({
      reason,
      meaning: reasons[reason],
      peer: peer === undefined ? '' : nameOf(peer),
    })),
    details: record.details,
  };
}
