/** Swarms and builds on them, as measured against a scheduler that knows everything. */

import { nextRandom } from '../../src/core/random.ts';
import { idealMakespanMs } from './ideal.ts';
import { plainSpec } from './sim-job.ts';
import { SimPeer } from './sim-peer.ts';
import { World } from './world.ts';

/** What make, the shell and the wrapper need from the end of one command to the start of the next, ms. */
const nextCommandMs = 1;

export interface Measured {
  readonly name: string;
  readonly makespanMs: number;
  readonly idealMs: number;
  readonly messages: number;
  readonly jobs: number;
  readonly notes: ReadonlyMap<string, number>;
}

function raiseSwarm(world: World, peers: number, slots: number, submitters: number): SimPeer[] {
  const swarm = Array.from(
    { length: peers },
    (_, index) => new SimPeer(world, index, { slots, beats: false, submits: index < submitters }),
  );
  let epoch = 0;
  for (const [index, peer] of swarm.entries()) {
    for (const other of swarm.slice(0, index)) {
      epoch += 1;
      peer.connect(other, epoch);
      other.connect(peer, epoch);
    }
  }
  return swarm;
}

/** `make -jN`: keeps so many commands in flight until its list is done. */
export class Build {
  endedAtMs: number | undefined;
  readonly #peer: SimPeer;
  readonly #lengthsMs: readonly number[];
  #next = 0;
  #over = 0;

  constructor(peer: SimPeer, lengthsMs: readonly number[], inFlight: number) {
    this.#peer = peer;
    this.#lengthsMs = lengthsMs;
    for (let started = 0; started < inFlight; started += 1) this.#start();
  }

  #start(): void {
    const length = this.#lengthsMs[this.#next];
    if (length === undefined) return;
    this.#next += 1;
    this.#peer.wrappers.submit(plainSpec(), length, () => {
      const { world } = this.#peer;
      this.#over += 1;
      if (this.#over === this.#lengthsMs.length) this.endedAtMs = world.nowMs;
      else world.after(nextCommandMs, () => this.#start());
    });
  }
}

interface Course {
  readonly name: string;
  readonly peers: number;
  readonly slots: number;
  /** Lengths of each submitter's jobs. */
  readonly builds: readonly (readonly number[])[];
  readonly inFlight: number;
  /** The last peer dies when half of the ideal time is over. */
  readonly death?: boolean;
  readonly seed?: number;
}

export async function measure(course: Course): Promise<Measured> {
  const world = new World(course.seed ?? 1, false);
  const swarm = raiseSwarm(world, course.peers, course.slots, course.builds.length);
  await world.run(10);
  const slots = course.peers * course.slots;
  const list = interleave(course.builds);
  let idealMs = idealMakespanMs(list, slots);
  const startMs = world.nowMs;
  if (course.death === true) {
    const atMs = idealMs / 2;
    world.at(startMs + atMs, () => swarm.at(-1)?.crash());
    idealMs = idealMakespanMs(list, slots, { atMs, slots: course.slots });
  }
  const builds = course.builds.map((lengths, index) => {
    const peer = swarm[index];
    if (peer === undefined) throw new Error('more builds than peers');
    return new Build(peer, lengths, course.inFlight);
  });
  const done = await world.run(startMs + 100 * idealMs, () =>
    builds.every((build) => build.endedAtMs !== undefined),
  );
  if (!done) throw new Error(`${course.name}: the builds did not end`);
  const notes = new Map<string, number>();
  for (const peer of swarm)
    for (const { reason, count } of peer.shells.ledger.counts())
      notes.set(reason, (notes.get(reason) ?? 0) + count);
  return {
    name: course.name,
    makespanMs: Math.max(...builds.map((build) => build.endedAtMs ?? 0)) - startMs,
    idealMs,
    messages: world.messages,
    jobs: list.length,
    notes,
  };
}

/** One job of each build in turn. */
function interleave(builds: readonly (readonly number[])[]): number[] {
  const list: number[] = [];
  const longest = Math.max(...builds.map((build) => build.length));
  for (let at = 0; at < longest; at += 1) {
    for (const build of builds) {
      const length = build[at];
      if (length !== undefined) list.push(length);
    }
  }
  return list;
}

/** Compile times: log-normal, median 1 s, a long tail cut at `mostMs`. */
export function heavyTailed(world: World, count: number, mostMs: number): number[] {
  return Array.from({ length: count }, () => {
    const uniform = Math.max(nextRandom(world.random), 1e-12);
    const normal = Math.sqrt(-2 * Math.log(uniform)) * Math.cos(2 * Math.PI * nextRandom(world.random));
    return Math.min(mostMs, 1_000 * Math.exp(normal));
  });
}

const even = (count: number, lengthMs: number) => Array.from({ length: count }, () => lengthMs);

export interface Goal {
  readonly course: Course;
  /** makespan / ideal at most. */
  readonly ratio: number;
}

export function goals(peers = 1_000, submitters = 100): Goal[] {
  const lengths = new World(7, false);
  const sleeping = even(400, 500);
  return [
    {
      ratio: 1 / 0.97,
      course: { name: '400 x 0.5 s, 8 x 4, -j32', peers: 8, slots: 4, builds: [sleeping], inFlight: 32 },
    },
    {
      ratio: 1 / 0.97,
      course: { name: '400 x 0.5 s, 8 x 4, -j64', peers: 8, slots: 4, builds: [sleeping], inFlight: 64 },
    },
    {
      ratio: 1 / 0.98,
      course: { name: '400 x 0.5 s, 4 x 4, -j16', peers: 4, slots: 4, builds: [sleeping], inFlight: 16 },
    },
    {
      ratio: 1 / 0.98,
      course: { name: '400 x 0.5 s, 4 x 4, -j32', peers: 4, slots: 4, builds: [sleeping], inFlight: 32 },
    },
    {
      ratio: 1.04,
      course: {
        name: 'two submitters, 400 x 0.5 s each, 8 x 4, -j32',
        peers: 8,
        slots: 4,
        builds: [sleeping, sleeping],
        inFlight: 32,
      },
    },
    {
      ratio: 1.15,
      course: {
        name: '400 x 0.5 s, 8 x 4, -j64, one killed half way',
        peers: 8,
        slots: 4,
        builds: [sleeping],
        inFlight: 64,
        death: true,
      },
    },
    {
      ratio: 1.02,
      course: {
        name: `${peers} peers x 16, ${submitters} submitters, heavy-tailed jobs`,
        peers,
        slots: 16,
        builds: Array.from({ length: submitters }, () =>
          heavyTailed(lengths, Math.round((10 * 16 * peers) / submitters), 12_000),
        ),
        inFlight: (10 * 16 * peers) / submitters,
      },
    },
  ];
}
