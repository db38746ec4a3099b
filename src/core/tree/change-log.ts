/** Which paths have changed, and when last: by generation. Bounded; what had to be forgotten counts as changed. */
import { isBelow } from '../paths.ts';
import type { ChangesPart, TreeChange, TreePath } from './contract.ts';

interface LastChange {
  readonly path: TreePath;
  /** When the name, or what it leads to, last changed. */
  readonly any: number;
  /** When the name last came to lead to something else, with all below; 0: never. */
  readonly name: number;
}

export function pathOf({ directory, name }: TreeChange): TreePath {
  return name === '' ? directory : `${directory}/${name}`;
}

/** Changes that are kept beside those of paths that have not changed since. */
const leastLog = 64;

export class ChangeLog {
  readonly #most: number;
  /** In the order of their last change. */
  readonly #changed = new Map<TreePath, LastChange>();
  /** The same, to be searched by generation; with what has been followed by a later change of its path. */
  #log: LastChange[] = [];
  /** What changed before this generation is not known any more. */
  #knownSince = 0;

  /** @param most - paths that are remembered. */
  constructor(most: number) {
    this.#most = most;
  }

  get knownSince(): number {
    return this.#knownSince;
  }

  get size(): number {
    return this.#changed.size;
  }

  take({ changes, everything }: ChangesPart, generation: number): void {
    if (everything) this.#knownSince = generation;
    for (const change of changes) {
      const { kind } = change;
      const path = pathOf(change);
      const before = this.#changed.get(path);
      const last = { path, any: generation, name: kind === 'node' ? (before?.name ?? 0) : generation };
      this.#changed.delete(path);
      this.#changed.set(path, last);
      this.#log.push(last);
      if (this.#changed.size > this.#most) this.#forgetOldest();
    }
    // So each change is passed over once more at most, on the average.
    if (this.#log.length > 2 * this.#changed.size + leastLog) this.#log = [...this.#changed.values()];
  }

  /** What changed after a generation, in the order of its last change. It takes as long as there is of that, whatever was before. */
  *since(generation: number): Generator<LastChange> {
    for (let at = this.#firstAfter(generation); at < this.#log.length; at += 1) {
      const change = this.#log[at];
      if (change !== undefined && this.#changed.get(change.path) === change) yield change;
    }
  }

  /** When that path last changed; 0: not known to. */
  lastOf(path: TreePath): number {
    return this.#changed.get(path)?.any ?? 0;
  }

  /** When that name last came to lead to something else; 0: not known to. */
  namedLast(path: TreePath): number {
    return this.#changed.get(path)?.name ?? 0;
  }

  /** When something below that directory last changed, of what changed after a generation; 0: not known to. */
  lastBelow(directory: TreePath, generation: number): number {
    let last = 0;
    for (const { path, any } of this.since(generation))
      if (path !== directory && isBelow(directory, path)) last = any;
    return last;
  }

  /** Of the log, whose generations rise. */
  #firstAfter(generation: number): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#log[middle]?.any ?? 0) > generation) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #forgetOldest(): void {
    const [oldest] = this.#changed;
    if (oldest === undefined) return;
    this.#changed.delete(oldest[0]);
    // What was at that generation may be forgotten in part.
    this.#knownSince = Math.max(this.#knownSince, oldest[1].any);
  }
}
