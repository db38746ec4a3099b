/** What is left on machines of jobs in the files of another one: processes, mounts, layers, temporaries and slots. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Host } from './lan.ts';
import type { SwarmRig } from './swarm-rig.ts';

const peer = /bin\/buildswarm daemon/;
/** Processes besides jobs that each peer has as long as it runs. */
const starting = /bin\/buildswarm start/;
const lasting =
  /bin\/(?:buildswarm daemon|swarmexec|swarmlook|swarmtree|swarmfs|swarmjob .*--idle-ms)|dist\/src\//;
/** A tree that is mounted has a process that answers and one that takes it away, its pool one that makes places and one that removes. */
const mostOf: readonly (readonly [program: RegExp, most: number])[] = [
  [/bin\/swarmfs/, 2],
  [/bin\/swarmjob .*--idle-ms/, 2],
  [/bin\/swarmtree/, 1],
];
const temporaries = ['find', '/tmp', '/var/tmp', '/dev/shm', '-mindepth', '1', '-maxdepth', '2'];

interface Before {
  readonly names: ReadonlySet<string>;
  /** Names its list of processes, as owners of caches do. */
  readonly view: string;
}

export class Leavings {
  readonly #swarm: SwarmRig;
  /** Where jobs write, on the machine of their caller. */
  readonly #project: string;
  readonly #before: ReadonlyMap<Host, Before>;

  private constructor(swarm: SwarmRig, project: string, before: ReadonlyMap<Host, Before>) {
    this.#swarm = swarm;
    this.#project = project;
    this.#before = before;
  }

  /** What is there now, when no job has run yet, was not left by any. */
  static async start(swarm: SwarmRig, project: string): Promise<Leavings> {
    const before = new Map<Host, Before>();
    for (const host of swarm.lan.hosts) {
      const view = await swarm.check(host, ['readlink', '/proc/self/ns/pid']);
      before.set(host, { names: new Set(await temporariesOf(swarm, host)), view: view.trim() });
    }
    return new Leavings(swarm, project, before);
  }

  /** What there is on one machine that should not be; empty: nothing. */
  async on(host: Host): Promise<string[]> {
    const swarm = this.#swarm;
    const before = this.#before.get(host);
    // One after the other: what looks is a process too.
    const lines = await swarm.lan.processes(host);
    const names = await temporariesOf(swarm, host);
    const hidden = host === 'm1' ? await swarm.check(host, ['find', this.#project, '-name', '.*']) : '';
    const isUp = lines.some((line) => peer.test(line));
    // Helpers of a peer that has ended end with it, and none that was frozen is of use any more.
    const isKept = (line: string): boolean =>
      starting.test(line) || (isUp && lasting.test(line) && !/^\d+ +\d+ +T/u.test(line));
    const found = [
      ...lines.filter((line) => !isKept(line)),
      ...mostOf.flatMap(([program, most]) => lines.filter((line) => program.test(line)).slice(most)),
      ...names.filter((name) => before?.names.has(name) !== true),
      ...hidden.split('\n').filter(Boolean),
      ...this.#inCaches(isUp ? 1 : 0, before?.view),
    ];
    if (isUp && found.length === 0) {
      const { running, queued } = (await swarm.status(host)).self;
      if (running + queued > 0) found.push(`${running} slots are in use, ${queued} jobs wait`);
    }
    return found.map((each) => `${host}: ${each}`);
  }

  /** The same where peers of that machine keep files of others: on the disk that machines share. */
  #inCaches(peers: number, view: string | undefined): string[] {
    const caches = namesIn(path.join(this.#swarm.lan.cache, 'trees')).filter(
      (cache) => readText(path.join(cache, 'owner')).split(' ')[1] === view,
    );
    const trees = caches.flatMap(namesIn).filter((name) => /\/[0-9a-f]{8}-[^/]*$/u.test(name));
    return [
      ...caches.slice(peers),
      // One machine has one project.
      ...trees.slice(1),
      ...trees.flatMap((tree) => namesIn(path.join(tree, 'jobs'))),
    ];
  }
}

async function temporariesOf(swarm: SwarmRig, host: Host): Promise<string[]> {
  return (await swarm.exec(host, temporaries)).stdout.toString().split('\n').filter(Boolean);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => path.join(directory, name));
  } catch {
    return []; // gone meanwhile, or no directory
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // gone meanwhile
  }
}
