/**
 * What attacks of part C (docs/SECURITY.md) cost their victim and its honest jobs. One core has the victim, the worker and
 * the jobs, another one the attacker, so that only what the victim does for it counts. Short turns with and without an
 * attack follow each other. In those without, the same attack is on a decoy, a peer on the attacker's core: else the attacker
 * would drive what else runs on this machine to the core of the jobs. Those of one attack alternate with those of the
 * others, and of none at all, which tells how much turns differ.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout, type Running } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { type Honest, measured, median, type Row } from './bench-measure.ts';

const pairs = Number(process.env['BUILDSWARM_BENCH_PAIRS'] ?? 24);
const [honestCore, attackersCore] = [0, 1];
/** Longer than a turn: each is ended with its turn. */
const forS = '120';

/** A peer that can be attacked. */
interface Target {
  readonly host: Host;
  readonly address: string;
  readonly socket: string;
  /** Where announcements for it go. */
  readonly mdnsPort: string;
}

interface Attack {
  readonly what: string;
  /** By a program of the machine itself; others come as a host that the victim has not seen: else it would be barred from an earlier turn. */
  readonly isLocal: boolean;
  readonly argv: (target: Target) => readonly string[];
}

const buildswarm = path.join(checkout, 'bin/buildswarm');
const rig = path.join(checkout, 'dist/test/rig');
const attack = path.join(rig, 'attack.js');
const byNetwork = (kind: string) => ({
  isLocal: false,
  argv: ({ address }: Target) => [attack, kind, address, forS],
});
const byProgram = (kind: string) => ({
  isLocal: true,
  argv: ({ socket }: Target) => [attack, kind, socket, forS],
});

/** The turns without any attack, in both halves of a pair. */
const control = 'none';
const attacks: Readonly<Record<string, Attack>> = {
  [control]: { what: 'no attack', isLocal: false, argv: () => [] },
  streams: { what: 'half-negotiated streams', ...byNetwork('streams') },
  beats: { what: 'beats, no answer read', ...byNetwork('beats') },
  connections: { what: '100 connections/s of a stranger', ...byNetwork('connections') },
  mdns: {
    what: 'mDNS: 300 invented peers/s',
    isLocal: false,
    argv: ({ mdnsPort }) => {
      return [path.join(rig, 'mdns-poison.js'), '36000', '300', '/ip4/10.99.0.2/tcp/9', mdnsPort];
    },
  },
  silence: { what: '900 silent connections, +100/s', ...byProgram('silence') },
  halves: { what: '900 halves of requests, +100/s', ...byProgram('halves') },
};

/** What a turn took, and the victim meanwhile. */
interface Turn extends Honest {
  /** Of a core. */
  readonly cpuPercent: number;
  /** By how much its daemon grew since before the attack, at most. */
  readonly grownMb: number;
  /** What it took until the attack had begun: what sustained rates have behind them. */
  readonly beginningMs: number;
  readonly tally: Tally | undefined;
}

/** How often an attacker did what. */
interface Tally {
  readonly forS: number;
  readonly done: Readonly<Record<string, number>>;
}

interface Pair {
  readonly with_: Turn;
  readonly without: Turn;
}

export async function attackCosts(): Promise<Row[]> {
  if (availableParallelism() < 2) throw new Error('attacks are measured with two cores or more');
  const asked = process.env['BUILDSWARM_BENCH_ATTACKS']?.split(/[ ,]+/) ?? Object.keys(attacks);
  const unknown = asked.find((name) => attacks[name] === undefined);
  if (unknown !== undefined)
    throw new Error(`no attack '${unknown}'; there are: ${Object.keys(attacks).join(' ')}`);
  const names = [...new Set([control, ...asked])];
  const before = affinity();
  pin(String(honestCore));
  try {
    const measuring = await Measuring.start();
    await using _swarm = measuring.swarm;
    const all = new Map<string, Pair[]>(names.map((name) => [name, []]));
    for (let round = 0; round < pairs; round += 1) {
      for (const name of names) {
        const pair = await measuring.pair(name, round % 2 === 0);
        all.get(name)?.push(pair);
        console.error(`pair ${round + 1} of ${pairs}, ${name}: ${inShort(pair)}`);
      }
    }
    return names.flatMap((name) => told(name, all.get(name) ?? [], all.get(control) ?? []));
  } finally {
    pin(before);
  }
}

function affinity(): string {
  return execFileSync('taskset', ['-cp', String(process.pid)], { encoding: 'latin1' })
    .replace(/^.*: /s, '')
    .trim();
}

/** Whatever this process starts from now on runs there too. */
function pin(cores: string): void {
  execFileSync('taskset', ['-acp', cores, String(process.pid)]);
}

class Measuring {
  readonly swarm: SwarmRig;
  readonly #victim: Target;
  readonly #decoy: Target;
  /** What the kernel says of the victim's daemon. */
  readonly #proc: string;
  /** The next address of a stranger. */
  #stranger = 20;

  private constructor(swarm: SwarmRig, victim: Target, decoy: Target, proc: string) {
    this.swarm = swarm;
    this.#victim = victim;
    this.#decoy = decoy;
    this.#proc = proc;
  }

  static async start(): Promise<Measuring> {
    const swarm = await SwarmRig.start(undefined, { machines: 4, slots: 4, peers: ['m1', 'm2'] });
    try {
      const alone = [buildswarm, 'start', '--slots', '0', '--no-mdns'];
      await swarm.check('m4', ['taskset', '-c', String(attackersCore), ...alone]);
      const inShell = async (host: Host, line: string) => {
        return (await swarm.check(host, ['sh', '-c', line])).trim();
      };
      const target = async (host: Host, mdnsPort: string): Promise<Target> => {
        const { addresses } = (await swarm.status(host)).self;
        const socket = await inShell(host, 'echo "$XDG_RUNTIME_DIR"/buildswarm/peer.sock');
        return { host, address: addresses.find((one) => one.includes('/10.')) ?? '', socket, mdnsPort };
      };
      const pid = await inShell('m1', "ps -e -o pid=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}'");
      const proc = await swarm.lan.pathOutside('m1', `/proc/${pid}`);
      // Code is compiled, and the heap finds its size.
      for (let warm = 0; warm < 10; warm += 1) await measured<Honest>(swarm, 'm1', 'honest');
      return new Measuring(swarm, await target('m1', '5353'), await target('m4', '5354'), proc);
    } catch (error) {
      await swarm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What comes first may find what the other left: it is not always the same one. */
  async pair(name: string, isAttackFirst: boolean): Promise<Pair> {
    if (isAttackFirst) {
      const with_ = await this.#turn(name, this.#victim);
      return { with_, without: await this.#turn(name, this.#decoy) };
    }
    const without = await this.#turn(name, this.#decoy);
    return { with_: await this.#turn(name, this.#victim), without };
  }

  async #turn(name: string, target: Target): Promise<Turn> {
    await this.#settled();
    const beforeMb = this.#residentMb();
    let mostMb = beforeMb;
    const look = setInterval(() => {
      mostMb = Math.max(mostMb, this.#residentMb());
    }, 50);
    const beganMs = this.#cpuMs();
    const running = name === control ? undefined : await this.#begin(name, target);
    // What is local has 900 connections by then: the goal is meant for what comes after.
    if (attacks[name]?.isLocal === true) await this.#settled();
    const [cpuMs, startedMs] = [this.#cpuMs(), performance.now()];
    const took = await measured<Honest>(this.swarm, 'm1', 'honest');
    const cpuPercent = (100 * (this.#cpuMs() - cpuMs)) / (performance.now() - startedMs);
    clearInterval(look);
    const turn = { ...took, cpuPercent, grownMb: mostMb - beforeMb, beginningMs: cpuMs - beganMs };
    return { ...turn, tally: running === undefined ? undefined : await ended(name, running) };
  }

  async #begin(name: string, target: Target): Promise<Running | undefined> {
    const one = attacks[name];
    if (one === undefined) return undefined;
    const [program = '', ...args] = one.argv(target);
    const command = ['taskset', '-c', String(attackersCore), process.execPath, program, ...args];
    this.#stranger = 20 + ((this.#stranger - 19) % 230);
    const move =
      'ip -4 addr flush dev eth0 && ip addr add "$0/24" dev eth0 && ip route add 224.0.0.0/4 dev eth0 && exec "$@"';
    const asNewHost = ['sh', '-c', move, `10.99.0.${this.#stranger}`, ...command];
    const [host, argv] = one.isLocal ? [target.host, command] : (['m3', asNewHost] as const);
    const running = this.swarm.start(host, argv, { timeoutMs: 200_000 });
    await new Promise<void>((resolve, reject) => {
      running.child.stdout?.once('data', () => resolve());
      running.child.once('close', () => reject(new Error(`${name} ended before it began`)));
    });
    return running;
  }

  /** Nothing that was begun before keeps the victim busy. */
  async #settled(): Promise<void> {
    for (let waited = 0; waited < 20; waited += 1) {
      const beforeMs = this.#cpuMs();
      await sleep(150);
      if (this.#cpuMs() - beforeMs <= 20) return;
    }
  }

  #residentMb(): number {
    const status = readFileSync(`${this.#proc}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  }

  #cpuMs(): number {
    const stat = readFileSync(`${this.#proc}/stat`, 'latin1');
    const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number);
    return (user + system) * 10;
  }
}

async function ended(name: string, running: Running): Promise<Tally | undefined> {
  if (running.child.exitCode !== null) throw new Error(`${name} ended before its turn did`);
  running.signalGroup('SIGTERM');
  const { stdout } = await running.ended;
  const last = stdout.toString().trim().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? (JSON.parse(last) as Tally) : undefined;
}

function told(name: string, all: readonly Pair[], none: readonly Pair[]): Row[] {
  const what = attacks[name]?.what ?? name;
  const throughput = (of: (honest: Honest) => number, label: string): Row => {
    const ratios = (of_: readonly Pair[]) => of_.map(({ with_, without }) => of(without) / of(with_));
    const row = { what: `${what}: ${label}, with / without`, figure: median(ratios(all)), unit: '' };
    return {
      ...row,
      least: 0.9,
      note: `${spread(ratios(all))}; none ${median(ratios(none)).toFixed(2)} ${spread(ratios(none))}`,
    };
  };
  const grown = (of_: readonly Pair[]) => of_.map(({ with_ }) => with_.grownMb);
  const cpu = all.map(({ with_, without }) => with_.cpuPercent - without.cpuPercent);
  const rows: Row[] = [
    throughput((one) => one.sleepsMs, 'sleeping jobs a second'),
    throughput((one) => one.compilesMs, 'compiles a second'),
    {
      what: `${what}: CPU of the victim, more than without`,
      figure: median(cpu),
      unit: '%',
      note: spread(cpu),
    },
    {
      what: `${what}: growth of the victim, at most`,
      figure: Math.max(...grown(all)),
      unit: 'MB',
      goal: 20,
      note: `median ${median(grown(all)).toFixed(1)}; none ${Math.max(...grown(none)).toFixed(1)}, median ${median(grown(none)).toFixed(1)}`,
    },
  ];
  if (name === control) return rows;
  const beginning = median(all.map(({ with_ }) => with_.beginningMs));
  return [
    ...rows,
    { what: `${what}: CPU until it has begun`, figure: beginning, unit: 'ms', note: rates(all) },
  ];
}

/** So that what was measured is not lost with a bench that is ended. */
function inShort({ with_, without }: Pair): string {
  const sleeps = without.sleepsMs / with_.sleepsMs;
  const compiles = without.compilesMs / with_.compilesMs;
  return `${sleeps.toFixed(2)} ${compiles.toFixed(2)}, ${with_.grownMb.toFixed(1)} MB`;
}

/** The quartiles. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2);
  return `(${at(0.25)} to ${at(0.75)})`;
}

/** What the attackers did a second. */
function rates(all: readonly Pair[]): string {
  const tallies = all.map(({ with_ }) => with_.tally).filter((tally) => tally !== undefined);
  const forS = tallies.reduce((sum, tally) => sum + tally.forS, 0);
  const names = new Set(tallies.flatMap(({ done }) => Object.keys(done)));
  const rate = (name: string): string =>
    (tallies.reduce((sum, { done }) => sum + (done[name] ?? 0), 0) / forS).toFixed(0);
  return [...names].map((name) => `${rate(name)} ${name}/s`).join(', ');
}
