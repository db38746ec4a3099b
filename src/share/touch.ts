/**
 * The writer's side of NFSv3's trap: such a client judges a directory by its times, which move in ticks of the
 * server's clock. What changes in the tick in which it looked, it does not see, for ever, until the directory
 * changes once more. So whoever changed something changes the directory again, a tick later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Disk, defaultDiskTimeoutMs } from './disk.ts';

/** Two ticks of the slowest usual server (100 Hz). */
const tickMs = 20;

/**
 * Changes the ctime of each directory (not its mtime: make and ninja look at that), a tick after now. Directories
 * that are gone are passed over.
 */
export async function touchDirectories(
  disk: Disk,
  directories: readonly string[],
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  await sleep(tickMs);
  await disk.run('touchAll', directories, options.timeoutMs ?? defaultDiskTimeoutMs);
}
