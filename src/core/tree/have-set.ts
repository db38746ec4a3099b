/** The files whose content a worker was given: what it may have read. */
import { isSystemPath, parentOf } from '../paths.ts';
import type { TreePath } from './contract.ts';

export class HaveSet {
  readonly #most: number;
  readonly #files = new Set<TreePath>();
  /** The directories on the way to them. */
  readonly #above = new Set<TreePath>();

  /** @param most - paths; a worker that was given more is taken to have all. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#files.size;
  }

  get isFull(): boolean {
    return this.#files.size >= this.#most;
  }

  add(path: TreePath): void {
    if (this.isFull || this.#files.has(path)) return;
    this.#files.add(path);
    for (let at = parentOf(path); at !== '/' && !this.#above.has(at); at = parentOf(at)) this.#above.add(at);
  }

  /**
   * Files of the system may be known to a worker without having been asked for: it is told their hashes, and has the same
   * ones. Nobody but an upgrade changes them.
   */
  hasFile(path: TreePath): boolean {
    return this.isFull || this.#files.has(path) || isSystemPath(path);
  }

  /** Whether something below that path was given. */
  hasBelow(path: TreePath): boolean {
    return this.#above.has(path);
  }
}
