/**
 * A machine: the shells of submitter and worker that ship, with the gossip table that ships, on a network, a shared tree, a
 * runner and wrappers that are simulated.
 */
import { Neighbours } from '../../src/peer/mesh/neighbours.ts';
import { beatMs, Connections } from './sim-peer/connections.ts';
import type { Gossip } from './sim-peer/gossip.ts';
import { Life } from './sim-peer/life.ts';
import type { Content } from './sim-peer/message.ts';
import type { SimPeerOptions } from './sim-peer/options.ts';
import { SimRunner } from './sim-peer/runner.ts';
import { Shells } from './sim-peer/shells.ts';
import { Wrappers } from './sim-peer/wrappers.ts';
import type { World } from './world.ts';

export class SimPeer {
  readonly world: World;
  readonly index: number;
  readonly id: string;
  readonly #options: SimPeerOptions;
  readonly life: Life;
  readonly connections: Connections;
  readonly runner: SimRunner;
  readonly wrappers: Wrappers;
  /** Called after each step of the worker. */
  onWorked: (() => void) | undefined;
  #neighbours = new Neighbours();
  #shells: Shells;

  constructor(world: World, index: number, options: SimPeerOptions) {
    this.world = world;
    this.index = index;
    this.id = `p${index}`;
    this.#options = options;
    this.life = new Life(world, this.id);
    this.connections = new Connections(
      this.life,
      index,
      {
        hear: (from, message) => this.#hear(from, message),
        open: (from, channel) => this.shells.host.open(from, channel),
        silent: (peer) => {
          this.#neighbours.suspect(peer, true);
          this.shells.submitter.apply({ type: 'peer-suspect', peer });
        },
        well: (peer) => {
          this.#neighbours.suspect(peer, false);
          this.shells.submitter.apply({ type: 'peer-well', peer });
        },
        lost: (peer) => this.#lost(peer),
      },
      options.tampering?.streamsOutlive !== true,
    );
    this.runner = new SimRunner(this.life, options);
    this.wrappers = new Wrappers(this.life, this.runner, () => ({
      nextJob: this.shells.ledger.nextJob,
      accept: (request, connection) => this.shells.submitter.accept(request, connection),
    }));
    this.#shells = this.#begin();
  }

  /** Those of its newest life. */
  get shells(): Shells {
    return this.#shells;
  }

  get gossip(): Gossip {
    return this.#shells.gossip;
  }

  boot(): void {
    this.#shells = this.#begin();
  }

  #begin(): Shells {
    const { life, connections, runner } = this;
    life.begin();
    this.#neighbours = new Neighbours();
    const shells = new Shells({
      life,
      options: this.#options,
      connections,
      runner,
      graceMs: (peer) => this.#neighbours.graceMs(peer),
      onWorked: () => this.onWorked?.(),
    });
    if (this.#options.beats) life.every(beatMs, () => connections.beat());
    life.every(1_000, () => shells.gossip.tell());
    life.every(5_000, () => shells.gossip.sweep());
    return shells;
  }

  connect(other: SimPeer, epoch: number): void {
    this.connections.open(other, epoch);
    const report = other.gossip.report();
    // Without beats none is ever suspect.
    if (this.#options.beats)
      this.#neighbours.met({ id: other.id, addresses: [], hello: { version: '0', report }, rttMs: 0 });
    this.gossip.hear(other.id, [report]);
    if (this.#options.submits !== false) this.shells.submitter.apply({ type: 'peer-up', report });
  }

  /** The connection is gone. */
  #lost(peer: string): void {
    const { host, submitter } = this.shells;
    const graceMs = this.#neighbours.graceMs(peer);
    this.#neighbours.gone(peer);
    host.apply({ type: 'peer-down', peer });
    submitter.refusals.forget(peer);
    submitter.apply({ type: 'peer-down', peer, graceMs });
  }

  #hear(from: string, message: Content): void {
    const { host, submitter, gossip } = this.shells;
    switch (message.type) {
      case 'want':
        return host.apply({ type: 'want', peer: from, jobs: message.jobs });
      case 'free':
        return submitter.apply({ type: 'free', report: message.report });
      case 'gossip':
        if (this.#options.tampering?.deaf !== true) gossip.hear(from, message.reports);
    }
  }

  // Faults

  /** Other people's load on the machine. */
  measure(load: number, memoryFreeBytes: number): void {
    const { own, host, gossip } = this.shells;
    own.machine({ load, memoryFreeBytes });
    this.life.awake(() => {
      host.apply({ type: 'machine', load, memoryFreeBytes });
      gossip.report();
    });
  }

  /** It takes nothing new, finishes what it runs, and ends. */
  leave(): void {
    if (!this.life.alive) return;
    this.world.trace(() => `${this.id} leaves`);
    const { incarnation } = this.life;
    const { host, submitter } = this.shells;
    this.life.awake(() => {
      if (this.life.incarnation !== incarnation) return;
      host.apply({ type: 'leaving' });
      submitter.apply({ type: 'stopping' });
    });
  }

  freeze(): void {
    this.life.freeze();
  }

  thaw(): void {
    this.life.thaw(() => {
      // Connections that lapsed meanwhile end before anything is said or heard.
      if (this.#options.beats) this.connections.beat();
    });
  }

  /** The machine's peer dies: its commands with it, its wrappers run their commands themselves. */
  crash(): void {
    if (!this.life.alive) return;
    this.world.trace(() => `${this.id} crashes`);
    this.connections.sayEnd();
    this.life.end();
    this.connections.forget();
    this.runner.abandon();
    this.wrappers.orphan();
  }
}
