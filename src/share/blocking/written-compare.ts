/**
 * Looks at all that a job is about to replace or remove here, for what `core/tree/conflict.ts` decides by. Synchronous: runs in
 * a disk thread.
 */
import { readdirSync } from 'node:fs';
import { baseName, joinPath, parentOf } from '../../core/paths.ts';
import { isAnother, isGone, whyNotReplaced, whyNotWritten } from '../../core/tree/conflict.ts';
import { type ByteString, fromBytes } from '../../wire/bytes.ts';
import type { CommitOrder, WrittenEntry } from '../written-work.ts';
import { RealDirectory } from './real-directory.ts';

export interface Conflict {
  readonly conflict: ByteString;
  /** Ends a sentence that begins with the path. */
  readonly why: string;
}

type Stats = NonNullable<ReturnType<RealDirectory['look']>>;

export class Comparison {
  readonly #order: CommitOrder;
  readonly #isOwn: (name: ByteString) => boolean;
  readonly #startedNs: bigint;
  readonly #recorded: ReadonlySet<ByteString>;
  /** Directories that the job made, or made anew. */
  readonly #made: ReadonlySet<ByteString>;
  /** A copy under a name that is not here may be what was moved, or linked, there. */
  readonly #hasMoves: boolean;
  /** What is left in directories that the job has emptied: to be removed. */
  readonly superseded: ByteString[] = [];

  /** @param isOwn - whether a name is one of those under which the job's files lie. */
  constructor(order: CommitOrder, isOwn: (name: ByteString) => boolean) {
    const { directories, entries, removals, emptied } = order;
    this.#order = order;
    this.#isOwn = isOwn;
    this.#startedNs = BigInt(order.startedAtMs) * 1_000_000n;
    const made = directories.filter(({ path, inPlace }) => !inPlace || emptied.has(path));
    this.#made = new Set(made.map(({ path }) => path));
    this.#hasMoves = removals.length > 0 || entries.some(({ isOther }) => isOther);
    this.#recorded = new Set([...directories, ...entries].map(({ path }) => path));
  }

  /** @returns undefined if it may be replaced. @throws errors of the file system */
  compare(entry: WrittenEntry): Conflict | undefined {
    const { path } = entry;
    const found = RealDirectory.within(parentOf(path), (parent) => this.#compareIn(parent, entry));
    if (found !== undefined) return found.did;
    // Where there is no directory yet, or a link that the job has replaced by one, there is nothing of that name.
    return this.#made.has(parentOf(path)) ? undefined : { conflict: parentOf(path), why: isGone };
  }

  #compareIn(parent: RealDirectory, entry: WrittenEntry): Conflict | undefined {
    const { path, kind, inPlace } = entry;
    const there = parent.look(baseName(path));
    if (there === undefined) return this.#ofAbsent(entry);
    if (kind === 'directory' && there.isDirectory()) return this.#ofDirectory(entry, there, parent);
    if (this.#order.elsewhere.has(path)) return { conflict: path, why: isAnother };
    if (there.isDirectory()) return this.#ofTree(path, parent);
    const now = thereNow(there);
    return conflictOf(
      path,
      inPlace ? whyNotWritten(now, ownUid(), this.#startedNs) : whyNotReplaced(now, this.#startedNs),
    );
  }

  #ofAbsent({ path, kind, inPlace }: WrittenEntry): Conflict | undefined {
    const wasThere = kind === 'directory' ? !this.#made.has(path) : inPlace && !this.#hasMoves;
    return wasThere ? { conflict: path, why: isGone } : undefined;
  }

  /** Of an emptied directory, what is in it was removed; unless it is another one, made since by a job that needs it too. */
  #ofDirectory({ path }: WrittenEntry, there: Stats, parent: RealDirectory): Conflict | undefined {
    if (!this.#order.emptied.has(path) || there.birthtimeNs >= this.#startedNs) return undefined;
    if (this.#order.elsewhere.has(path)) return { conflict: path, why: isAnother };
    for (const name of namesIn(parent.at(baseName(path)))) {
      const inner = joinPath(path, name);
      if (this.#isOwn(name) || this.#recorded.has(inner)) continue;
      const conflict = this.#below(inner);
      if (conflict !== undefined) return conflict;
      this.superseded.push(inner);
    }
    return undefined;
  }

  /** A directory that goes with all below. */
  #ofTree(path: ByteString, parent: RealDirectory): Conflict | undefined {
    for (const name of namesIn(parent.at(baseName(path)))) {
      const conflict = this.#below(joinPath(path, name));
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  #below(path: ByteString): Conflict | undefined {
    return RealDirectory.within(parentOf(path), (parent) => {
      const there = parent.look(baseName(path));
      if (there === undefined) return undefined;
      const conflict = conflictOf(path, whyNotReplaced(thereNow(there), this.#startedNs));
      return conflict ?? (there.isDirectory() ? this.#ofTree(path, parent) : undefined);
    })?.did;
  }
}

function conflictOf(path: ByteString, why: string | undefined): Conflict | undefined {
  return why === undefined ? undefined : { conflict: path, why };
}

function thereNow(stats: Stats) {
  const { ctimeNs, nlink, uid } = stats;
  return { ctimeNs, nlink, uid, isDirectory: stats.isDirectory() };
}

function ownUid(): bigint {
  return BigInt(process.geteuid?.() ?? 0);
}

function namesIn(directory: Buffer): ByteString[] {
  return readdirSync(directory, { encoding: 'buffer' }).map(fromBytes);
}
