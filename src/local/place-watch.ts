/** Looks now and then whether the files that a peer is reached by are still the ones that it made. */
import { lstat } from 'node:fs/promises';

/** A log-out or a cleaner of /tmp may remove them; what can be reached by nobody must not be offered to anybody. */
const lookMs = 3_000;

export class PlaceWatch {
  readonly #inodes = new Map<string, bigint>();
  readonly #onGone: (path: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  /** @param onGone - called once, with the first that is missing or is another file now. */
  constructor(onGone: (path: string) => void) {
    this.#onGone = onGone;
  }

  /** @throws Error if one of them is not there. */
  async start(paths: readonly string[]): Promise<void> {
    for (const path of paths) this.#inodes.set(path, (await lstat(path, { bigint: true })).ino);
    this.#timer = setInterval(() => void this.#look(), lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    // A look that hangs says nothing.
    if (this.#looking) return;
    this.#looking = true;
    for (const [path, inode] of this.#inodes) {
      if (await isStill(path, inode)) continue;
      this.stop();
      return this.#onGone(path);
    }
    this.#looking = false;
  }
}

/** What cannot be told is taken for being as it was. */
async function isStill(path: string, inode: bigint): Promise<boolean> {
  try {
    return (await lstat(path, { bigint: true })).ino === inode;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}
