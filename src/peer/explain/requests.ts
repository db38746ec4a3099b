/** Answers what the CLI asks on the local socket. */
import type { LoadReport } from '../../core/load-report.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { type DispatcherState, doneByPeer, jobCounts } from '../../core/schedule/dispatcher.ts';
import type { CliRequest } from '../../local/server.ts';
import type { Swarm } from '../../swarm/swarm.ts';
import { encodeReply, type PairingState, type Reply, type Status } from '../../wire/cli-messages.ts';
import type { GossipLoop } from '../mesh/gossip-loop.ts';
import type { Neighbours } from '../mesh/neighbours.ts';
import type { HostedLog } from '../serve/hosted-log.ts';
import type { Pairing } from '../trust/pairing.ts';
import { describeBuild, explainJob, type Telling } from './explain-job.ts';
import type { JobRecord, Ledger } from './ledger.ts';
import { describeLive } from './live.ts';
import { renderMetrics } from './metrics.ts';
import type { WhyNot } from './refusals.ts';
import { buildStatus } from './status.ts';

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
  /** Whether both see one share. */
  readonly isDirect: (peer: PeerName) => boolean;
  /** Why a worker is not used. */
  readonly refusals: (peer: PeerName) => WhyNot;
  readonly doneFor: ReadonlyMap<PeerName, number>;
  /** Jobs of others that are here now, by peer. */
  readonly hostedFor: () => ReadonlyMap<PeerName, number>;
  readonly hostedLog: HostedLog;
  readonly warnings: readonly string[];
  /** Reads anew which machines are known. */
  readonly examine: (asked: DoctorAsked, status: Status) => Promise<Reply<'doctor'>>;
  readonly known: () => Promise<Reply<'known'>>;
  readonly pairing: Pairing;
  /** How many jobs a stop waits for. */
  readonly waiting: () => number;
  readonly stop: (now: boolean) => void;
}

/** How many jobs `why` lists when it is not asked for one. */
const listedJobs = 20;
/** And at most: so many fit a reply. */
const mostJobs = 1_000;

/** How often one that waits for the end is told for how many jobs. */
const waitingMs = 1_000;

type CliAsked = NonNullable<CliRequest['asked']>;
export type DoctorAsked = Extract<CliAsked, { op: 'doctor' }>;

export function answerRequest(request: CliRequest, view: PeerView): void {
  const { asked } = request;
  if (asked === undefined) {
    const error =
      'The peer does not know this request: it is of another version than the command. Stop it and start it again.';
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
      tellWaiting(request, () => (asked.now ? 0 : view.waiting()));
      view.stop(asked.now);
      break;
    case 'why': {
      const telling = tellingOf(view);
      const jobs = recordsFor(asked, view.ledger).map((record) => explainJob(record, telling));
      request.reply(encodeReply('why', { jobs }));
      request.end();
      break;
    }
    case 'build':
      request.reply(encodeReply('build', describeBuild(view.ledger.build, tellingOf(view).originMs)));
      request.end();
      break;
    case 'live': {
      const hosted = [...view.hostedFor()].map(([submitter, jobs]) => ({ submitter, jobs }));
      const live = { status: statusOf(view), hosted };
      request.reply(
        encodeReply('live', describeLive(live, view.ledger, view.hostedLog, tellingOf(view), asked)),
      );
      request.end();
      break;
    }
    case 'doctor':
      void view.examine(asked, statusOf(view)).then((reply) => {
        request.reply(encodeReply('doctor', reply));
        request.end();
      });
      break;
    case 'metrics':
      void renderMetrics(statusOf(view)).then((text) => {
        request.reply(encodeReply('metrics', { text }));
        request.end();
      });
      break;
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

/** The connection ends with the peer; until then the caller waits, and is told for how many jobs. */
function tellWaiting(request: CliRequest, waiting: () => number): void {
  const tell = (): void => request.reply(encodeReply('stop', { waiting: waiting() }));
  tell();
  const again = setInterval(tell, waitingMs);
  again.unref();
  request.onClose(() => clearInterval(again));
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

export function statusOf(view: PeerView): Status {
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
      isDirect: view.isDirect(peer.id),
      refusals: view.refusals(peer.id),
      doneForMe: doneByPeer(view.dispatcher, peer.id),
      doneByMe: view.doneFor.get(peer.id) ?? 0,
    })),
    otherVersions: view.swarm.otherVersions(),
    jobs: jobCounts(view.dispatcher),
    reasons: view.ledger.counts(),
    warnings: view.warnings,
  });
}

/** The jobs that are asked for, the newest first. */
function recordsFor(asked: Extract<CliAsked, { op: 'why' }>, ledger: Ledger): JobRecord[] {
  const limit = Math.min(asked.last ?? listedJobs, mostJobs);
  if (asked.job !== undefined) {
    const record = ledger.record(asked.job);
    return record === undefined ? [] : [record];
  }
  if (asked.path !== undefined) return ledger.writersOf(asked.path, asked.last === undefined ? 1 : limit);
  if (asked.from !== undefined) return ledger.from(asked.from, limit);
  return ledger.newest(limit, ({ place }) => asked.here !== true || place === 'inline');
}

function tellingOf(view: PeerView): Telling {
  return {
    dispatcher: view.dispatcher,
    nameOf: (peer) => view.gossip.reportOf(peer)?.name ?? peer,
    originMs: performance.timeOrigin,
  };
}
