/** One life of a peer: the submitter and the job host that ship, with their state machines, joined as `parts.ts` does. */
import { consideredPeers } from '../../../src/core/schedule/consider.ts';
import type {
  DispatcherAction,
  DispatcherEvent,
  JobId,
  WorkerAction,
  WorkerEvent,
} from '../../../src/core/schedule/contract.ts';
import { Ledger } from '../../../src/peer/explain/ledger.ts';
import { OwnState } from '../../../src/peer/own-state.ts';
import { JobHost, type JobHostInit } from '../../../src/peer/serve/job-host.ts';
import { JobWrites } from '../../../src/peer/submit/job-writes.ts';
import { Ways } from '../../../src/peer/submit/served/ways.ts';
import { Submitter, type SubmitterInit } from '../../../src/peer/submit/submitter.ts';
import { createTurns } from '../../../src/peer/turns.ts';
import type { Connections } from './connections.ts';
import { Gossip } from './gossip.ts';
import type { Life } from './life.ts';
import type { SimPeerOptions } from './options.ts';
import type { SimRunner } from './runner.ts';
import { SimTree, unseen } from './tree.ts';

export interface Surroundings {
  readonly life: Life;
  readonly options: SimPeerOptions;
  readonly connections: Connections;
  readonly runner: SimRunner;
  /** For how long a command of a worker that was just lost may still write. */
  readonly graceMs: (peer: string) => number;
  /** Called after each step of the worker. */
  readonly onWorked: () => void;
}

export class Shells {
  readonly own: OwnState;
  readonly gossip: Gossip;
  readonly submitter: Submitter;
  readonly host: JobHost;
  readonly ledger: NumberedLedger;
  /** Jobs in flight by peer, either way. */
  readonly watched = new Map<string, number>();
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    const { life, options, connections } = around;
    const { world } = life;
    this.#around = around;
    this.ledger = new NumberedLedger(() => world.nowMs);
    this.own = new OwnState({
      slots: options.slots,
      name: life.id,
      version: '0',
      now: () => world.nowMs,
      addresses: () => [],
      onAddressGone: () => undefined,
      served: () => false,
      speed: 1,
      seed: world.between(0, 2 ** 31),
      ...(options.onRow === undefined ? {} : { onRow: options.onRow }),
    });
    this.own.machine({ load: 0, memoryFreeBytes: 16 * 2 ** 30 });
    this.gossip = new Gossip(
      life,
      connections,
      () => this.own.figures(),
      (report) => {
        if (this.own.dispatcher.peers.has(report.id)) this.submitter.apply({ type: 'report', report });
      },
    );
    const tree = new SimTree(life, options);
    const common = {
      now: () => world.nowMs,
      startTimer: life.startTimer,
      turns: createTurns(),
      watch: (peer: string, on: boolean) => {
        this.watched.set(peer, (this.watched.get(peer) ?? 0) + (on ? 1 : -1));
      },
      log: (message: string, { error }: Record<string, unknown>) => {
        world.trace(() => `${life.id} logs: ${message}`);
        // All but what is put to the shells on purpose.
        if (typeof error === 'string' && error !== String(unseen))
          world.fail(new Error(`${life.id} logs: ${message}: ${error}`));
      },
    };
    this.host = this.#makeHost(tree, common);
    this.submitter = this.#makeSubmitter(tree, common);
  }

  #makeHost({ admission, findings }: SimTree, common: Common): JobHost {
    const { life, connections, runner } = this.#around;
    return new JobHost({
      ...common,
      admission,
      findings,
      runner,
      tracer: undefined,
      members: { standing: () => 'member', proveAgain: () => life.world.soon(true) },
      sendOutput: () => life.world.soon(undefined),
      // All machines see the same share.
      apart: {
        begin: () => ({}),
        conclude: () => life.world.soon(undefined),
        forget: () => Promise.resolve(),
      },
      served: {
        begin: () => ({}),
        conclude: () => Promise.reject(new Error('internal: a served job')),
        forget: () => undefined,
      },
      decide: (event) => this.#work(event),
      report: () => this.gossip.report(),
      tellFree: (peer) => connections.send(peer, { type: 'free', report: this.gossip.report() }),
      changed: () => {
        this.gossip.report();
        this.submitter.apply({ type: 'own', freeSlots: this.own.inlineSlots() });
      },
      wake: (atMs) => life.at(atMs, () => this.host.apply({ type: 'tick' })),
      lastWordMs: (peer) => connections.lastWordMs(peer),
    });
  }

  #makeSubmitter({ reader, offers, settling }: SimTree, common: Common): Submitter {
    const { life, connections, graceMs } = this.#around;
    return new Submitter({
      ...common,
      reader,
      offers,
      settling,
      ways: new Ways({ servedWorkers: () => [], now: () => life.world.nowMs }),
      writes: new JobWrites(),
      inlineOutputs: { note: () => undefined },
      inlineProcesses: { add: () => undefined, delete: () => undefined, pids: [] },
      ledger: this.ledger,
      decide: (event) => this.#decide(event),
      consider: (job) => consideredPeers(this.own.dispatcher, job, 6, life.world.nowMs),
      openJob: (peer) => connections.openJob(peer),
      want: (peer, jobs) => connections.send(peer, { type: 'want', jobs }),
      wake: (atMs) => life.at(atMs, () => this.submitter.apply({ type: 'tick' })),
      isNested: (pid) => life.world.jobs.get(pid)?.spec.nested === true,
      inlineChanged: () => {
        const change = this.own.inlineChange();
        if (change !== undefined) this.host.apply({ type: 'inline', ...change });
      },
      graceMs,
    });
  }

  #decide(given: DispatcherEvent): readonly DispatcherAction[] {
    const { life, options } = this.#around;
    const { dispatch: tampered, carry, forget } = options.tampering ?? {};
    const event = tampered === undefined ? given : tampered(given);
    if (event === undefined) return [];
    life.world.trace(() => `${life.id} dispatcher: ${tell(event)}`);
    const actions = this.own.decide(event);
    forget?.(this.own.dispatcher);
    return carry === undefined ? actions : actions.flatMap(carry);
  }

  #work(given: WorkerEvent): readonly WorkerAction[] {
    const { life, options, onWorked } = this.#around;
    const { work: tampered } = options.tampering ?? {};
    const event = tampered === undefined ? given : tampered(given);
    if (event === undefined) return [];
    life.world.trace(() => `${life.id} worker: ${tell(event)}`);
    const actions = this.own.work(event);
    onWorked();
    return actions;
  }
}

type Common = Pick<JobHostInit & SubmitterInit, 'now' | 'startTimer' | 'turns' | 'watch' | 'log'>;

/** Knows which number the submitter gives to the next job. */
class NumberedLedger extends Ledger {
  nextJob = 1;

  override open(job: JobId, command: string, cwd: string): void {
    super.open(job, command, cwd);
    this.nextJob = job + 1;
  }
}

function tell(event: DispatcherEvent | WorkerEvent): string {
  const words: unknown[] = [event.type];
  if ('job' in event) words.push(event.job);
  if ('attempt' in event) words.push(`#${event.attempt}`);
  if ('demand' in event) words.push(event.demand.job);
  if ('peer' in event) words.push(event.peer);
  return words.join(' ');
}
