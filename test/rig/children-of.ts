import { readFileSync } from 'node:fs';

/** Processes of a program, without arguments, that this one has started and that have not ended. */
export function childrenOf(program: string): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '' && commandLine(pid) === `${program}\0`)
    .map(Number);
}

function commandLine(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return undefined; // it ended
  }
}
