import type { WorkerAction } from '../../../src/core/schedule/contract.ts';
import type { SimJob } from '../sim-job.ts';
import type { Commands, Process } from './commands.ts';
import type { Connections } from './connections.ts';
import type { Gossip } from './gossip.ts';
import type { Life } from './life.ts';
import type { ToWorker } from './message.ts';
import type { SimPeerOptions } from './options.ts';
import type { Scheduler } from './scheduler.ts';

/** The working half of a machine: carries out what the worker that ships decides. */
export class Worker {
  readonly #life: Life;
  readonly #options: SimPeerOptions;
  readonly #scheduler: Scheduler;
  readonly #connections: Connections;
  readonly #gossip: Gossip;
  readonly #commands: Commands;
  /** Offers that were not refused, by job and submitter, until they are over. */
  readonly offered = new Map<string, { job: SimJob; attempt: number; submitter: string }>();

  constructor(
    life: Life,
    options: SimPeerOptions,
    scheduler: Scheduler,
    connections: Connections,
    gossip: Gossip,
    commands: Commands,
  ) {
    this.#life = life;
    this.#options = options;
    this.#scheduler = scheduler;
    this.#connections = connections;
    this.#gossip = gossip;
    this.#commands = commands;
  }

  hear(from: string, message: ToWorker): void {
    switch (message.type) {
      case 'offer': {
        const { job, attempt, memoryBytes, sim } = message;
        const code = this.#options.whims?.admit();
        if (code !== undefined) {
          const report = this.#gossip.report();
          return this.#connections.send(from, { type: 'refused', job, attempt, code, report });
        }
        const key = `${job} ${from}`;
        if (!this.offered.has(key)) this.offered.set(key, { job: sim, attempt, submitter: from });
        return this.#scheduler.work({ type: 'offer', peer: from, job, attempt, memoryBytes });
      }
      case 'recall':
        return this.#scheduler.work({ type: 'recall', peer: from, job: message.job });
      case 'cancel': {
        const key = `${message.job} ${from}`;
        if (this.offered.get(key)?.attempt !== message.attempt) return;
        if (!this.#commands.processes.has(key)) this.offered.delete(key);
        return this.#scheduler.work({ type: 'cancelled', peer: from, job: message.job });
      }
      case 'want':
        return this.#scheduler.work({ type: 'want', peer: from, jobs: message.jobs });
    }
  }

  carry(action: WorkerAction): void {
    const { world } = this.#life;
    switch (action.type) {
      case 'accept': {
        const { peer, job, attempt } = action;
        const report = this.#gossip.report();
        return this.#connections.send(peer, { type: 'accepted', job, attempt, report });
      }
      case 'refuse': {
        const { peer, job, attempt, code } = action;
        this.offered.delete(`${job} ${peer}`);
        const report = this.#gossip.report();
        return this.#connections.send(peer, { type: 'refused', job, attempt, code, report });
      }
      case 'start':
        return this.#start(action.job, action.attempt, action.peer);
      case 'kill': {
        const key = `${action.job} ${action.peer}`;
        const process = this.#commands.processes.get(key);
        if (process !== undefined)
          world.after(world.between(1, 250), () => this.#ends(key, process, 'killed'));
        return;
      }
      case 'return': {
        const { peer, job, attempt } = action;
        this.offered.delete(`${job} ${peer}`);
        const report = this.#gossip.report();
        return this.#connections.send(peer, { type: 'returned', job, attempt, report });
      }
      case 'free':
        return this.#connections.send(action.peer, { type: 'free', report: this.#gossip.report() });
      case 'changed':
        this.#gossip.report();
        return;
      case 'wake':
        return this.#life.at(action.atMs, () => this.#scheduler.work({ type: 'tick' }));
    }
  }

  #start(job: number, attempt: number, submitter: string): void {
    const { world, id } = this.#life;
    const key = `${job} ${submitter}`;
    const offered = this.offered.get(key);
    if (offered === undefined) throw new Error(`${id} starts ${key}, which it was not offered`);
    const process: Process = { ...offered, dead: false };
    this.#commands.start(key, process);
    if (this.#options.whims?.start() !== undefined) {
      this.#life.at(world.nowMs, () => this.#ends(key, process, 'spawn-failed'));
      return;
    }
    process.job.start(world, process.attempt);
    world.trace(() => `${id} runs ${key}#${process.attempt}`);
    this.#connections.send(submitter, { type: 'started', job, attempt });
    world.after(process.job.lengthMs, () => this.#ends(key, process));
  }

  #ends(key: string, process: Process, how?: 'killed' | 'spawn-failed'): void {
    if (process.dead) return;
    process.dead = true;
    const { job, attempt, submitter } = process;
    job.live.delete(attempt);
    const { processes } = this.#commands;
    if (processes.get(key) !== process) return;
    processes.delete(key);
    const { incarnation } = this.#life;
    this.#life.awake(() => {
      if (this.#life.incarnation !== incarnation) return;
      this.offered.delete(key);
      this.#scheduler.work({ type: 'ended', peer: submitter, job: job.id, maxRssBytes: 0 });
      const failed = how === 'spawn-failed' ? how : this.#options.whims?.end();
      this.#scheduler.feed(() => {
        if (how === 'killed') return;
        const report = this.#gossip.report();
        this.#connections.send(submitter, { type: 'result', job: job.id, attempt, report, failed });
      });
    });
  }

  /** Nobody waits any more for what a submitter offered and is not running. */
  loseSubmitter(id: string): void {
    for (const [key, { submitter }] of this.offered) {
      if (submitter === id && !this.#commands.processes.has(key)) this.offered.delete(key);
    }
  }
}
