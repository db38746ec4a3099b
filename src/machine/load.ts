/** How busy this machine is and what of that is ours, sampled when asked: no timers. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type CgroupFiles, cgroupCpuLimit, cgroupFreeBytes } from './cgroup.ts';
import { HeldFile } from './held-file.ts';

/** CPU times since boot, in ms, of the CPUs that we may run on. */
export interface CpuTimes {
  readonly busyMs: number;
  /** Of all of them together: a second of four CPUs is 4000 ms. */
  readonly totalMs: number;
  readonly cpus: number;
}

/** USER_HZ is 100 on every Linux that node runs on. */
const tickMs = 10;

/** CPUs of a list as in Cpus_allowed_list: `0-3,8`. */
export function parseCpuList(text: string): Set<number> {
  const cpus = new Set<number>();
  for (const part of text.trim().split(',')) {
    const [first, last] = part.split('-').map(Number);
    if (first === undefined || part === '' || !Number.isInteger(first)) continue;
    for (let cpu = first; cpu <= Math.min(last ?? first, first + 4_096); cpu++) cpus.add(cpu);
  }
  return cpus;
}

/** Sums the lines of /proc/stat of the `cpus` given (all if undefined). Waiting for a disk is idle, stolen time is busy. */
export function parseCpuTimes(text: string, cpus?: ReadonlySet<number>): CpuTimes {
  let busyTicks = 0;
  let idleTicks = 0;
  let counted = 0;
  for (const line of text.split('\n')) {
    const match = /^cpu(\d+) (.*)$/.exec(line);
    if (match === null || (cpus !== undefined && !cpus.has(Number(match[1])))) continue;
    // user nice system idle iowait irq softirq steal; guest times are in user and nice already
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
      match[2] ?? ''
    )
      .trim()
      .split(/\s+/)
      .map(Number);
    busyTicks += user + nice + system + irq + softirq + steal;
    idleTicks += idle + iowait;
    counted++;
  }
  return { busyMs: busyTicks * tickMs, totalMs: (busyTicks + idleTicks) * tickMs, cpus: counted };
}

/** MemAvailable of /proc/meminfo, in bytes. */
export function parseMemAvailable(text: string): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? /^MemFree:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

export interface MachineLoad {
  /** CPU use by others than us, in cores, since the sample before; 0 at the first. */
  readonly load: number;
  /** What may be used without swapping or reaching a cgroup's limit. */
  readonly memoryFreeBytes: number;
}

/** Cores that we may use: by affinity and by cgroup quota, at least 1. */
export function usableCores(): number {
  return Math.max(
    1,
    Math.min(availableParallelism(), Math.floor(cgroupCpuLimit() ?? Number.POSITIVE_INFINITY)),
  );
}

/** That a group has no limit is believed for so many samples: limits are set rarely, and what tells them is most that a sample takes. */
const unlimitedSamples = 10;

/** Takes samples of this machine's load, each against the one before. */
export class LoadSampler {
  readonly #stat = new HeldFile('/proc/stat');
  readonly #memory = new HeldFile('/proc/meminfo');
  #before: { readonly times: CpuTimes; readonly ownCpuMs: number } | undefined;
  #cpus: Set<number> | undefined;
  readonly #groups: CgroupFiles | undefined;
  /** Samples until the groups are asked again. */
  #believed = 0;

  /** @param groups - @default this machine's */
  constructor(groups?: CgroupFiles) {
    this.#groups = groups;
  }

  /**
   * @param ownCpuMs - CPU that is known to be ours since any fixed moment: this process and the jobs that it runs,
   *   ended ones too. What cannot be told apart (a job's CPU that is only known at its end) shows as load until then.
   */
  sample(ownCpuMs: number): MachineLoad {
    this.#cpus ??= allowedCpus();
    const times = parseCpuTimes(this.#stat.read(), this.#cpus);
    const load = foreignLoad(this.#before, { times, ownCpuMs });
    this.#before = { times, ownCpuMs };
    const available = parseMemAvailable(this.#memory.read()) ?? 0;
    return { load, memoryFreeBytes: Math.min(available, this.#groupFreeBytes()) };
  }

  #groupFreeBytes(): number {
    if (this.#believed > 0) {
      this.#believed -= 1;
      return Number.POSITIVE_INFINITY;
    }
    const free = cgroupFreeBytes(this.#groups);
    if (free === undefined) this.#believed = unlimitedSamples;
    return free ?? Number.POSITIVE_INFINITY;
  }

  close(): void {
    this.#stat.close();
    this.#memory.close();
  }
}

function allowedCpus(): Set<number> | undefined {
  const status = readFileSync('/proc/self/status', 'latin1');
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  return allowed === undefined ? undefined : parseCpuList(allowed);
}

interface Sample {
  readonly times: CpuTimes;
  readonly ownCpuMs: number;
}

/** Cores that others used between two samples, rounded to hundredths; never negative. */
export function foreignLoad(before: Sample | undefined, now: Sample): number {
  if (before === undefined) return 0;
  const busyMs = now.times.busyMs - before.times.busyMs;
  const elapsedCpuMs = now.times.totalMs - before.times.totalMs;
  if (elapsedCpuMs <= 0) return 0;
  const foreignMs = Math.max(0, busyMs - Math.max(0, now.ownCpuMs - before.ownCpuMs));
  return Math.round((foreignMs / elapsedCpuMs) * now.times.cpus * 100) / 100;
}
