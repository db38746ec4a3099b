/** The part of the bench that runs on a machine of the LAN, as its users' programs do: prints one JSON object. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import type { SwarmRig } from '../test/rig/swarm-rig.ts';

export interface Row {
  readonly what: string;
  readonly figure: number;
  readonly unit: string;
  /** At most so much. */
  readonly goal?: number;
  /** At least so much. */
  readonly least?: number;
  /** The least and the greatest of which the figure is the median. */
  readonly spread?: readonly [number, number];
  /** What else is to be known of it. */
  readonly note?: string;
}

const measure = path.join(checkout, 'dist/scripts/bench-measure.js');

/** Runs one of the measures of this file on a machine of the LAN. */
export async function measured<T>(swarm: SwarmRig, host: Host, what: string): Promise<T> {
  const told = await swarm.check(host, ['node', measure, what], { timeoutMs: 240_000 });
  return JSON.parse(told) as T;
}

/** Medians of a command's wall time. */
export interface Latencies {
  readonly plainMs: number;
  readonly remoteMs: number;
  readonly inlineMs: number;
  readonly forcedMs: number;
}

/** CPU time per job. */
export interface CpuMs {
  /** Of `true` itself, the fork included. */
  readonly plainMs: number;
  readonly wrapperMs: number;
  /** Of this machine's peer and runner. */
  readonly peerMs: number;
}

/** Linux counts CPU in hundredths of a second for every program that asks. */
const tickMs = 10;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Times `true` in four ways, in turns, so that a busy moment of the machine hits all alike. */
function latency(rounds = 150, cwd = '.'): Latencies {
  const ways = {
    plainMs: { argv: ['true'] },
    remoteMs: { argv: ['swarmrun', 'true'], cwd },
    // The root folder is in no share.
    inlineMs: { argv: ['swarmrun', 'true'], cwd: '/' },
    forcedMs: { argv: ['swarmrun', 'true'], env: { ...process.env, FORCE_INLINE: '1' } },
  };
  const took: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, { argv, ...options }] of Object.entries(ways)) {
      const startedMs = performance.now();
      const ended = spawnSync(argv[0] ?? '', argv.slice(1), { ...options, stdio: 'ignore' });
      (took[name] ??= []).push(performance.now() - startedMs);
      if (ended.status !== 0)
        throw new Error(`${argv.join(' ')} failed: ${String(ended.error ?? ended.status)}`);
    }
  }
  const of = (name: string): number => median(took[name] ?? []);
  return {
    plainMs: of('plainMs'),
    remoteMs: of('remoteMs'),
    inlineMs: of('inlineMs'),
    forcedMs: of('forcedMs'),
  };
}

/** What the kernel says of a process from its state on. */
function statOf(pid: string): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
}

/** CPU time of processes, their ended children included, by a pattern of their command lines and what else tells them. */
export function cpuMs(pattern: RegExp, isMeant: (pid: string) => boolean = () => true): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!pattern.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '))) continue;
      if (!isMeant(pid)) continue;
      // utime, stime, cutime, cstime.
      for (const field of statOf(pid).slice(11, 15)) ticks += Number(field);
    } catch {
      // It ended while we looked.
    }
  }
  return ticks * tickMs;
}

export const peer = /\/(buildswarm|swarmexec|swarmlook|swarmtree|swarmfs)( |$)|dist\/src\//;

/** CPU of commands that a shell begins one after the other, $n counting them, ms each: its forks are cheap. */
function shellMs(command: string, from: number, count: number, directory = '.'): number {
  const script = `cd ${directory}; n=${from}; while [ $n -lt ${from + count} ]; do ${command} || exit 1; n=$((n + 1)); done; cat /proc/$$/stat`;
  const { stdout, stderr, status } = spawnSync('sh', ['-c', script], { encoding: 'latin1' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  const fields = stdout.replace(/^.*\) /s, '').split(' ');
  return ((Number(fields[13]) + Number(fields[14])) * tickMs) / count;
}

function cpu(jobs = 300): CpuMs {
  const plainMs = shellMs('/bin/true', 0, jobs);
  const before = cpuMs(peer);
  const wrapperMs = shellMs('swarmrun /bin/true', 0, jobs);
  return { plainMs, wrapperMs, peerMs: (cpuMs(peer) - before) / jobs };
}

/** Where the compiles of {@link views} are. */
const viewPlaces = { direct: '.', served: '/srv' } as const;
type ViewWay = keyof typeof viewPlaces;
const otherFiles = 50_000;
const filesADirectory = 500;

/** A file that reads 400 headers of 40 directories, and, if asked for, so many other files that nothing reads. */
function viewTree(directory: string, others: number): void {
  let source = '';
  for (let d = 0; d < 40; d++) {
    mkdirSync(`${directory}/d${d}`, { recursive: true });
    for (let h = 0; h < 10; h++) {
      writeFileSync(`${directory}/d${d}/h${h}.h`, `static const int v${d}_${h} = ${h};\n`);
      source += `#include "d${d}/h${h}.h"\n`;
    }
  }
  writeFileSync(`${directory}/main.c`, `${source}int main(void) { return 0; }\n`);
  for (let n = 0; n < others; n++) {
    const other = `${directory}/others/${Math.floor(n / filesADirectory)}`;
    if (n % filesADirectory === 0) mkdirSync(other, { recursive: true });
    writeFileSync(`${other}/f${n}.h`, '');
  }
}

/** Compiles it so often. */
function compileViews(directory: string, jobs: number): void {
  const argv = ['gcc', '-Ibench-views', '-c', 'bench-views/main.c', '-o', 'bench-views/main.o'];
  const env = { ...process.env, PWD: directory };
  for (let n = 0; n < jobs; n++) {
    const ended = spawnSync('swarmrun', argv, { cwd: directory, env, encoding: 'latin1' });
    if (ended.status !== 0) throw new Error(`gcc failed: ${ended.stderr}`);
  }
}

/** What is searched is learnt from the first ones, and V8 compiles what runs often: the first hundreds take a third more. */
const viewWarmUp = 600;

/** @returns how many compiles it took. */
function warmViews(way: ViewWay, others = 0): number {
  const directory = path.resolve(viewPlaces[way]);
  viewTree(path.join(directory, 'bench-views'), others);
  compileViews(directory, viewWarmUp);
  return viewWarmUp;
}

/** @returns CPU of this machine's peer for a compile. */
function views(way: ViewWay, jobs = viewJobs): number {
  const before = cpuMs(peer);
  compileViews(path.resolve(viewPlaces[way]), jobs);
  return (cpuMs(peer) - before) / jobs;
}

export const viewJobs = 150;

/** Medians of the time that a compile takes which ends with an error, and of its ratio to the same one without the swarm. */
export interface ErrorCost {
  readonly plainMs: number;
  readonly ratio: number;
}

/** What a developer's mistakes are, each behind headers that take their time. */
const mistakes: readonly (readonly [text: string, option?: string])[] = [
  ['int broken( { return 0; }\n'],
  ['int wrong = std::string("text");\n'],
  ['#include "no-such-header.h"\n'],
  ['#error not for this machine\n'],
  ['int warned() { int unused; return 0; }\n', '-Werror=unused-variable'],
];

function errors(rounds = 6): ErrorCost {
  const timed = (argv: readonly string[]): number => {
    const startedMs = performance.now();
    const ended = spawnSync(argv[0] ?? '', argv.slice(1), { stdio: 'ignore' });
    if (ended.status !== 1) throw new Error(`${argv.join(' ')}: status ${ended.status}, not 1`);
    return performance.now() - startedMs;
  };
  mkdirSync('bench-errors');
  const plainMs: number[] = [];
  const ratios: number[] = [];
  for (const [number, [text, option]] of mistakes.entries()) {
    const source = `bench-errors/e${number}.cc`;
    writeFileSync(source, `#include <iostream>\n#include <map>\n#include <regex>\n${text}`);
    const argv = [
      'g++',
      ...(option === undefined ? [] : ['-Wall', option]),
      '-c',
      source,
      '-o',
      `${source}.o`,
    ];
    timed(argv);
    timed(['swarmrun', ...argv]);
    for (let round = 0; round < rounds; round++) {
      const tookMs = timed(argv);
      plainMs.push(tookMs);
      ratios.push(timed(['swarmrun', ...argv]) / tookMs);
    }
  }
  return { plainMs: median(plainMs), ratio: median(ratios) };
}

/** What units cost the machine that asks, after the first, each new to the worker. */
export interface ServedUnits {
  /** CPU of the peer, its helpers and the wrapper. */
  readonly submitterMs: number;
  /** The same of a peer that has just started, of which V8 has compiled little. */
  readonly coldMs: number;
  readonly sentKib: number;
}

function sentBytes(): number {
  const line = /^ *eth0: *(.*)$/m.exec(readFileSync('/proc/net/dev', 'latin1'))?.[1] ?? '';
  return Number(line.split(/ +/)[8]);
}

/** Units before those that are counted, as V8 compiles what runs often; a larger project has as many. */
const servedWarmUp = 300;

function served(units = 60): ServedUnits {
  // The shell goes there, and sets $PWD, at which g++ looks too: what is there of the caller's share is not shown.
  const place = '/srv/bench';
  mkdirSync('/srv/bench/include', { recursive: true });
  for (let n = 0; n < 30; n++)
    writeFileSync(`/srv/bench/include/h${n}.h`, `inline int h${n}() { return ${n}; }\n`);
  const headers = Array.from({ length: 30 }, (_, n) => `#include "h${n}.h"\n`).join('');
  const write = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++)
      writeFileSync(
        `/srv/bench/u${n}.cc`,
        `#include <map>\n#include <string>\n${headers}std::map<std::string, int> m${n};\n`,
      );
  };
  const compile = 'swarmrun g++ -Iinclude -c u$n.cc -o u$n.o';
  const submitterMs = (from: number): number => {
    write(from, units);
    const plainMs = shellMs('/bin/true', from, units, place);
    const beforeMs = cpuMs(peer);
    const wrapperMs = shellMs(compile, from, units, place);
    return wrapperMs - plainMs + (cpuMs(peer) - beforeMs) / units;
  };
  write(0, 1);
  shellMs(compile, 0, 1, place);
  const coldMs = submitterMs(1);
  write(1 + units, servedWarmUp);
  shellMs(compile, 1 + units, servedWarmUp, place);
  const before = sentBytes();
  const warmMs = submitterMs(1 + units + servedWarmUp);
  return { submitterMs: warmMs, coldMs, sentKib: (sentBytes() - before) / 1024 / units };
}

/** What jobs took, all together. */
export interface Honest {
  readonly sleepsMs: number;
  readonly compilesMs: number;
}

/** Runs so many jobs, four at a time. @returns ms */
async function inParallel(count: number, argvOf: (job: number) => readonly string[]): Promise<number> {
  const startedMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const argv = argvOf(next++);
      await new Promise<void>((resolve, reject) => {
        const child = spawn('swarmrun', argv, { stdio: 'ignore' });
        child.on('error', reject);
        child.on('exit', (status) =>
          status === 0 ? resolve() : reject(new Error(`${argv.join(' ')}: status ${status}`)),
        );
      });
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return performance.now() - startedMs;
}

/** Jobs that sleep, then small compiles: short, as turns with and without an attack are compared. */
async function honest(): Promise<Honest> {
  mkdirSync('bench-honest', { recursive: true });
  for (let n = 0; n < 12; n++)
    writeFileSync(`bench-honest/f${n}.c`, `#include <stdio.h>\nint f${n}(void) { return puts("${n}"); }\n`);
  const sleepsMs = await inParallel(20, () => ['sleep', '0.1']);
  const compilesMs = await inParallel(12, (n) => {
    const name = `bench-honest/f${n}`;
    return ['gcc', '-O2', '-c', `${name}.c`, '-o', `${name}.o`];
  });
  return { sleepsMs, compilesMs };
}

/** What this machine's peer takes when there is nothing to do. */
export async function idleCpuPercent(): Promise<{ cpuPercent: number; rssMb: number }> {
  const before = cpuMs(peer);
  const startedMs = performance.now();
  await sleep(60_000);
  const cpuPercent = ((cpuMs(peer) - before) / (performance.now() - startedMs)) * 100;
  return { cpuPercent, rssMb: peerRssMb() };
}

/** Resident memory of this machine's peer and its runner. */
function peerRssMb(): number {
  let rssMb = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!peer.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '))) continue;
      const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
      rssMb += Number(kib ?? 0) / 1024;
    } catch {
      // It ended while we looked.
    }
  }
  return rssMb;
}

const measures = {
  latency,
  servedLatency: () => latency(50, '/srv'),
  cpu,
  warmViewsDirect: () => warmViews('direct'),
  warmViewsServed: () => warmViews('served'),
  growViewsDirect: () => warmViews('direct', otherFiles),
  growViewsServed: () => warmViews('served', otherFiles),
  viewsDirect: () => views('direct'),
  viewsServed: () => views('served'),
  // Without the jobs themselves
  workerMs: () => cpuMs(/\/buildswarm daemon|\/(swarmlook|swarmfs)( |$)/),
  served,
  errors,
  honest,
  idle: idleCpuPercent,
};
const name = process.argv[2] ?? '';
if (import.meta.filename === process.argv[1] && Object.hasOwn(measures, name)) {
  console.log(JSON.stringify(await measures[name as keyof typeof measures]()));
}
