/**
 * Healthy swarms on which several submitters build in bursts, pause and ask for single jobs: no job runs at its submitter or
 * waits while a worker that would take it has had free slots for longer than a bound.
 */
import { effectiveSlots, queued, running, whyRefused } from '../../src/core/schedule/worker.ts';
import type { Tampering } from './invariants.ts';
import { plainSpec, type SimJob } from './sim-job.ts';
import { checkBooks, checkIdle } from './sim-peer/checks.ts';
import { SimPeer } from './sim-peer.ts';
import { Violation, World } from './world.ts';

/** A worker's free slots are found within this time. */
const boundMs = 1_000;
const lookMs = 50;
const looksWithinBound = boundMs / lookMs + 1;
const playMs = 120_000;
/** Nothing of a job lives so long after its wrapper was killed. */
const killedWithinMs = 500;
/** Longer than any job, any deadline and any refusal. */
const restMs = 60_000;

export interface IdleOutcome {
  readonly failure: string | undefined;
  readonly jobs: number;
  readonly events: string[];
}

/** One run; the same seed gives the same events. */
export async function playIdleSlots(
  seed: number,
  tracing = false,
  tampering: Tampering = {},
): Promise<IdleOutcome> {
  const run = new IdleRun(seed, tracing, tampering);
  try {
    await run.play();
    return { failure: undefined, jobs: run.jobs.length, events: run.world.lastEvents() };
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { failure: error.message, jobs: run.jobs.length, events: run.world.lastEvents() };
  }
}

interface Submitted {
  readonly job: SimJob;
  readonly peer: SimPeer;
  /** Since when it has been without a slot, as far as was looked. */
  waitsSinceMs: number;
}

class IdleRun {
  readonly world: World;
  readonly jobs: Submitted[] = [];
  readonly #tampering: Tampering;
  readonly #swarm: SimPeer[] = [];
  /** How many slots each worker had free at least, between the looks of the last second. */
  readonly #free = new Map<SimPeer, number[]>();
  #open: Submitted[] = [];

  constructor(seed: number, tracing: boolean, tampering: Tampering) {
    this.#tampering = tampering;
    this.world = new World(seed, tracing);
  }

  async play(): Promise<void> {
    const { world } = this;
    const peers = world.between(2, 6);
    for (let index = 0; index < peers; index += 1) {
      const peer = new SimPeer(world, index, {
        slots: world.between(1, 4),
        beats: true,
        tampering: this.#tampering,
      });
      this.#swarm.push(peer);
      for (const [at, other] of this.#swarm.slice(0, -1).entries()) {
        peer.connect(other, index * 100 + at);
        other.connect(peer, index * 100 + at);
      }
    }
    for (const peer of this.#swarm) {
      peer.onWorked = () => {
        const looks = this.#free.get(peer);
        const newest = looks?.at(-1);
        if (looks !== undefined && newest !== undefined)
          looks[looks.length - 1] = Math.min(newest, freeSlots(peer));
      };
      peer.wrappers.onInline = (job, reason) => this.#checkInline(peer, job, reason);
      if (world.chance(0.7)) this.#build(peer);
      if (world.chance(0.3)) this.#use(peer);
    }
    const look = (): void => {
      this.#look();
      world.after(lookMs, look);
    };
    look();
    await world.run(playMs + restMs);
    for (const peer of this.#swarm) {
      checkBooks(peer);
      checkIdle(peer);
    }
    world.verify();
  }

  /** Bursts, single jobs and pauses in turn. */
  #build(peer: SimPeer): void {
    const { world } = this;
    if (world.nowMs > playMs) return;
    if (world.chance(0.5)) {
      for (let n = world.between(2, 40); n > 0; n -= 1) this.#submit(peer);
      world.after(world.between(100, 8_000), () => this.#build(peer));
      return;
    }
    let n = world.between(1, 8);
    const single = (): void => {
      this.#submit(peer);
      n -= 1;
      world.after(world.between(20, n > 0 ? 2_500 : 40_000), n > 0 ? single : () => this.#build(peer));
    };
    single();
  }

  #submit(peer: SimPeer): void {
    const { world } = this;
    const isLarge = world.chance(0.2);
    const spec = plainSpec({
      rewritable: world.chance(0.7),
      program: isLarge ? 'large' : 'c++',
      memoryBytes: isLarge ? world.between(1, 4) * 2 ** 30 : 0,
      nested: world.chance(0.05),
    });
    const job = peer.wrappers.submit(spec, world.between(20, world.chance(0.1) ? 8_000 : 900));
    const submitted = { job, peer, waitsSinceMs: Number.POSITIVE_INFINITY };
    this.jobs.push(submitted);
    this.#open.push(submitted);
    if (world.chance(0.05)) world.after(world.between(0, 2_000), () => this.#cancel(submitted));
  }

  /** Its wrapper is killed. */
  #cancel({ job, peer }: Submitted): void {
    const { world } = this;
    peer.wrappers.cancel(job);
    world.after(killedWithinMs, () =>
      world.demand(job.live.size === 0, 'I11', () => `job ${job.name} lives on without its wrapper`),
    );
  }

  /** The owner of a machine comes and goes. */
  #use(peer: SimPeer): void {
    const { world } = this;
    if (world.nowMs > playMs) return peer.measure(0, 16 * 2 ** 30);
    peer.measure(world.chance(0.5) ? 0 : world.between(0, 4), world.between(2, 16) * 2 ** 30);
    this.#free.delete(peer);
    world.after(world.between(500, 15_000), () => this.#use(peer));
  }

  #look(): void {
    const { nowMs } = this.world;
    for (const peer of this.#swarm) {
      const looks = this.#free.get(peer) ?? [];
      looks.push(freeSlots(peer));
      this.#free.set(peer, looks.slice(-looksWithinBound));
    }
    this.#open = this.#open.filter(({ job }) => !job.over);
    for (const submitted of this.#open) {
      const stage = stageOf(submitted);
      if (stage !== 'queued' && stage !== 'accepted') submitted.waitsSinceMs = Number.POSITIVE_INFINITY;
      else if (submitted.waitsSinceMs > nowMs) submitted.waitsSinceMs = nowMs;
      if (nowMs - submitted.waitsSinceMs > boundMs) this.#checkNobodyIdle(submitted, `waits ${stage}`);
    }
  }

  #checkInline(peer: SimPeer, job: SimJob, reason: string): void {
    this.#checkNobodyIdle({ peer, job }, `runs at home (${reason})`);
  }

  #checkNobodyIdle({ peer, job }: Pick<Submitted, 'peer' | 'job'>, what: string): void {
    const { world } = this;
    const record = peer.shells.own.dispatcher.jobs.get(job.id);
    for (const worker of this.#swarm) {
      const looks = this.#free.get(worker) ?? [];
      if (worker === peer || looks.length < looksWithinBound) continue;
      const idle = Math.min(...looks, freeSlots(worker)) - this.#offersTo(worker);
      if (idle <= 0) continue;
      if (record?.avoid?.has(worker.id) === true) continue;
      const memoryBytes = record?.demand.memoryBytes ?? 0;
      const offer = { peer: peer.id, job: job.id, attempt: 1, memoryBytes };
      if (whyRefused(worker.shells.own.worker, offer, world.nowMs) !== undefined) continue;
      world.demand(
        false,
        'I29',
        () => `${job.id} of ${peer.id} ${what}, ${worker.id} has had ${idle} free slots for ${boundMs} ms`,
      );
    }
  }

  /** Offers to a worker that are on their way. */
  #offersTo(worker: SimPeer): number {
    let offers = 0;
    for (const { shells } of this.#swarm) {
      const { peers, jobs } = shells.own.dispatcher;
      for (const job of peers.get(worker.id)?.mine ?? []) if (jobs.get(job)?.stage === 'offered') offers += 1;
    }
    return offers;
  }
}

/** Slots of a worker that neither hold a job nor are kept for somebody. */
function freeSlots({ shells }: SimPeer): number {
  const { worker } = shells.own;
  let free = effectiveSlots(worker) - running(worker) - queued(worker) - worker.inlineWaiting;
  for (const { count } of worker.line.reservations.values()) free -= count;
  return free;
}

/** Where a job is for its submitter. */
function stageOf({ job, peer }: Submitted): string | undefined {
  return peer.shells.own.dispatcher.jobs.get(job.id)?.stage;
}
