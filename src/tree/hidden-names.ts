/**
 * Hidden names of one peer, under which lies what served jobs wrote until it gets its real names, and a journal of the
 * directories that may hold some: of a peer that was killed, they are removed by it (share/blocking/hidden-journal.ts).
 */
import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { BoundedMap } from '../core/bounded-map.ts';
import type { AttemptNames } from '../share/written-work.ts';
import { type ByteString, toBytes } from '../wire/bytes.ts';

/** Directories that are known to be in the journal; another one may be noted twice. */
const mostKnown = 20_000;

export class HiddenNames {
  /** Every name begins with it, and no name of another peer. */
  readonly #prefix = `.buildswarm-${randomBytes(8).toString('hex')}-`;
  readonly #journal: string | undefined;
  readonly #known = new BoundedMap<ByteString, true>(mostKnown);
  #begun: Promise<boolean> | undefined;
  #count = 0;

  /** @param journal - path of a file that is made here; undefined: none is kept. */
  constructor(journal?: string) {
    this.#journal = journal;
  }

  /** Begins the names of one attempt, and those of no other. */
  freshPrefix(): string {
    this.#count += 1;
    return `${this.#prefix}${this.#count}-`;
  }

  /**
   * What whoever makes names needs to know. Never rejects: what cannot be noted is not found later.
   *
   * @param prefix - of the attempt.
   * @param directories - in which names may be made.
   */
  async of(prefix: string, directories: Iterable<ByteString>): Promise<AttemptNames> {
    const journal = (await this.#hasBegun()) ? this.#journal : undefined;
    return { prefix, journal, known: [...new Set(directories)].filter((one) => this.#known.has(one)) };
  }

  /** They are in the journal. */
  noted(directories: readonly ByteString[]): void {
    for (const directory of directories) this.#known.set(directory, true);
  }

  /** The prefix comes first: without it nothing is swept. */
  async #hasBegun(): Promise<boolean> {
    if (this.#journal === undefined) return false;
    this.#begun ??= appendFile(this.#journal, toBytes(`${this.#prefix}\0`), { mode: 0o600 }).then(
      () => true,
      () => {
        // The next job tries again: there may be room then, or a directory for the journal.
        this.#begun = undefined;
        return false;
      },
    );
    return await this.#begun;
  }
}
