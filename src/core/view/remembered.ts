/** What earlier runs of a job searched and read, so that the next view of it is complete. */
import type { PathEntry } from './path-table.ts';

/** What a run searched and read. */
export interface Searched {
  readonly includeDirs: readonly string[];
  /** Directories outside the share from which it read. */
  readonly outsideDirs: readonly string[];
  readonly watched: readonly PathEntry[];
  readonly files: readonly PathEntry[];
}

/** The least recently used of these are forgotten. */
export class Remembered {
  readonly #max: number;
  #byKey = new Map<string, Searched>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Searched | undefined {
    const searched = this.#byKey.get(key);
    if (searched !== undefined) this.set(key, searched);
    return searched;
  }

  set(key: string, searched: Searched): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, searched);
    if (this.#byKey.size <= this.#max) return;
    const oldest = this.#byKey.keys().next();
    if (oldest.done !== true) this.#byKey.delete(oldest.value);
  }

  clear(): void {
    this.#byKey = new Map();
  }
}
