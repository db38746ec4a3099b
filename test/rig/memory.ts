/** The memory of a peer under attack. */
import type { Daemon } from './daemon.ts';

/** By how much the memory of a peer grows at most while `attack` runs, MiB. */
export async function grownMiB(daemon: Daemon, attack: () => Promise<void>): Promise<number> {
  const beforeBytes = daemon.residentBytes;
  let mostBytes = beforeBytes;
  const look = setInterval(() => {
    mostBytes = Math.max(mostBytes, daemon.residentBytes);
  }, 20);
  try {
    await attack();
  } finally {
    clearInterval(look);
  }
  return (Math.max(mostBytes, daemon.residentBytes) - beforeBytes) / 2 ** 20;
}
