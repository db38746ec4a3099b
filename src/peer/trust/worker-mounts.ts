/** Keeps how each worker mounts each share, as it says itself: for how long its kernel may believe what has changed. */
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { WorkerMount } from '../../core/view/contract.ts';

/** Longest wait: a peer says how it mounts a share right after it has become a member. */
const waitMs = 1_500;

export class WorkerMounts {
  readonly #now: () => number;
  readonly #known = new Map<string, WorkerMount>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  set(peer: PeerName, root: string, mount: WorkerMount): void {
    const key = `${peer} ${root}`;
    this.#known.set(key, mount);
    for (const wake of this.#waiting.get(key) ?? []) wake();
    this.#waiting.delete(key);
  }

  forget(peer: PeerName): void {
    for (const key of this.#known.keys()) if (key.startsWith(`${peer} `)) this.#known.delete(key);
  }

  /** Waits a moment where it has not been said yet; undefined if it still is not. */
  async of(peer: PeerName, root: string): Promise<WorkerMount | undefined> {
    const key = `${peer} ${root}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const deadlineMs = this.#now() + waitMs;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs - this.#now());
      getOrMake(this.#waiting, key, () => new Set()).add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#known.get(key);
  }
}
