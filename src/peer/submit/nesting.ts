/** Whether a process was started, directly or not, by a job that holds a slot on this machine. */
import { readFileSync } from 'node:fs';

const maxDepth = 64;

/** @param holders - process ids of commands that hold slots here; both as this process numbers them. */
export function isBelow(pid: number, holders: ReadonlySet<number>): boolean {
  if (holders.size === 0) return false;
  for (let depth = 0, at = pid; depth < maxDepth && at > 1; depth += 1) {
    if (holders.has(at)) return true;
    at = parentOf(at);
  }
  return false;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything: the fields begin after the last bracket.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0; // it has ended meanwhile, or is of another pid namespace
  }
}
