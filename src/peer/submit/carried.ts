/**
 * What an opaque command left on its worker in places that each machine has for itself: it is brought here, where a run
 * here would have left it. Such a place is empty for a command elsewhere; so what is here already is in the way.
 */
import { lstat } from 'node:fs/promises';
import { ownPlaces } from '../../core/own-places.ts';
import { WrittenFiles, type WrittenFilesInit } from '../../tree/receive-written.ts';
import { toBytes, toText } from '../../wire/bytes.ts';

const modeBits = 0o7777;

export class Carried {
  readonly #written: WrittenFiles;

  constructor(disk: WrittenFilesInit['disk']) {
    this.#written = new WrittenFiles({ disk, areas: ownPlaces, startedAtMs: Date.now() });
  }

  /** Takes a frame with it, see WrittenFiles. */
  get files(): WrittenFiles {
    return this.#written;
  }

  /** @returns why it cannot be brought here. */
  async obstacle(): Promise<string | undefined> {
    if (!this.#written.isWhole) return 'it left files there that did not come';
    const { refusal } = this.#written;
    if (refusal !== undefined) return `it left ${toText(refusal.path)} there, which ${refusal.why}`;
    for (const { path, kind, attributes } of this.#written.records) {
      const here = await lstat(toBytes(path)).catch(() => undefined); // what cannot be seen is told by the commit
      if (here === undefined) continue;
      const isSame = kind === 'directory' && here.isDirectory();
      if (!isSame || (here.mode & modeBits) !== (attributes.mode & modeBits))
        return `it left ${toText(path)} there, and there is another one here`;
    }
    return undefined;
  }

  /** Makes it appear here. @returns why it did not */
  async bring(): Promise<string | undefined> {
    try {
      const result = await this.#written.commit();
      if ('conflict' in result) return `it left ${toText(result.conflict)}, which ${result.why}`;
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  /** Never rejects. */
  async drop(): Promise<void> {
    await this.#written.drop();
  }
}
