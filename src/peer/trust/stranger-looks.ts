/**
 * Bounds what strangers make this machine look at: how often, how many at the same time, and never at a path where the
 * look alone could mount what a stranger offers.
 */
import { type Allowance, Bucket } from '../../core/bucket.ts';
import type { Disk } from '../../share/disk.ts';
import { foreignFault, readMounts } from '../../share/mounts.ts';

/** For one stranger. */
const each: Allowance = { burst: 6, perS: 0.2 };
/** For all strangers together: a look costs about 0.3 ms. A swarm that meets all at once is within the burst. */
const all: Allowance = { burst: 128, perS: 16 };
/** Each further one may start another disk thread. */
const looksAtOnce = 2;
/** With more file system calls that hang, no stranger's paths are looked at. */
const maxHung = 2;

export class StrangerLooks {
  readonly #disk: Disk;
  readonly #now: () => number;
  readonly #all: Bucket;
  #looking = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(disk: Disk, now: () => number) {
    this.#disk = disk;
    this.#now = now;
    this.#all = new Bucket(all, now());
  }

  /** The allowance of one stranger; a look is one. */
  bucket(): Bucket {
    return new Bucket(each, this.#now());
  }

  /** Takes one look from the allowance of all. */
  take(): boolean {
    return this.#disk.hungThreads <= maxHung && this.#all.take(1, this.#now());
  }

  /** Why the path must not be looked at, by the mounts of this moment; or undefined. */
  fault(path: string): string | undefined {
    return foreignFault(readMounts(), path, process.getuid?.() ?? -1);
  }

  /** Waits while too many look. */
  async inTurn<Result>(look: () => Promise<Result>): Promise<Result> {
    if (this.#looking >= looksAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#looking += 1;
    try {
      return await look();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#looking -= 1;
      else next();
    }
  }
}
