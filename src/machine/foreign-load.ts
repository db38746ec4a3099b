/**
 * How many cores other people's processes use on this machine: neither the swarm's jobs nor this peer. Only what
 * /proc shows counts, so in a container or a namespace the machine is what that shows.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ is 100 on every Linux that node runs on. */
const tickMs = 10;

export interface ProcessTimes {
  readonly parent: number;
  /** User and system time, its own only. */
  readonly cpuMs: number;
}

/** The fields of /proc/PID/stat that count here; undefined if it is not of that shape. */
export function parseProcessStat(stat: string): ProcessTimes | undefined {
  // The name in brackets may hold anything: the fields begin after the last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const parent = Number(fields[1]);
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isInteger(parent) && Number.isFinite(ticks) ? { parent, cpuMs: ticks * tickMs } : undefined;
}

/** Samples, each against the one before; no timers. */
export class ForeignLoad {
  #before = new Map<number, number>();
  #atMs: number | undefined;

  /**
   * @param ours - process ids; they and all below them are the swarm's.
   * @param nowMs - monotonic.
   * @returns cores used by all others since the sample before, rounded to tenths; 0 at the first.
   */
  sample(ours: ReadonlySet<number>, nowMs: number): number {
    const processes = readProcesses();
    const now = new Map<number, number>();
    let foreignMs = 0;
    for (const [pid, { cpuMs }] of processes) {
      now.set(pid, cpuMs);
      const before = this.#before.get(pid);
      if (before !== undefined && cpuMs > before && !isBelowAny(pid, ours, processes))
        foreignMs += cpuMs - before;
    }
    const elapsedMs = this.#atMs === undefined ? 0 : nowMs - this.#atMs;
    this.#before = now;
    this.#atMs = nowMs;
    return elapsedMs <= 0 ? 0 : Math.round((foreignMs / elapsedMs) * 10) / 10;
  }
}

function isBelowAny(
  pid: number,
  ours: ReadonlySet<number>,
  processes: ReadonlyMap<number, ProcessTimes>,
): boolean {
  for (let at = pid, depth = 0; at > 0 && depth < 64; depth += 1) {
    if (ours.has(at)) return true;
    at = processes.get(at)?.parent ?? 0;
  }
  return false;
}

function readProcesses(): Map<number, ProcessTimes> {
  const found = new Map<number, ProcessTimes>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const times = parseProcessStat(readFileSync(`/proc/${name}/stat`, 'latin1'));
      if (times !== undefined) found.set(pid, times);
    } catch {
      // It ended between the listing and the look.
    }
  }
  return found;
}
