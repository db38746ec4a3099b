/**
 * distcc, distcc-pump and icecream beside ours on the machines of a LAN, from Debian's packages, without installing them on
 * this machine.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import type { SwarmRig } from '../test/rig/swarm-rig.ts';
import { until } from '../test/rig/until.ts';
import { CpuGroup } from './bench-cpu-group.ts';
import { median, type Row } from './bench-measure.ts';
import { mendPump } from './bench-pump.ts';

const runFile = promisify(execFile);

/** Who does what. The first submitter has icecream's scheduler. */
interface Roles {
  readonly submitters: readonly Host[];
  /** A submitter may be one. */
  readonly workers: readonly Host[];
  /** Of each worker. */
  readonly slots: number;
  /**
   * A directory with a `gcc` that stands for the compiler everywhere, and is in {@link sleepers} on each machine; default: the
   * compiler itself, on other machines only.
   */
  readonly compiler?: string;
}

/** One of the systems that run a compiler elsewhere. */
export interface System {
  readonly name: string;
  /** What stands before a compiler's command line. */
  readonly prefix: readonly string[];
  /** How the C compiler is called. */
  readonly compiler: string;
  /** What runs of it on each machine: its daemons, what they run, and the commands that are begun there with `enter`. */
  readonly groups: ReadonlyMap<Host, CpuGroup>;
  /** Starts its daemons anew, so that they know nothing, and waits until they could take a job. */
  restart(): Promise<void>;
  /** Ends all of it. */
  stop(): Promise<void>;
}

/** Where each machine has what stands for the compiler. */
export const sleepers = '/tmp/bench-sleeper';

/** A word for a shell. */
export const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

const addressOf = (host: Host): string => `10.99.0.${host.slice(1)}`;

/** Fetches the packages that Debian names and this machine lacks, and unpacks them. @returns where */
async function unpacked(): Promise<string> {
  const cache = path.join(checkout, '.cache/rivals');
  const root = path.join(cache, 'root');
  await mkdir(path.join(cache, 'partial'), { recursive: true });
  const install = ['install', '-y', '-qq', '--no-install-recommends', '--download-only'];
  const packages = ['distcc', 'distcc-pump', 'icecc'];
  const fetch = () => runFile('apt-get', [...install, '-o', `Dir::Cache::archives=${cache}`, ...packages]);
  // A machine that never asked Debian does not know where they are.
  await fetch().catch(async () => {
    await runFile('apt-get', ['update', '-qq']);
    await fetch();
  });
  for (const name of await readdir(cache))
    if (name.endsWith('.deb')) await runFile('dpkg', ['-x', path.join(cache, name), root]);
  return root;
}

/** Unpacked programs on a LAN. */
class Rivals {
  readonly swarm: SwarmRig;
  readonly roles: Roles;
  readonly root: string;
  readonly env: readonly string[];

  constructor(swarm: SwarmRig, roles: Roles, root: string, libraries: string) {
    this.swarm = swarm;
    this.roles = roles;
    this.root = root;
    const path_ = roles.compiler === undefined ? [] : [`PATH=${sleepers}:/usr/bin:/bin`];
    this.env = ['env', `LD_LIBRARY_PATH=${libraries}`, ...path_];
  }

  get hosts(): readonly Host[] {
    return [...new Set([...this.roles.submitters, ...this.roles.workers])];
  }

  groups(name: string): ReadonlyMap<Host, CpuGroup> {
    return new Map(this.hosts.map((host) => [host, CpuGroup.make(`${name}-${host}`)]));
  }

  /** Runs a program that becomes a daemon, in its group. */
  async daemon(groups: System['groups'], host: Host, argv: readonly string[]): Promise<string> {
    return await this.swarm.check(host, [...(groups.get(host)?.enter ?? []), ...this.env, ...argv]);
  }

  program(name: string): string {
    return path.join(this.root, 'usr', name);
  }
}

const makers = { buildswarm: ours, distcc, pump, icecream } as const;

/** These, or all four, with no daemon started yet. */
export async function systemsOn(
  swarm: SwarmRig,
  roles: Roles,
  names: readonly (keyof typeof makers)[] = ['buildswarm', 'distcc', 'pump', 'icecream'],
): Promise<System[]> {
  const root = await unpacked();
  const directory = (await readdir(path.join(root, 'usr/lib'))).find((name) => name.endsWith('-linux-gnu'));
  const libraries = ['usr/lib', 'lib'].map((lib) => path.join(root, lib, directory ?? '')).join(':');
  const rivals = new Rivals(swarm, roles, root, libraries);
  const systems: System[] = [];
  for (const name of names) systems.push(await makers[name](rivals));
  return systems;
}

/** Ends what runs in all groups of a system. */
async function endAll(groups: System['groups']): Promise<void> {
  await Promise.all([...groups.values()].map((group) => group.end()));
}

function ours(rivals: Rivals): System {
  const { swarm, roles, hosts } = rivals;
  const groups = rivals.groups('buildswarm');
  const start = async (host: Host): Promise<void> => {
    const slots = roles.workers.includes(host) ? roles.slots : 0;
    const words = [path.join(checkout, 'bin/buildswarm'), 'start', '--slots', String(slots)];
    await swarm.check(host, [...(groups.get(host)?.enter ?? []), ...words]);
  };
  const isElsewhere = roles.compiler === undefined;
  return {
    name: 'buildswarm',
    prefix: isElsewhere ? ['swarmrun', '--remote'] : ['swarmrun'],
    compiler: roles.compiler === undefined ? 'gcc' : path.join(roles.compiler, 'gcc'),
    groups,
    restart: async () => {
      await endAll(groups);
      await Promise.all(hosts.map(start));
      for (const host of roles.submitters) await swarm.untilSees(host, hosts.length - 1);
    },
    stop: () => endAll(groups),
  };
}

/** Listens on a port of its own, so that it can stand beside the other kind. */
async function startDistccd(rivals: Rivals, groups: System['groups'], port: number): Promise<void> {
  const { swarm, roles } = rivals;
  const options = `--daemon --allow 10.99.0.0/24 --jobs ${roles.slots} --enable-tcp-insecure --port ${port} --log-file /tmp/distccd.log`;
  await endAll(groups);
  for (const host of roles.workers) {
    await rivals.daemon(groups, host, [rivals.program('bin/distccd'), ...options.split(' ')]);
    await untilListens(swarm, host, port);
  }
}

async function untilListens(swarm: SwarmRig, host: Host, port: number): Promise<void> {
  const connect = ['bash', '-c', `: <>/dev/tcp/${addressOf(host)}/${port}`];
  const listens = async (): Promise<boolean> => (await swarm.exec(host, connect)).status === 0;
  await until(listens, 10_000, `${host} listens on port ${port}`);
}

function distccHosts({ workers, slots }: Roles, port: number, options: string): string {
  return `DISTCC_HOSTS=${workers.map((host) => `${addressOf(host)}:${port}/${slots}${options}`).join(' ')}`;
}

function distcc(rivals: Rivals): System {
  const port = 3632;
  const groups = rivals.groups('distcc');
  return {
    name: 'distcc',
    compiler: 'gcc',
    prefix: [
      ...rivals.env,
      distccHosts(rivals.roles, port, ''),
      whichCompiler(rivals.roles),
      rivals.program('bin/distcc'),
    ],
    groups,
    restart: () => startDistccd(rivals, groups, port),
    stop: () => endAll(groups),
  };
}

/** Where the compiler itself is measured, it must not run on the submitter; where another stands for it, that is not `x86_64-linux-gnu-gcc`. */
function whichCompiler({ compiler }: Roles): string {
  return compiler === undefined ? 'DISTCC_FALLBACK=0' : 'DISTCC_NO_REWRITE_CROSS=1';
}

/** distcc whose include server, on each submitter, finds the headers, which go to the worker with the source. */
async function pump(rivals: Rivals): Promise<System> {
  const port = 3633;
  const { script, library } = await mendPump(rivals.root);
  const groups = rivals.groups('pump');
  const hosts = distccHosts(rivals.roles, port, ',cpp,lzo');
  const directory = '/tmp/bench-pump';
  const settings = [hosts, `TMPDIR=${directory}`, `DISTCC_LOCATION=${rivals.program('bin')}`];
  return {
    name: 'pump',
    compiler: 'gcc',
    prefix: [
      ...rivals.env,
      hosts,
      whichCompiler(rivals.roles),
      // Of the one include server there.
      'sh',
      '-c',
      `INCLUDE_SERVER_PORT=$(echo ${directory}/*/socket) exec "$@"`,
      'sh',
      rivals.program('bin/distcc'),
    ],
    groups,
    restart: async () => {
      await startDistccd(rivals, groups, port);
      for (const host of rivals.roles.submitters) {
        await rivals.swarm.check(host, ['sh', '-c', `rm -rf ${directory} && mkdir ${directory}`]);
        await rivals.daemon(groups, host, [...settings, `LD_PRELOAD=${library}`, 'sh', script, '--startup']);
      }
    },
    stop: () => endAll(groups),
  };
}

/** What goes with the first job to each worker. @returns a file */
async function compilerOf(rivals: Rivals): Promise<string> {
  const { swarm, roles } = rivals;
  const [host = 'm1'] = roles.submitters;
  if (roles.compiler === undefined) {
    const pack = rivals.program('bin/icecc-create-env');
    await swarm.check(host, ['bash', pack, '--gcc', '/usr/bin/gcc', '/usr/bin/g++']);
    const name = (await readdir(swarm.share)).find((file) => file.includes('.tar.')) ?? '';
    return path.join(swarm.share, name);
  }
  const tree = path.join(roles.compiler, 'tree');
  const programs = ['usr/bin/gcc', 'usr/bin/as', 'usr/bin/true', 'bin/true'];
  const put = programs.map((name) => `install -D ${roles.compiler}/gcc ${tree}/${name}`).join(' && ');
  const file = path.join(roles.compiler, 'compiler.tar.gz');
  await swarm.check(host, ['sh', '-c', `${put} && mkdir -p ${tree}/tmp && tar -czf ${file} -C ${tree} .`]);
  return file;
}

async function icecream(rivals: Rivals): Promise<System> {
  const { swarm, roles, hosts } = rivals;
  const groups = rivals.groups('icecream');
  const version = `ICECC_VERSION=${await compilerOf(rivals)}`;
  const [scheduler = 'm1'] = roles.submitters;
  const [worker = 'm2'] = roles.workers;
  const preferred = roles.compiler === undefined ? [`ICECC_PREFERRED_HOST=${worker}`] : [];
  const log = '/tmp/icecream.log';
  return {
    name: 'icecream',
    compiler: 'gcc',
    prefix: [...rivals.env, version, ...preferred, rivals.program('bin/icecc')],
    groups,
    restart: async () => {
      await endAll(groups);
      await rivals.daemon(groups, scheduler, [
        rivals.program('sbin/icecc-scheduler'),
        '-d',
        '-n',
        'bench',
        '-l',
        log,
      ]);
      const options = `-d -n bench -s ${addressOf(scheduler)} -m ${roles.slots} -b /tmp/icecc --nice 0 -u nobody -l ${log}d`;
      for (const host of hosts) {
        await swarm.check(host, ['sh', '-c', 'mkdir -p /tmp/icecc && chown nobody /tmp/icecc']);
        const only = roles.workers.includes(host) ? [] : ['--no-remote'];
        await rivals.daemon(groups, host, [rivals.program('sbin/iceccd'), ...options.split(' '), ...only]);
      }
      await untilScheduled(swarm, scheduler, hosts);
    },
    stop: () => endAll(groups),
  };
}

/** Until then jobs run here: it takes a daemon 6 s to find its scheduler. The scheduler tells on a port whom it knows. */
async function untilScheduled(swarm: SwarmRig, scheduler: Host, hosts: readonly Host[]): Promise<void> {
  const ask = `exec 3<>/dev/tcp/127.0.0.1/8766; printf 'listcs\nquit\n' >&3; cat <&3`;
  const knowsAll = async (): Promise<boolean> => {
    const { stdout } = await swarm.exec(scheduler, ['timeout', '5', 'bash', '-c', ask]);
    const told = stdout.toString();
    return hosts.every((host) => told.includes(`(${addressOf(host)}:`));
  };
  await until(knowsAll, 20_000, "icecream's scheduler knows all machines");
}

/**
 * The median of each system, and of its ratio ours is the dividend: that of the two medians, not of the rounds, since a time
 * that is left of a difference may be next to nothing in one of them.
 *
 * @param bySystem - a figure a round; NaN: that round has none.
 */
export function besideOurs(
  { what, ...row }: Omit<Row, 'figure'>,
  bySystem: ReadonlyMap<string, readonly number[]>,
): Row[] {
  const { unit } = row;
  const ours = median(known(bySystem.get('buildswarm') ?? []));
  return [...bySystem].flatMap(([name, rounds]): Row[] => {
    const values = known(rounds);
    const figure = median(values);
    const spread = [Math.min(...values), Math.max(...values)] as const;
    if (name === 'buildswarm') return [{ ...row, what, figure, spread }];
    return [
      { what: `  ${name}`, figure, unit, spread },
      { what: `  ours / ${name}, of these medians`, figure: ours / figure, unit: '' },
    ];
  });
}

function known(values: readonly number[]): number[] {
  return values.filter((value) => !Number.isNaN(value));
}
