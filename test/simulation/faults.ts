/**
 * Runs full of faults: peers crash, freeze and are cut off while jobs run; then all faults end, and everything must come
 * to a good end within bounds. The rules are checked after every step of a fault and all along (see SimJob and sim-peer).
 */
import type { RefusalCode, RetryCode } from '../../src/core/reason.ts';
import type { StateRow } from '../../src/core/schedule/states.ts';
import type { Tampering } from './invariants.ts';
import { plainSpec, type SimJob } from './sim-job.ts';
import { checkBooks, checkIdle } from './sim-peer/checks.ts';
import type { Whims } from './sim-peer/options.ts';
import { SimPeer } from './sim-peer.ts';
import { Violation, World } from './world.ts';

const faultsMs = 60_000;
const refusals: readonly RefusalCode[] = [
  'busy',
  'memory',
  'toolchain',
  'stale-view',
  'owner-active',
  'share',
];
const failures: readonly RetryCode[] = ['oom-killed', 'no-space-remote', 'stale-view', 'view-grew'];
const settled = ['unproven', 'unproven', 'unprovable', 'unfit', ...failures] as const;
/** The longest job. */
const longestMs = 25_000;

export interface FaultOutcome {
  readonly failure: string | undefined;
  readonly hash: number;
  readonly events: string[];
  readonly simulatedMs: number;
  readonly jobs: number;
  readonly faults: number;
}

/** One run; the same seed gives the same events. */
export async function replayFaults(seed: number, options: FaultOptions = {}): Promise<FaultOutcome> {
  return await new FaultRun(seed, true, options).run();
}

interface FaultOptions {
  /** Told of each row of the tables of states that is followed. */
  readonly onRow?: (row: StateRow) => void;
  /** What is broken on purpose. */
  readonly tampering?: Tampering;
  /** See World. */
  readonly turns?: number;
}

export async function runFaults(from: number, count: number, options: FaultOptions = {}) {
  const total = {
    seeds: 0,
    simulatedMs: 0,
    jobs: 0,
    faults: 0,
    failures: [] as { seed: number; failure: string }[],
  };
  for (let seed = from; seed < from + count; seed += 1) {
    const { failure, simulatedMs, jobs, faults } = await new FaultRun(seed, false, options).run();
    total.seeds += 1;
    total.simulatedMs += simulatedMs;
    total.jobs += jobs;
    total.faults += faults;
    if (failure !== undefined) total.failures.push({ seed, failure });
  }
  return total;
}

class FaultRun {
  readonly #world: World;
  readonly #swarm: SimPeer[] = [];
  readonly #jobs: SimJob[] = [];
  #faults = 0;
  #faulty = true;
  #epoch = 0;
  readonly #whimsical: boolean;
  /** How often jobs write in place, have slow file systems and lose their wrappers: each run has its own manner. */
  readonly #manner: { readonly inPlace: number; readonly slow: number; readonly cancelled: number };
  readonly #options: FaultOptions;

  constructor(seed: number, tracing: boolean, options: FaultOptions) {
    this.#world = new World(seed, tracing, options.turns);
    this.#options = options;
    this.#whimsical = this.#world.chance(0.5);
    this.#manner = {
      inPlace: this.#world.pick([0.3, 0.3, 0.9]),
      slow: this.#world.pick([0.1, 0.1, 0.9]),
      cancelled: this.#world.pick([0.1, 0.1, 0.5]),
    };
  }

  async run(): Promise<FaultOutcome> {
    const world = this.#world;
    let failure: string | undefined;
    try {
      this.#raise();
      this.#plan();
      await world.run(faultsMs);
      this.#heal();
      await this.#settle();
    } catch (error) {
      failure =
        error instanceof Violation
          ? error.message
          : error instanceof Error
            ? (error.stack ?? error.message)
            : String(error);
    }
    return {
      failure,
      hash: world.hash,
      events: world.lastEvents(),
      simulatedMs: world.nowMs,
      jobs: this.#jobs.length,
      faults: this.#faults,
    };
  }

  #raise(): void {
    const world = this.#world;
    const peers = world.between(2, 6);
    for (let index = 0; index < peers; index += 1) {
      this.#swarm.push(
        new SimPeer(world, index, {
          slots: world.between(1, 4),
          beats: true,
          whims: this.#whims(),
          ...this.#options,
        }),
      );
    }
    const redial = () => {
      for (const [index, peer] of this.#swarm.entries()) {
        for (const other of this.#swarm.slice(0, index)) this.#dial(peer, other);
      }
      for (const peer of this.#swarm) if (peer.life.alive) checkBooks(peer);
      world.after(500, redial);
    };
    redial();
  }

  #dial(peer: SimPeer, other: SimPeer): void {
    const world = this.#world;
    const known = peer.connections.neighbours.get(other.id);
    if (known !== undefined && known.epoch === other.connections.neighbours.get(peer.id)?.epoch) return;
    if (!peer.life.alive || !other.life.alive || peer.life.frozen || other.life.frozen) return;
    if (!world.isOpen(peer.index, other.index) || !world.isOpen(other.index, peer.index)) return;
    this.#epoch += 1;
    peer.connect(other, this.#epoch);
    other.connect(peer, this.#epoch);
  }

  #whims(): Whims {
    const world = this.#world;
    const sometimes =
      <T>(probability: number, make: () => T) =>
      (): T | undefined =>
        this.#whimsical && this.#faulty && world.chance(probability) ? make() : undefined;
    return {
      offer: sometimes(0.01, () => world.pick(['fails', 'unprovable'] as const)),
      admit: sometimes(0.03, () => world.pick(refusals)),
      lookMs: sometimes(0.5, () => (world.chance(0.95) ? world.between(0, 20) : world.between(500, 3_000))),
      start: sometimes(0.01, () => world.pick(['ENOENT', 'EACCES'] as const)),
      exit: sometimes(0.2, () => 'fails' as const),
      settle: sometimes(0.5, () => ({
        afterMs: world.chance(this.#manner.slow) ? world.between(1_000, 12_000) : world.between(0, 20),
        as: world.chance(0.4) ? world.pick(settled) : undefined,
      })),
    };
  }

  #plan(): void {
    const world = this.#world;
    const jobs = world.between(20, 120);
    for (let n = 0; n < jobs; n += 1) {
      world.at(world.chance(0.3) ? world.between(0, 200) : world.between(0, faultsMs), () => this.#submit());
    }
    const faults = world.between(0, 12);
    for (let n = 0; n < faults; n += 1) world.at(world.between(0, faultsMs), () => this.#fault());
  }

  #submit(): void {
    const world = this.#world;
    const peer = world.pick(this.#swarm);
    if (!peer.life.alive || peer.life.frozen) return;
    const byRule = world.chance(0.1);
    const isLarge = world.chance(0.3);
    const spec = plainSpec({
      unslotted: byRule && world.chance(0.5),
      rewritable: !world.chance(this.#manner.inPlace),
      nested: world.chance(0.1),
      remoteOnly: world.chance(0.05),
      memoryBytes: isLarge ? world.between(1, 4) * 2 ** 30 : 0,
      program: isLarge ? 'large' : world.pick(['c++', 'any']),
      ...(byRule ? { inline: 'outside-share' as const } : {}),
    });
    const lengthMs = world.chance(0.04)
      ? world.between(10_000, longestMs)
      : Math.min(8_000, 50_000 / world.between(1, 1_000));
    const job = peer.wrappers.submit(spec, lengthMs);
    this.#jobs.push(job);
    const { incarnation } = peer.life;
    if (world.chance(this.#manner.cancelled))
      world.after(world.between(0, world.chance(0.7) ? 3_000 : 20_000), () => {
        if (peer.life.incarnation === incarnation) peer.wrappers.cancel(job);
      });
  }

  #fault(): void {
    const world = this.#world;
    const peer = world.pick(this.#swarm);
    const forMs = world.between(200, 25_000);
    this.#faults += 1;
    switch (world.between(0, 7)) {
      case 0:
        peer.crash();
        world.after(forMs, () => this.#restart(peer));
        return;
      case 1:
        if (!peer.life.alive) return;
        peer.freeze();
        world.after(forMs, () => peer.thaw());
        return;
      case 2:
        for (const other of this.#swarm) if (other !== peer) this.#cut(peer, other, forMs);
        return;
      case 3: {
        const other = world.pick(this.#swarm);
        if (other !== peer) this.#cut(peer, other, forMs);
        return;
      }
      case 4: {
        const other = world.pick(this.#swarm);
        if (other === peer) return;
        world.trace(() => `${peer.id} is not heard by ${other.id}`);
        world.block(peer.index, other.index);
        world.after(forMs, () => world.unblock(peer.index, other.index));
        return;
      }
      case 5:
        peer.leave();
        world.after(world.between(100, 12_000), () => peer.crash());
        world.after(12_000 + forMs, () => this.#restart(peer));
        return;
      case 6:
        world.extraDelayMs = world.between(1, 400);
        world.after(forMs, () => {
          world.extraDelayMs = 0;
        });
        return;
      default:
        if (peer.life.alive) peer.measure(world.between(0, 5), world.between(0, 8) * 2 ** 30);
    }
  }

  #cut(peer: SimPeer, other: SimPeer, forMs: number): void {
    const world = this.#world;
    world.trace(() => `${peer.id} and ${other.id} are cut off`);
    world.block(peer.index, other.index);
    world.block(other.index, peer.index);
    world.after(forMs, () => {
      world.unblock(peer.index, other.index);
      world.unblock(other.index, peer.index);
    });
  }

  #restart(peer: SimPeer): void {
    if (!peer.life.alive) peer.boot();
  }

  #heal(): void {
    const world = this.#world;
    this.#faulty = false;
    world.trace(() => 'all faults end');
    world.extraDelayMs = 0;
    for (const peer of this.#swarm) {
      for (const other of this.#swarm) world.unblock(peer.index, other.index);
      this.#restart(peer);
      peer.thaw();
      peer.measure(0, 16 * 2 ** 30);
    }
  }

  /** Faults are over: every job ends in time, everybody sees everybody, and nothing is left on the books. */
  async #settle(): Promise<void> {
    const world = this.#world;
    const healedMs = world.nowMs;
    const open = () => this.#jobs.filter(({ over }) => !over);
    const workMs = open().reduce((sum, { lengthMs }) => sum + lengthMs, 0);
    const boundMs = 2 * workMs + 2 * longestMs + 15_000;
    let nextLookMs = 0;
    await world.run(healedMs + boundMs, () => {
      if (world.nowMs < nextLookMs) return false;
      nextLookMs = world.nowMs + 100;
      return open().length === 0;
    });
    world.demand(
      open().length === 0,
      'I14',
      () =>
        `jobs do not end: ${open()
          .map(({ name }) => name)
          .join(', ')}`,
    );
    await world.run(Math.max(world.nowMs, healedMs + 5_000) + 35_000);
    for (const peer of this.#swarm) {
      checkBooks(peer);
      checkIdle(peer);
      for (const other of this.#swarm) {
        if (other === peer) continue;
        world.demand(
          peer.connections.neighbours.has(other.id),
          'I15',
          () => `${peer.id} does not see ${other.id}`,
        );
        const row = peer.gossip.table.entries.get(other.id);
        world.demand(
          row?.report.incarnation === other.life.incarnation && row.report.running === 0,
          'I15',
          () => `${peer.id} has old news of ${other.id}`,
        );
      }
    }
    for (const job of this.#jobs)
      world.demand(job.live.size === 0, 'I9', () => `job ${job.name} still lives`);
    world.verify();
  }
}
