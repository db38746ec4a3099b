/**
 * Gives what is staged its real names. First everything is compared: what is about to be replaced or removed must not
 * have changed since the job began. Then directories are made, everything is renamed in the plan's order, and what the
 * job removed goes. A directory in the way is moved aside whole and emptied at the end.
 */
import { chmod, mkdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { baseName, parentOf } from '../core/paths.ts';
import type { CommitPlan } from '../core/tree/commit-plan.ts';
import type { ByteString } from '../wire/bytes.ts';
import type { LeftRecord } from '../wire/job-report.ts';
import { cannotWrite } from './cannot-write.ts';
import { Comparison } from './comparison.ts';
import { type ClockShift, type FileTime, setFileTime, timeHere } from './file-time.ts';
import { RealDirectory } from './real-directory.ts';
import type { Staged, Staging } from './staging.ts';

export type CommitResult =
  | { readonly committed: true }
  /** `why` ends a sentence that begins with the path. */
  | { readonly conflict: ByteString; readonly why: string };

export interface CommitInit {
  readonly plan: CommitPlan<LeftRecord>;
  readonly areas: readonly ByteString[];
  readonly staging: Staging;
  readonly startedAtMs: number;
  readonly isElsewhere: (path: ByteString) => boolean;
  readonly shift: ClockShift;
  readonly timesBefore: ReadonlyMap<ByteString, bigint>;
}

const modeBits = 0o7777;

export class WrittenCommit {
  readonly #init: CommitInit;
  readonly #made: ByteString[] = [];
  /** What was moved out of the way, and where it was. */
  readonly #aside: (Staged & { readonly path: ByteString })[] = [];

  constructor(init: CommitInit) {
    this.#init = init;
  }

  /** @throws SwarmError `E_TREE` if something cannot be written. */
  async run(): Promise<CommitResult> {
    const { plan } = this.#init;
    const comparison = new Comparison(this.#init);
    const conflict = await comparison.conflict();
    if (conflict !== undefined) return conflict;
    try {
      for (const record of plan.directories)
        await this.#at(record, (parent) => this.#makeDirectory(record, parent));
      for (const record of plan.entries) await this.#at(record, (parent) => this.#rename(record, parent));
      for (const record of plan.removals)
        await this.#at(record, (parent) => this.#remove(record.path, parent));
      for (const path of comparison.superseded) await this.#remove(path);
      for (const record of plan.directories.toReversed()) await this.#at(record, () => this.#settle(record));
    } catch (error) {
      await this.#undo();
      throw error;
    }
    await this.#emptyAside();
    return { committed: true };
  }

  async #at({ path }: LeftRecord, act: (parent: RealDirectory) => Promise<void>): Promise<void> {
    try {
      const parent = await openOrFail(parentOf(path));
      try {
        await act(parent);
      } finally {
        parent.close();
      }
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  async #makeDirectory({ path }: LeftRecord, parent: RealDirectory): Promise<void> {
    const name = baseName(path);
    const there = await parent.look(name);
    if (there?.isDirectory() === true) return;
    if (there !== undefined) await this.#moveAside(path, parent);
    await mkdir(parent.at(name), 0o700);
    this.#made.push(path);
  }

  async #rename(record: LeftRecord, parent: RealDirectory): Promise<void> {
    const { staging } = this.#init;
    const staged = staging.of(record);
    if (staged === undefined) throw new Error('internal: a commit of what is not staged');
    const name = baseName(record.path);
    const from = staged.directory === parent.path ? parent : await openOrFail(staged.directory);
    try {
      const put = async (): Promise<void> => await rename(from.at(staged.name), parent.at(name));
      try {
        await put();
      } catch (error) {
        // No file takes the place of a directory.
        if ((await parent.look(name))?.isDirectory() !== true) throw error;
        await this.#moveAside(record.path, parent);
        await put();
      }
    } finally {
      if (from !== parent) from.close();
    }
    staging.forget(record);
  }

  async #remove(path: ByteString, parent?: RealDirectory): Promise<void> {
    const directory = parent ?? (await openOrFail(parentOf(path)));
    try {
      const there = await directory.look(baseName(path));
      if (there?.isDirectory() === true) await this.#moveAside(path, directory);
      else if (there !== undefined) await unlink(directory.at(baseName(path)));
    } finally {
      if (parent === undefined) directory.close();
    }
  }

  async #moveAside(path: ByteString, parent: RealDirectory): Promise<void> {
    const was = baseName(path);
    const name = await this.#init.staging.freshName(parent, was);
    await rename(parent.at(was), parent.at(name));
    this.#aside.push({ directory: parent.path, name, path });
  }

  /** Gives a directory its mode and time, when nothing more is made in it. */
  async #settle(record: LeftRecord): Promise<void> {
    const { shift, timesBefore, startedAtMs } = this.#init;
    const directory = await openOrFail(record.path);
    try {
      const there = await directory.look('.');
      if (there === undefined) return;
      const time = timeHere(record.attributes.mtimeNs, shift);
      if (isTimeNews(time, timesBefore.get(record.path), startedAtMs))
        await setFileTime(directory, '.', time);
      const mode = record.attributes.mode & modeBits;
      if (Number(there.mode & BigInt(modeBits)) !== mode) await chmod(directory.at('.'), mode);
    } finally {
      directory.close();
    }
  }

  /** What could not be completed leaves no empty directories, and what it moved aside is put back. Never rejects. */
  async #undo(): Promise<void> {
    for (const path of this.#made.toReversed())
      await this.#quietly(parentOf(path), async (parent) => await rmdir(parent.at(baseName(path))));
    for (const { directory, name, path } of this.#aside.splice(0).toReversed())
      await this.#quietly(directory, async (parent) => {
        const isFree = (await parent.look(baseName(path))) === undefined;
        if (isFree) await rename(parent.at(name), parent.at(baseName(path)));
        else await rm(parent.at(name), { recursive: true, force: true });
      });
  }

  async #quietly(path: ByteString, act: (directory: RealDirectory) => Promise<unknown>): Promise<void> {
    let directory: RealDirectory | undefined;
    try {
      directory = await RealDirectory.open(path);
      if (directory !== undefined) await act(directory);
    } catch {
      // A directory in which something complete lies stays; and what stopped the commit is what is told.
    } finally {
      directory?.close();
    }
  }

  async #emptyAside(): Promise<void> {
    for (const { directory, name, path } of this.#aside.splice(0)) {
      const parent = await RealDirectory.open(directory);
      try {
        if (parent !== undefined) await rm(parent.at(name), { recursive: true, force: true });
      } catch (error) {
        throw cannotWrite(path, error);
      } finally {
        parent?.close();
      }
    }
  }
}

async function openOrFail(path: ByteString): Promise<RealDirectory> {
  const directory = await RealDirectory.open(path);
  if (directory === undefined) throw new Error(`ENOTDIR: ${path} is no directory any more`);
  return directory;
}

/** @param before - the time of a directory that was there before the job's files came. */
function isTimeNews(
  { timeNs, isChosen }: FileTime,
  before: bigint | undefined,
  startedAtMs: number,
): boolean {
  if (before === undefined) return true;
  if (!isChosen) return timeNs > before;
  // One that others have changed since was not chosen by the job: it is what the job found.
  return timeNs !== before && before < BigInt(startedAtMs) * 1_000_000n;
}
