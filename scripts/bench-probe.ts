/**
 * Loaded into a daemon beside its program (`node --import`): on SIGUSR2 it writes what the daemon keeps, which only the process
 * itself can tell.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

export interface Kept {
  readonly heapMb: number;
  /** Timers, sockets, pipes and requests that Node's loop waits for. */
  readonly handles: number;
}

export function keptFile(pid: number): string {
  return `/tmp/bench-kept.${pid}`;
}

if (isMainThread)
  process.on('SIGUSR2', () => {
    const kept: Kept = {
      heapMb: process.memoryUsage().heapUsed / 2 ** 20,
      handles: process.getActiveResourcesInfo().length,
    };
    const file = keptFile(process.pid);
    writeFileSync(`${file}.new`, JSON.stringify(kept));
    renameSync(`${file}.new`, file);
  });
