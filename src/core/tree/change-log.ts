/** Which paths have changed, and when last: by generation. Bounded; what had to be forgotten counts as changed. */
import { isBelow } from '../paths.ts';
import type { ChangesPart, TreeChange, TreePath } from './contract.ts';

interface LastChange {
  /** When the name, or what it leads to, last changed. */
  readonly any: number;
  /** When the name last came to lead to something else, with all below; 0: never. */
  readonly name: number;
}

export function pathOf({ directory, name }: TreeChange): TreePath {
  return name === '' ? directory : `${directory}/${name}`;
}

export class ChangeLog {
  readonly #most: number;
  /** In the order of their last change. */
  readonly #changed = new Map<TreePath, LastChange>();
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
      const asName = kind === 'node' ? (before?.name ?? 0) : generation;
      this.#changed.delete(path);
      this.#changed.set(path, { any: generation, name: asName });
      if (this.#changed.size > this.#most) this.#forgetOldest();
    }
  }

  /** What changed after a generation. */
  *since(generation: number): Generator<readonly [TreePath, LastChange]> {
    for (const entry of this.#changed) if (entry[1].any > generation) yield entry;
  }

  /** When that path last changed; 0: not known to. */
  lastOf(path: TreePath): number {
    return this.#changed.get(path)?.any ?? 0;
  }

  /** When that name last came to lead to something else; 0: not known to. */
  namedLast(path: TreePath): number {
    return this.#changed.get(path)?.name ?? 0;
  }

  /** When something below that directory last changed; 0: not known to. */
  lastBelow(directory: TreePath): number {
    let last = 0;
    for (const [path, { any }] of this.#changed)
      if (any > last && path !== directory && isBelow(directory, path)) last = any;
    return last;
  }

  #forgetOldest(): void {
    const [oldest] = this.#changed;
    if (oldest === undefined) return;
    this.#changed.delete(oldest[0]);
    // What was at that generation may be forgotten in part.
    this.#knownSince = Math.max(this.#knownSince, oldest[1].any);
  }
}
