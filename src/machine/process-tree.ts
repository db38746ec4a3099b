/** The processes of this machine, as `/proc` shows them: in a container or a namespace, those in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { isNoAnswer } from '../core/no-answer.ts';

/** USER_HZ is 100 on every Linux that node runs on. */
const tickMs = 10;
/** How far up the parents of a process are followed. */
const maxDepth = 64;

export interface ProcessStat {
  readonly parent: number;
  /** User and system time, its own only. */
  readonly cpuMs: number;
  /** Ticks since boot at its start: with its id they name one process for good. */
  readonly startTicks: number;
  readonly hasEnded: boolean;
}

/** The text of `/proc/PID/stat`; undefined if it is not of that shape. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  // The name in brackets may hold anything: the fields begin after the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parent, user, system, startTicks] = [fields[1], fields[11], fields[12], fields[19]].map(Number);
  if (parent === undefined || user === undefined || system === undefined || startTicks === undefined)
    return undefined;
  if (![parent, user, system, startTicks].every(Number.isInteger)) return undefined;
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X';
  return { parent, cpuMs: (user + system) * tickMs, startTicks, hasEnded };
}

/**
 * What there is to know of a process; undefined if there is none, or it cannot be seen from here.
 *
 * @throws errors for want of something, such as descriptors: they do not tell that it has ended.
 */
export function readProcess(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (isNoAnswer(error)) throw error;
    return undefined; // it has ended, or is of another pid namespace
  }
}

/** All processes, by their ids. @throws as {@link readProcess} */
export function readProcesses(): Map<number, ProcessStat> {
  const found = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readProcess(pid) : undefined;
    if (stat !== undefined) found.set(pid, stat);
  }
  return found;
}

/**
 * Tells whether a process is one of `ancestors` or was started, directly or not, by one.
 *
 * @param look - finds a process by its id; by default in `/proc`, one at a time.
 * @throws what `look` throws
 */
export function isInTree(
  pid: number,
  ancestors: ReadonlySet<number>,
  look: (pid: number) => ProcessStat | undefined = readProcess,
): boolean {
  if (ancestors.size === 0) return false;
  for (let at = pid, depth = 0; at > 0 && depth < maxDepth; depth += 1) {
    if (ancestors.has(at)) return true;
    at = look(at)?.parent ?? 0;
  }
  return false;
}
