/** distcc and icecream on the machines of a LAN, from Debian's packages, without installing them on this machine. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { checkout } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import type { SwarmRig } from '../test/rig/swarm-rig.ts';
import { peer } from './bench-measure.ts';

const runFile = promisify(execFile);

/** One of the systems that run a compiler elsewhere. */
export interface System {
  readonly name: string;
  /** What stands before a compiler's command line. */
  readonly prefix: readonly string[];
  /** Whose CPU counts, by command lines: its daemons and their children. */
  readonly processes: RegExp;
  /** Starts its daemons anew, so that they know nothing, and waits until they could take a job. */
  restart(): Promise<void>;
}

const submitter: Host = 'm1';
const worker: Host = 'm2';

/** Fetches the packages that Debian names and this machine lacks, and unpacks them. @returns where */
async function unpacked(): Promise<string> {
  const cache = path.join(checkout, '.cache/rivals');
  const root = path.join(cache, 'root');
  await mkdir(path.join(cache, 'partial'), { recursive: true });
  const install = ['install', '-y', '-qq', '--no-install-recommends', '--download-only'];
  await runFile('apt-get', [...install, '-o', `Dir::Cache::archives=${cache}`, 'distcc', 'icecc']);
  for (const name of await readdir(cache))
    if (name.endsWith('.deb')) await runFile('dpkg', ['-x', path.join(cache, name), root]);
  return root;
}

/** Ends the daemons of a system on both machines, by their names: the machines have process lists of their own. */
async function end(swarm: SwarmRig, programs: string): Promise<void> {
  for (const host of [submitter, worker])
    await swarm.exec(host, [
      'sh',
      '-c',
      `kill -9 $(ps -e -o pid=,comm= | awk '/ (${programs})/ {print $1}')`,
    ]);
}

/** Unpacked programs, and how to run them. */
interface Programs {
  readonly root: string;
  readonly env: readonly string[];
}

/** The three systems, each of which compiles on the second machine, with so many slots. */
export async function systemsOn(swarm: SwarmRig, slots: number): Promise<System[]> {
  const root = await unpacked();
  const directory = (await readdir(path.join(root, 'usr/lib'))).find((name) => name.endsWith('-linux-gnu'));
  const libraries = ['usr/lib', 'lib'].map((lib) => path.join(root, lib, directory ?? '')).join(':');
  const programs = { root, env: ['env', `LD_LIBRARY_PATH=${libraries}`] };
  return [oursOn(swarm), distccOn(swarm, programs, slots), await icecreamOn(swarm, programs, slots)];
}

function oursOn(swarm: SwarmRig): System {
  return {
    name: 'buildswarm',
    prefix: ['swarmrun', '--remote'],
    processes: peer,
    restart: async () => {
      for (const host of [submitter, worker]) await swarm.stopPeer(host);
      for (const host of [submitter, worker]) await swarm.startPeer(host);
      await swarm.untilSees(submitter, 1);
    },
  };
}

function distccOn(swarm: SwarmRig, { root, env }: Programs, slots: number): System {
  const client = path.join(root, 'usr/bin/distcc');
  return {
    name: 'distcc',
    prefix: [...env, `DISTCC_HOSTS=10.99.0.2/${slots}`, 'DISTCC_FALLBACK=0', client],
    processes: /\/usr\/bin\/distccd /,
    restart: async () => {
      await end(swarm, 'distccd');
      const options = `--daemon --allow 10.99.0.0/24 --jobs ${slots} --enable-tcp-insecure --log-file /tmp/distccd.log`;
      await swarm.check(worker, [...env, path.join(root, 'usr/bin/distccd'), ...options.split(' ')]);
    },
  };
}

async function icecreamOn(swarm: SwarmRig, { root, env }: Programs, slots: number): Promise<System> {
  // The compiler goes with the first job to each worker.
  const pack = path.join(root, 'usr/bin/icecc-create-env');
  await swarm.check(submitter, ['bash', pack, '--gcc', '/usr/bin/gcc', '/usr/bin/g++']);
  const compiler = (await readdir(swarm.share)).find((name) => name.includes('.tar.')) ?? '';
  const version = `ICECC_VERSION=${path.join(swarm.share, compiler)}`;
  const startDaemon = (host: Host, program: string, options: string): Promise<string> =>
    swarm.check(host, [...env, path.join(root, 'usr/sbin', program), ...options.split(' ')]);
  return {
    name: 'icecream',
    prefix: [...env, version, 'ICECC_PREFERRED_HOST=m2', path.join(root, 'usr/bin/icecc')],
    processes: /\/usr\/sbin\/(iceccd|icecc-scheduler) /,
    restart: async () => {
      await end(swarm, 'icecc');
      await startDaemon(worker, 'icecc-scheduler', '-d -n bench -l /tmp/scheduler.log');
      const options = `-d -n bench -s 10.99.0.2 -m ${slots} -b /tmp/icecc --nice 0 -u nobody -l /tmp/iceccd.log`;
      for (const host of [worker, submitter]) {
        await swarm.check(host, ['sh', '-c', 'mkdir -p /tmp/icecc && chown nobody /tmp/icecc']);
        await startDaemon(host, 'iceccd', host === submitter ? `${options} --no-remote` : options);
      }
      // Nothing tells when the scheduler knows both; it takes 6 s, and until then jobs run here.
      await sleep(8_000);
    },
  };
}
