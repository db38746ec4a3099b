/**
 * A machine: the dispatcher, worker and gossip table that ship, with the thinnest shell around them: connections with
 * heart beats, commands that take their time, wrappers.
 */
import type { DispatcherAction, WorkerAction } from '../../src/core/schedule/contract.ts';
import { Commands } from './sim-peer/commands.ts';
import { beatMs, Connections } from './sim-peer/connections.ts';
import { Gossip } from './sim-peer/gossip.ts';
import { Life } from './sim-peer/life.ts';
import type { Content } from './sim-peer/message.ts';
import type { SimPeerOptions } from './sim-peer/options.ts';
import { Scheduler } from './sim-peer/scheduler.ts';
import { Submitter } from './sim-peer/submitter.ts';
import { Worker } from './sim-peer/worker.ts';
import type { World } from './world.ts';

export class SimPeer {
  readonly world: World;
  readonly index: number;
  readonly id: string;
  readonly #options: SimPeerOptions;
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly connections: Connections;
  readonly gossip: Gossip;
  readonly commands: Commands;
  readonly submitter: Submitter;
  readonly worker: Worker;

  constructor(world: World, index: number, options: SimPeerOptions) {
    this.world = world;
    this.index = index;
    this.id = `p${index}`;
    this.#options = options;
    const life = new Life(world, this.id);
    const carriers = {
      dispatcher: (action: DispatcherAction) => this.submitter.carry(action),
      worker: (action: WorkerAction) => this.worker.carry(action),
    };
    const scheduler = new Scheduler(world, carriers, options);
    const connections = new Connections(life, index, scheduler, {
      hear: (from, message) => this.#hear(from, message),
      lost: (id) => this.#lost(id),
    });
    const gossip = new Gossip(life, options.slots, scheduler, connections);
    const commands = new Commands(life, options.slots);
    this.life = life;
    this.scheduler = scheduler;
    this.connections = connections;
    this.gossip = gossip;
    this.commands = commands;
    this.submitter = new Submitter(life, options, scheduler, connections, commands);
    this.worker = new Worker(life, options, scheduler, connections, gossip, commands);
    this.boot();
  }

  boot(): void {
    const { world, life, scheduler, connections, gossip } = this;
    life.begin();
    scheduler.reset(world.between(0, 2 ** 31), this.#options.slots);
    gossip.reset(world.between(0, 2 ** 31));
    scheduler.sync();
    if (this.#options.beats) life.every(beatMs, () => connections.beat());
    life.every(1_000, () => gossip.tell());
    life.every(5_000, () => gossip.sweep());
  }

  connect(other: SimPeer, epoch: number): void {
    this.connections.open(other, epoch);
    const report = other.gossip.report();
    this.gossip.merge([report], other.id);
    if (this.#options.submits !== false) this.scheduler.dispatch({ type: 'peer-up', report });
  }

  /** The connection is gone: everything that went over it ended with it. */
  #lost(id: string): void {
    this.submitter.loseWorker(id);
    this.worker.loseSubmitter(id);
    this.scheduler.work({ type: 'peer-down', peer: id });
    this.scheduler.dispatch({ type: 'peer-down', peer: id });
  }

  #hear(from: string, message: Content): void {
    switch (message.type) {
      case 'offer':
      case 'recall':
      case 'cancel':
      case 'want':
        return this.worker.hear(from, message);
      case 'accepted':
      case 'returned':
      case 'started':
      case 'refused':
      case 'result':
      case 'free':
        return this.submitter.hear(message);
      case 'gossip':
        if (this.#options.tampering?.deaf === true) return;
        return this.gossip.hear(from, message.reports);
    }
  }

  // Faults

  /** Other people's load on the machine. */
  measure(load: number, memoryFreeBytes: number): void {
    this.gossip.memoryFreeBytes = memoryFreeBytes;
    this.life.awake(() => this.scheduler.work({ type: 'machine', load, memoryFreeBytes }));
  }

  /** It takes nothing new, finishes what it runs, and ends. */
  leave(): void {
    if (!this.life.alive) return;
    this.world.trace(() => `${this.id} leaves`);
    const { incarnation } = this.life;
    this.life.awake(() => {
      if (this.life.incarnation !== incarnation) return;
      this.scheduler.work({ type: 'leaving' });
      this.scheduler.dispatch({ type: 'stopping' });
    });
  }

  freeze(): void {
    this.life.freeze();
  }

  thaw(): void {
    this.life.thaw(() => {
      // Leases that lapsed meanwhile end before anything is said or heard.
      if (this.#options.beats) this.connections.beat();
    });
  }

  /** The machine's peer dies: its commands with it, its wrappers run their commands themselves. */
  crash(): void {
    if (!this.life.alive) return;
    this.world.trace(() => `${this.id} crashes`);
    this.connections.sayEnd();
    this.life.end();
    this.scheduler.stop();
    this.connections.forget();
    this.commands.abandon();
    this.worker.offered.clear();
    this.submitter.orphan();
  }
}
