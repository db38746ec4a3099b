/**
 * Hidden names of one peer, under which lies what served jobs wrote until it gets its real names, and a journal of the
 * directories that may hold some: of a peer that was killed, they are removed by it.
 */
import { randomBytes } from 'node:crypto';
import { appendFile, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { BoundedMap } from '../core/bounded-map.ts';
import { type ByteString, fromBytes, toBytes } from '../wire/bytes.ts';
import { RealDirectory } from './real-directory.ts';

/** Directories that are known to be in the journal; another one may be noted twice. */
const mostKnown = 20_000;
const mostNameBytes = 255;
const anyPrefix = /^\.buildswarm-[0-9a-f]{16}-$/;

export class HiddenNames {
  /** Every name begins with it, and no name of another peer. */
  readonly #prefix = `.buildswarm-${randomBytes(8).toString('hex')}-`;
  readonly #journal: string | undefined;
  readonly #known = new BoundedMap<ByteString, Promise<void>>(mostKnown);
  #begun: Promise<void> | undefined;
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

  /** Comes before the first name is made in a directory. Never rejects: what cannot be noted is not found later. */
  async note(directory: ByteString): Promise<void> {
    const journal = this.#journal;
    if (journal === undefined) return;
    let noted = this.#known.get(directory);
    if (noted === undefined) {
      noted = this.#write(journal, directory).catch(() => {
        // The next name tries again: there may be room then, or a directory for the journal.
        this.#known.delete(directory);
      });
      this.#known.set(directory, noted);
    }
    await noted;
  }

  async #write(journal: string, directory: ByteString): Promise<void> {
    this.#begun ??= appendFile(journal, toBytes(`${this.#prefix}\0`), { mode: 0o600 });
    try {
      await this.#begun;
    } catch (error) {
      this.#begun = undefined;
      throw error;
    }
    await appendFile(journal, toBytes(`${directory}\0`));
  }
}

/** A name under which a directory is moved out of the way, so that whoever finds it knows what it was. */
export function asideName(fresh: string, was: ByteString): ByteString {
  const name = `${fresh}=${was}`;
  return name.length <= mostNameBytes ? name : fresh;
}

/**
 * Removes all that a peer, which is gone, has left under hidden names; a directory that it had moved out of the way is put
 * back where nothing has its name.
 */
export async function sweepHidden(journal: string): Promise<void> {
  let content: Buffer;
  try {
    content = await readFile(journal);
  } catch {
    // It has written nothing, or nothing of it can be read.
    return;
  }
  // What stands behind the last NUL was cut off, and no name was made there.
  const [prefix = '', ...directories] = fromBytes(content).split('\0').slice(0, -1);
  if (!anyPrefix.test(prefix)) return;
  // One that is gone, or closed to us by now, keeps no other from being swept.
  for (const directory of new Set(directories))
    await sweepDirectory(directory, prefix).catch(() => undefined);
}

async function sweepDirectory(path: ByteString, prefix: string): Promise<void> {
  const directory = await RealDirectory.open(path);
  await directory?.within(async () => {
    const names = (await readdir(directory.place, { encoding: 'buffer' })).map(fromBytes);
    for (const name of names) if (name.startsWith(prefix)) await sweepName(directory, name);
  });
}

async function sweepName(directory: RealDirectory, name: ByteString): Promise<void> {
  const isDirectory = (await directory.look(name))?.isDirectory() === true;
  if (!isDirectory) return await unlink(directory.at(name));
  const [, was] = /^[^=]*=(.+)$/s.exec(name) ?? [];
  if (was !== undefined && (await directory.look(was)) === undefined)
    await rename(directory.at(name), directory.at(was));
  else await rm(directory.at(name), { recursive: true, force: true });
}
