/**
 * The directories that lie over the places for what is temporary while one command runs. Each lies in the place that it covers: on
 * its disk, or in its memory, where as much fits as would have fitted there.
 */
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ownPlaces } from '../../core/own-places.ts';
import { isBelow } from '../../core/paths.ts';
import { removeTree } from '../../tree/remove-tree.ts';

const abandonedMs = 24 * 3_600_000;
const prefix = '.buildswarm-apart-';
const [first = '/tmp'] = ownPlaces;

export class ApartScratch {
  /** With 0/u, 1/u, …, as the runner wants it. */
  readonly path: string;
  readonly #covered: readonly (string | undefined)[];
  readonly #kept: string;
  readonly #made: readonly string[];

  private constructor(covered: readonly (string | undefined)[], kept: string, made: readonly string[]) {
    this.path = made[0] ?? '';
    this.#covered = covered;
    this.#kept = kept;
    this.#made = made;
  }

  /**
   * @param covered - the places, in their order; undefined: one that stays as it is.
   * @param kept - a directory that stays visible.
   * @throws Error where there is no room, or no right to
   */
  static make(covered: readonly (string | undefined)[], kept: string): ApartScratch {
    const made: string[] = [];
    const create = (place: string): string => {
      const path = mkdtempSync(join(place, `${prefix}${ownTag()}-`));
      made.push(path);
      return path;
    };
    try {
      const scratch = create(first);
      for (const [index, place] of covered.entries()) {
        const path = join(scratch, String(index));
        // When the command began is told by the first.
        if (index === 0) mkdirSync(path, { mode: 0o700 });
        const isCovered = place !== undefined && (index === 0 || isWritable(place));
        if (isCovered && index > 0) symlinkSync(create(place), path);
        if (isCovered) makePlace(path, isBelow(place, kept) ? kept.slice(place.length + 1) : '');
      }
    } catch (error) {
      for (const path of made) rmSync(path, { recursive: true, force: true });
      throw error;
    }
    return new ApartScratch(covered, kept, made);
  }

  /** Removes what peers of this user left that were killed, or whose jobs' processes lived on. Never rejects. */
  static async sweep(): Promise<void> {
    const uid = process.getuid?.();
    for (const place of ownPlaces)
      for (const name of ownNamesIn(place)) {
        const path = join(place, name);
        const found = lstatSync(path, { throwIfNoEntry: false });
        if (found === undefined || found.uid !== uid) continue;
        if (isDead(name) || Date.now() - found.mtimeMs > abandonedMs) await removeAll(path);
      }
  }

  /** One of the names that the command left. */
  leftIn(): string | undefined {
    for (const [index, place] of this.#covered.entries()) {
      if (place === undefined) continue;
      const own = join(this.path, String(index), 'u');
      if (isBelow(place, this.#kept)) removeEmpty(own, this.#kept.slice(place.length + 1));
      const [name] = namesIn(own);
      if (name !== undefined) return join(ownPlaces[index] ?? place, name);
    }
    return undefined;
  }

  /** Never rejects. */
  async remove(): Promise<void> {
    // Most commands leave nothing: then a few calls remove it all, where a walk through each costs a thread's time.
    if (this.#removeBare()) return;
    await Promise.all(this.#made.map(removeAll));
  }

  /** @returns false if there is more in them than was made. */
  #removeBare(): boolean {
    try {
      const [scratch, ...others] = this.#made;
      if (scratch === undefined) return true;
      for (const path of others) removeDirectories(join(path, 'u'), path);
      for (let index = this.#covered.length - 1; index > 0; index -= 1)
        rmSync(join(scratch, String(index)), { force: true });
      removeDirectories(
        ...(this.#covered[0] === undefined ? [] : [join(scratch, '0/u')]),
        join(scratch, '0'),
        scratch,
      );
      return true;
    } catch {
      return false; // the walk says what is the matter, or removes it
    }
  }
}

/** Empty ones, in this order. */
function removeDirectories(...paths: readonly string[]): void {
  for (const path of paths) rmdirSync(path);
}

/** Of this peer: its number, where that counts. */
function ownTag(): string {
  return `${processNamespace()}-${process.pid}`;
}

/** Whether the peer that made it has ended. One of another container, with numbers of its own, may not have. */
function isDead(name: string): boolean {
  const [, namespace, pid] = /^(\w+)-(\d+)-/.exec(name.slice(prefix.length)) ?? [];
  return namespace === processNamespace() && !existsSync(`/proc/${pid}`);
}

function processNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
}

/** Where nobody of this user may write, nothing is left. */
function isWritable(place: string): boolean {
  try {
    accessSync(place, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param kept - what is to be made in it. */
function makePlace(path: string, kept: string): void {
  const own = join(path, 'u');
  mkdirSync(own, { mode: 0o700 });
  if (kept !== '') mkdirSync(join(own, kept), { recursive: true, mode: 0o700 });
  // As such places are; nobody else comes here, as the directory around it is the user's alone.
  chmodSync(own, 0o1777);
}

/** Removes what was made for what is kept, innermost first. */
function removeEmpty(own: string, kept: string): void {
  try {
    for (let at = kept; at !== '.' && at !== ''; at = dirname(at)) rmdirSync(join(own, at));
  } catch {
    // The command made something in there, or took it away: that is found as all else is.
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Those of scratch directories; none where nobody may look. */
function ownNamesIn(place: string): string[] {
  try {
    return namesIn(place).filter((name) => name.startsWith(prefix));
  } catch {
    return []; // then they stay
  }
}

/** Never rejects: what cannot be removed is swept another day. */
async function removeAll(path: string): Promise<void> {
  await removeTree(path).catch(() => undefined);
}
