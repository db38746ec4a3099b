/**
 * The worker's side that ships, with the state machine that ships, driven by a test: submitters' ends of streams make
 * offers, commands do what they are told, the clock stands still until it is moved.
 */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { PeerName } from '../../src/core/schedule/contract.ts';
import { createWorker, reportFigures, type WorkerState, work } from '../../src/core/schedule/worker.ts';
import type { Refusal } from '../../src/peer/serve/contract.ts';
import { JobHost, type JobHostInit } from '../../src/peer/serve/job-host.ts';
import type { Standing } from '../../src/peer/trust/membership.ts';
import { createTurns } from '../../src/peer/turns.ts';
import type { JobFacts } from '../../src/wire/job-messages.ts';
import { createChannelPair } from './fake-channel.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeRunner } from './fake-runner.ts';
import { report } from './load-report.ts';
import { SubmitterEnd } from './submitter-end.ts';
import { until } from './until.ts';

/** What a test decides in place of the shared tree and the machine. */
class FakePlace {
  /** By peer; a member where nothing is said. */
  readonly standings = new Map<PeerName, Standing>();
  /** What comes of looking again at a peer whose proof is old. */
  proof: Promise<boolean> = Promise.resolve(true);
  /** What the check of the next offers says. */
  refusal: Refusal | Error | undefined;
  /** While set, checks, or looks at outputs, do not end. */
  holdChecks: Promise<void> | undefined;
  holdLooks: Promise<void> | undefined;
  /** While set, what a job left that nobody wants is being removed. */
  holdRemovals: Promise<void> | undefined;
  facts: JobFacts | Error = { outputs: [] };
  /** What comes of served jobs; where nothing is said, a test has none. */
  conclude: JobHostInit['served']['conclude'] = () => Promise.reject(new Error('a served job'));
  /** What was begun at the ends of jobs, in this order. */
  readonly concluding: string[] = [];
  /** Jobs whose leftovers were removed. */
  readonly discarded: number[] = [];
  /** Paths of outputs that were asked for. */
  readonly fetched: string[] = [];
}

export class HostRig {
  readonly clock = new FakeClock();
  readonly place = new FakePlace();
  readonly runner = new FakeRunner();
  readonly host: JobHost;
  readonly log: string[] = [];
  /** Jobs that stand between this worker and a peer. */
  readonly watched = new Map<PeerName, number>();
  /** When a peer was last heard. */
  readonly words = new Map<PeerName, number>();
  /** Peers that were told that a slot is free, in order. */
  readonly toldFree: PeerName[] = [];
  /** All streams that were opened. */
  readonly streams: SubmitterEnd[] = [];
  #worker: WorkerState;
  #sequence = 0;

  constructor(slots: number) {
    this.#worker = createWorker({ slots });
    const { clock, runner } = this;
    this.host = new JobHost({
      ...this.#placeSeams(),
      runner,
      tracer: undefined,
      now: clock.now,
      startTimer: clock.startTimer,
      turns: createTurns(),
      decide: (event) => {
        const [state, actions] = work(this.#worker, event, clock.now());
        this.#worker = state;
        return actions;
      },
      report: () => {
        this.#sequence += 1;
        return report('me', { sequence: this.#sequence, ...reportFigures(this.#worker) });
      },
      tellFree: (peer) => this.toldFree.push(peer),
      changed: () => undefined,
      lastWordMs: (peer) => this.words.get(peer),
      wake: (atMs) => clock.at(atMs, () => this.host.apply({ type: 'tick' })),
      watch: (peer, on) => this.watched.set(peer, (this.watched.get(peer) ?? 0) + (on ? 1 : -1)),
      log: (message, facts) => this.log.push(`${message} ${JSON.stringify(facts)}`),
    });
  }

  #placeSeams(): Pick<JobHostInit, 'members' | 'admission' | 'findings' | 'sendOutput' | 'served' | 'apart'> {
    const { place } = this;
    return {
      members: {
        standing: (peer) => place.standings.get(peer) ?? 'member',
        proveAgain: () => place.proof,
      },
      admission: {
        check: async () => {
          const { refusal } = place;
          await place.holdChecks;
          if (refusal instanceof Error) throw refusal;
          return refusal;
        },
      },
      findings: {
        begin: () => Promise.resolve(),
        look: async () => {
          place.concluding.push('look');
          await place.holdLooks;
          if (place.facts instanceof Error) throw place.facts;
          return place.facts;
        },
        discard: ({ job }) => {
          place.discarded.push(job);
          return Promise.resolve();
        },
      },
      served: {
        begin: () => ({}),
        conclude: (job) => place.conclude(job),
        forget: () => undefined,
      },
      apart: {
        begin: () => ({}),
        conclude: () => {
          place.concluding.push('own places');
          return Promise.resolve(undefined);
        },
        forget: async () => await place.holdRemovals,
      },
      sendOutput: (_peer, channel, { path }) => {
        place.fetched.push(path);
        channel.close();
        return Promise.resolve();
      },
    };
  }

  /** What the worker says of itself: slots, running, queued, state, reasons. */
  get figures(): ReturnType<typeof reportFigures> {
    return reportFigures(this.#worker);
  }

  /** A peer opens a stream. */
  open(peer: PeerName): SubmitterEnd {
    const { submitter, worker } = createChannelPair({ submitter: peer, worker: 'me' });
    const end = new SubmitterEnd(peer, submitter);
    this.streams.push(end);
    this.host.open(peer, worker);
    return end;
  }

  /** A peer offers a job on a stream of its own; answered when this settles. */
  async offer(peer: PeerName, job: number, fields: Parameters<SubmitterEnd['offer']>[0] = {}) {
    const end = this.open(peer);
    end.offer({ job, ...fields });
    await this.quiet();
    return end;
  }

  /** The newest command. */
  get command() {
    const command = this.runner.commands.at(-1);
    assert.ok(command, 'a command was started');
    return command;
  }

  /** The work of all promises that can go on is done. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  }

  /** Nothing is left of any job. */
  async assertAtRest(): Promise<void> {
    await until(() => this.host.size === 0, 5_000, 'no job is left');
    const { running, queued } = this.figures;
    assert.deepEqual({ running, queued }, { running: 0, queued: 0 });
    assert.deepEqual(this.host.pids, []);
    assert.ok([...this.watched.values()].every((count) => count === 0));
    assert.ok(this.runner.running.length === 0);
    assert.ok(this.streams.every(({ lastWords }) => lastWords.length <= 1));
  }
}
