/**
 * What the jobs of this peer have written on one share, for opaque commands, which may look anywhere: the
 * directories that changed, and the files that were written in place. Of those a client that has looked at them believes
 * for up to a minute that size, times and mode are what they were, whatever their directory says; so each worker is told once
 * to open them anew. Where it is not known what was written, or more was than is remembered, it is told to open anew all
 * that lies there. Pure.
 */
import { parentOf } from '../../core/paths.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { ByteString } from '../../wire/bytes.ts';
import { maxReopened, maxReopenedBelow } from '../../wire/limits.ts';
import type { Seen } from '../../wire/values.ts';

/** All are looked at for each opaque command. A build of LLVM writes to 1,500. */
const maxDirectories = 16_384;

/** What one worker has not been told of. */
export interface NewlyWritten {
  readonly files: ByteString[];
  /** All that lies below these directories. */
  readonly below: ByteString[];
  /** When the worker has taken a job with them, say so: {@link WrittenPaths.told}. */
  readonly upTo: number;
}

export class WrittenPaths {
  readonly #root: ByteString;
  /** Numbered in the order in which they were written, which is that of the maps. */
  readonly #directories = new Map<ByteString, number>();
  readonly #files = new Map<ByteString, number>();
  /** Numbered as the newest of what was written there. */
  readonly #below = new Map<ByteString, number>();
  readonly #told = new Map<PeerName, number>();
  #next = 1;

  /** @param root - of the share. */
  constructor(root: ByteString) {
    this.#root = root;
  }

  /** Those written to last come last. */
  get directories(): ByteString[] {
    return [...this.#directories.keys()];
  }

  /** @param inPlace - files have their real names already. @returns directories that were not written to before. */
  note(outputs: readonly Seen[], inPlace: boolean): ByteString[] {
    const begun: ByteString[] = [];
    for (const { path, fact } of outputs) {
      if (fact.kind === 'absent') continue;
      const directory = fact.kind === 'directory' ? path : parentOf(path);
      if (!this.#directories.has(directory)) begun.push(directory);
      this.#number(this.#directories, directory);
      if (inPlace && fact.kind !== 'directory') this.#number(this.#files, path);
    }
    this.#bound();
    return begun;
  }

  /** Nobody knows what was written below these directories. */
  noteBelow(directories: readonly ByteString[]): void {
    for (const directory of directories) this.#number(this.#below, directory);
    this.#bound();
  }

  newFor(worker: PeerName): NewlyWritten {
    const told = this.#told.get(worker) ?? 0;
    const since = (map: ReadonlyMap<ByteString, number>): ByteString[] =>
      told === this.#next - 1 ? [] : [...map].flatMap(([path, number]) => (number > told ? path : []));
    return { files: since(this.#files), below: since(this.#below), upTo: this.#next - 1 };
  }

  told(worker: PeerName, upTo: number): void {
    this.#told.set(worker, Math.max(upTo, this.#told.get(worker) ?? 0));
  }

  forget(worker: PeerName): void {
    this.#told.delete(worker);
  }

  #number(map: Map<ByteString, number>, path: ByteString): void {
    map.delete(path);
    map.set(path, this.#next);
    this.#next += 1;
  }

  /** What is forgotten counts as not known, for workers that were not told of it. */
  #bound(): void {
    for (const [path, number] of oldestBeyond(maxReopened, this.#files)) {
      this.#files.delete(path);
      this.#forget(parentOf(path), number);
    }
    for (const [directory, number] of oldestBeyond(maxDirectories, this.#directories)) {
      this.#directories.delete(directory);
      this.#forget(directory, number);
    }
    if (this.#below.size <= maxReopenedBelow) return;
    const newest = Math.max(...this.#below.values());
    this.#below.clear();
    this.#below.set(this.#root, newest);
  }

  #forget(directory: ByteString, number: number): void {
    this.#below.set(directory, Math.max(number, this.#below.get(directory) ?? 0));
  }
}

function oldestBeyond(most: number, map: ReadonlyMap<ByteString, number>): [ByteString, number][] {
  const excess = map.size - most;
  const oldest: [ByteString, number][] = [];
  if (excess <= 0) return oldest;
  for (const entry of map) {
    if (oldest.length === excess) break;
    oldest.push(entry);
  }
  return oldest;
}
