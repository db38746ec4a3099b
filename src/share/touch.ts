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

/**
 * Touches directories some time after something was changed in them, many changes together; for shares on NFSv3.
 * A worker that looked too early sees the change at its next look; nobody has to wait for it.
 */
export class LateTouch {
  readonly #disk: Disk;
  readonly #onFailure: (error: unknown) => void;
  #directories = new Set<string>();
  #running: Promise<void> | undefined;

  /** @param onFailure - is told when a file system refuses or hangs; the next change tries again. */
  constructor(disk: Disk, onFailure: (error: unknown) => void) {
    this.#disk = disk;
    this.#onFailure = onFailure;
  }

  /** Something was changed in these directories just now. */
  changed(directories: Iterable<string>): void {
    for (const directory of directories) this.#directories.add(directory);
    this.#running ??= this.#work();
  }

  /** Done when everything that was announced so far is touched. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #work(): Promise<void> {
    try {
      while (this.#directories.size > 0) {
        const directories = [...this.#directories];
        this.#directories = new Set();
        await touchDirectories(this.#disk, directories);
      }
    } catch (error) {
      this.#onFailure(error);
    } finally {
      this.#running = undefined;
    }
  }
}
