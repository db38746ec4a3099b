/**
 * What the jobs of this peer have written on one share, for opaque commands, which may look anywhere: the
 * directories that changed, and the files that were written in place. Of those a client that has looked at them believes
 * for up to a minute that size, times and mode are what they were, whatever their directory says; so each worker is told once
 * to open them anew. Pure.
 */
import { BoundedMap } from '../../core/bounded-map.ts';
import { parentOf } from '../../core/paths.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { Seen } from '../../wire/values.ts';

const maxDirectories = 1_024;
/** Files that are remembered, and told of with one job: the newest. */
const maxFiles = 256;

export class WrittenPaths {
  readonly #directories = new BoundedMap<ByteString, true>(maxDirectories);
  /** Numbered in the order in which they were written. */
  readonly #files = new BoundedMap<ByteString, number>(maxFiles);
  readonly #told = new Map<PeerName, number>();
  #next = 1;

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
      this.#directories.set(directory, true);
      if (inPlace && fact.kind !== 'directory') this.#rewritten(path);
    }
    return begun;
  }

  /** Files that a worker has not been told of; when it has taken a job with them, say so: {@link told}. */
  newFor(worker: PeerName): { readonly files: ByteString[]; readonly upTo: number } {
    const told = this.#told.get(worker) ?? 0;
    const files = [...this.#files].flatMap(([path, number]) => (number > told ? path : []));
    return { files, upTo: this.#next - 1 };
  }

  told(worker: PeerName, upTo: number): void {
    this.#told.set(worker, Math.max(upTo, this.#told.get(worker) ?? 0));
  }

  forget(worker: PeerName): void {
    this.#told.delete(worker);
  }

  #rewritten(path: ByteString): void {
    this.#files.set(path, this.#next);
    this.#next += 1;
  }
}
