/**
 * How many cores other people's processes use on this machine: neither the swarm's jobs nor this peer. Only what
 * /proc shows counts, so in a container or a namespace the machine is what that shows.
 */
import { isInTree, readProcesses } from './process-tree.ts';

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
      if (before === undefined || cpuMs <= before) continue;
      if (!isInTree(pid, ours, (at) => processes.get(at))) foreignMs += cpuMs - before;
    }
    const elapsedMs = this.#atMs === undefined ? 0 : nowMs - this.#atMs;
    this.#before = now;
    this.#atMs = nowMs;
    return elapsedMs <= 0 ? 0 : Math.round((foreignMs / elapsedMs) * 10) / 10;
  }
}
