/**
 * The submitter that ships, with the dispatcher that ships, driven by a test: callers hand commands in, workers' ends of
 * streams answer, the clock stands still until it is moved.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { LoadReport } from '../../src/core/load-report.ts';
import { consideredPeers } from '../../src/core/schedule/consider.ts';
import { createDispatcher, type DispatcherState, dispatch } from '../../src/core/schedule/dispatcher.ts';
import { type JobRecord, Ledger } from '../../src/peer/explain/ledger.ts';
import { Ways } from '../../src/peer/submit/served/ways.ts';
import { Submitter } from '../../src/peer/submit/submitter.ts';
import { createTurns } from '../../src/peer/turns.ts';
import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { Caller, plainRequest } from './caller.ts';
import { createChannelPair } from './fake-channel.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeTree } from './fake-tree.ts';
import { report } from './load-report.ts';
import { until } from './until.ts';
import { WorkerEnd } from './worker-end.ts';

/** Streams to workers: opens the submitter's end, and hands the worker's end over. */
export interface Streams extends AsyncDisposable {
  open(worker: string, onWorkerEnd: (end: JobChannel) => void): JobChannel;
}

export function streamsInMemory(): Streams {
  return {
    open: (peer, onWorkerEnd) => {
      const { submitter, worker } = createChannelPair({ submitter: 'me', worker: peer });
      onWorkerEnd(worker);
      return submitter;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const graceMs = 1_000;

export class SubmitterRig {
  readonly clock = new FakeClock();
  readonly tree = new FakeTree();
  readonly ledger = new Ledger(() => this.clock.now());
  readonly submitter: Submitter;
  /** All attempts' streams at their workers, in the order in which they were opened. */
  readonly attempts: WorkerEnd[] = [];
  /** Streams that stand, by worker. */
  readonly watched = new Map<string, number>();
  readonly log: string[] = [];
  /** The process of the inline command that began last is gone. */
  endInline: () => void = () => assert.fail('nothing runs here');
  /** Whether the commands that are handed in come from a job that holds a slot. */
  isNested = (): boolean => false;
  /** Workers that can be shown this machine's files. */
  readonly servedWorkers: string[] = [];
  readonly ways = new Ways({ servedWorkers: () => this.servedWorkers, now: this.clock.now });
  readonly #streams: Streams;
  #dispatcher: DispatcherState;
  readonly #slots = new Map<string, number>();
  #sequence = 0;

  constructor(streams: Streams, ownSlots: number) {
    this.#streams = streams;
    this.#dispatcher = createDispatcher({ seed: 1, ownSlots });
    const { clock } = this;
    this.submitter = new Submitter({
      reader: this.tree.reader,
      offers: this.tree.offers,
      settling: this.tree.settling,
      ways: this.ways,
      writes: this.tree.writes,
      inlineOutputs: { note: () => undefined },
      now: clock.now,
      startTimer: clock.startTimer,
      turns: createTurns(),
      ledger: this.ledger,
      decide: (event) => {
        const [state, actions] = dispatch(this.#dispatcher, event, clock.now());
        this.#dispatcher = state;
        return actions;
      },
      openJob: (peer) =>
        this.#streams.open(peer, (end) => {
          this.attempts.push(new WorkerEnd(peer, end, (figures) => this.#report(peer, figures)));
        }),
      consider: (job) => consideredPeers(this.#dispatcher, job, 6, clock.now()),
      want: () => undefined,
      wake: (atMs) => clock.at(atMs, () => this.submitter.apply({ type: 'tick' })),
      isNested: () => this.isNested(),
      inlineChanged: () => undefined,
      inlineProcesses: {
        add: (_job, _pid, onGone) => {
          this.endInline = onGone;
        },
        delete: () => undefined,
        pids: [],
      },
      graceMs: () => graceMs,
      watch: (peer, on) => this.watched.set(peer, (this.watched.get(peer) ?? 0) + (on ? 1 : -1)),
      log: (message, facts) => this.log.push(`${message} ${JSON.stringify(facts)}`),
    });
  }

  get dispatcher(): DispatcherState {
    return this.#dispatcher;
  }

  workerUp(name: string, slots = 1): void {
    this.#slots.set(name, slots);
    this.submitter.apply({ type: 'peer-up', report: this.#report(name, {}) });
  }

  #report(name: string, figures: Partial<LoadReport>): LoadReport {
    this.#sequence += 1;
    return report(name, { sequence: this.#sequence, slots: this.#slots.get(name) ?? 1, ...figures });
  }

  /** Hands in a command, in a share unless `cwd` says otherwise. */
  submit(argv: readonly string[], job: Parameters<typeof plainRequest>[2] & { cwd?: string } = {}): Caller {
    const caller = new Caller();
    this.submitter.accept(plainRequest(argv, job.cwd ?? '/share', job), caller.connection);
    return caller;
  }

  /** The stream of the next attempt that nobody has taken yet, with its offer. */
  async nextAttempt(): Promise<WorkerEnd> {
    const attempt = await this.soon(() => this.attempts.find((each) => !this.#taken.has(each)), 'an attempt');
    this.#taken.add(attempt);
    await this.soon(() => attempt.offer, 'its offer');
    return attempt;
  }

  readonly #taken = new Set<WorkerEnd>();

  /** What `why` would tell of a job, the first being 1. */
  why(job: number): { reasons: string[]; details: readonly string[]; place: JobRecord['place'] } {
    const record = this.ledger.record(job);
    if (record === undefined) throw new Error(`the ledger does not know job ${job}`);
    return {
      reasons: record.steps.flatMap(({ kind, reason }) =>
        reason === undefined || kind === 'read' ? [] : [reason],
      ),
      details: record.steps.flatMap(({ kind, detail }) =>
        detail === undefined || kind === 'result' ? [] : [detail],
      ),
      place: record.place,
    };
  }

  /** Waits for what promises and streams bring about; the clock does not move. */
  async soon<Value>(condition: () => Value, what: string) {
    for (let turn = 0; turn < 50; turn += 1) {
      if (condition()) break;
      await setImmediate();
    }
    return await until(condition, 5_000, what);
  }

  /** The work of all promises that can go on is done. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#streams[Symbol.asyncDispose]();
  }
}
