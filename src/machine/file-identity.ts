/**
 * What files are, by content, so that two machines can compare. Kept in memory as long as device, inode, size and times
 * stay the same. For system files: no share.
 */
import { createHash } from 'node:crypto';
import { BoundedMap } from '../core/bounded-map.ts';
import { type AnsweredFile, type AskedFile, type FileIdentity, missingFile } from '../core/file-identity.ts';
import { getOrMake } from '../core/get-or-make.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { toText } from '../wire/bytes.ts';
import { Batch } from './batch.ts';

const maxKept = 50_000;

interface Kept {
  readonly stamp: string;
  readonly file: FileIdentity;
  /** When the last look began. */
  checkedMs: number;
}

export interface FileIdentitiesInit {
  /** Looks at files, wherever it may take long without holding anything up. */
  readonly ask: (files: readonly AskedFile[]) => Promise<readonly AnsweredFile[]>;
  /** How long a file is not looked at again. System files change when packages are installed. @default 5000 */
  readonly believedMs?: number;
}

/** Identities of files, remembered. */
export class FileIdentities {
  readonly #kept = new BoundedMap<string, Kept>(maxKept);
  readonly #asked = new Map<string, Promise<FileIdentity>>();
  readonly #asking: Batch<AskedFile, AnsweredFile>;
  readonly #believedMs: number;
  #doubtedMs = Number.NEGATIVE_INFINITY;

  constructor({ ask, believedMs = 5_000 }: FileIdentitiesInit) {
    this.#asking = new Batch(ask);
    this.#believedMs = believedMs;
  }

  /**
   * The identity of one file (links are followed); one that is missing or may not be read is `absent`.
   *
   * @throws Error where it cannot be told, as this machine is short of something.
   */
  async of(path: string): Promise<FileIdentity> {
    const kept = this.#kept.get(path);
    const sinceMs = Math.max(performance.now() - this.#believedMs, this.#doubtedMs);
    if (kept !== undefined && kept.checkedMs > sinceMs) return kept.file;
    return await getOrMake(this.#asked, path, () =>
      this.#look(path, kept).finally(() => this.#asked.delete(path)),
    );
  }

  /** Lets all that is kept be looked at again before it is told. */
  doubt(): void {
    this.#doubtedMs = performance.now();
  }

  /**
   * One digest of many files, by path and content: equal on two machines if all of them are.
   *
   * @param paths - absolute byte strings, in any order.
   */
  async fingerprint(paths: Iterable<string>): Promise<string> {
    const sorted = [...new Set(paths)].toSorted();
    const identities = await Promise.all(sorted.map((path) => this.of(path)));
    const hash = createHash('sha256');
    sorted.forEach((path, n) => hash.update(`${path}\0${identities[n]?.identity}\n`, 'latin1'));
    return hash.digest('hex').slice(0, 32);
  }

  async #look(path: string, kept: Kept | undefined): Promise<FileIdentity> {
    const checkedMs = performance.now();
    const answered = await this.#asking.of({ path, stamp: kept?.stamp });
    if (answered.kind === 'unanswered')
      throw new SwarmError('E_NO_ANSWER', `${toText(path)} could not be read: ${answered.why}.`);
    if (answered.kind === 'same' && kept !== undefined) {
      kept.checkedMs = checkedMs;
      return kept.file;
    }
    if (answered.kind !== 'found') {
      this.#kept.delete(path);
      return missingFile;
    }
    this.#kept.set(path, { stamp: answered.stamp, file: answered.file, checkedMs });
    return answered.file;
  }
}
