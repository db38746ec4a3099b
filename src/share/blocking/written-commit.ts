/**
 * Gives what is staged its real names. First everything is compared: what is about to be replaced or removed must not
 * have changed since the job began. Then directories are made, everything is renamed in the plan's order, and what the
 * job removed goes. A directory in the way is moved aside whole and emptied at the end. Synchronous: runs in a disk thread.
 */
import { chmodSync, mkdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { baseName, parentOf } from '../../core/paths.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { CommitOrder, CommitResult, FileTime, WrittenEntry } from '../written-work.ts';
import { setFileTime } from './file-time.ts';
import { RealDirectory } from './real-directory.ts';
import { Comparison } from './written-compare.ts';
import type { Staging } from './written-stage.ts';

const modeBits = 0o7777;

export interface WrittenCommitInit {
  readonly order: CommitOrder;
  readonly staging: Staging;
  readonly timesBefore: ReadonlyMap<ByteString, bigint>;
  /** Does something for what will have a path; what it throws is told with that path. */
  readonly at: <Result>(path: ByteString, act: () => Result) => Result;
}

/** What was moved out of the way. */
interface Aside {
  readonly directory: ByteString;
  readonly name: string;
  /** Where it was. */
  readonly path: ByteString;
}

export class WrittenCommit {
  readonly #order: CommitOrder;
  readonly #staging: Staging;
  readonly #timesBefore: ReadonlyMap<ByteString, bigint>;
  readonly #at: WrittenCommitInit['at'];
  readonly #made: ByteString[] = [];
  readonly #aside: Aside[] = [];

  constructor({ order, staging, timesBefore, at }: WrittenCommitInit) {
    this.#order = order;
    this.#staging = staging;
    this.#timesBefore = timesBefore;
    this.#at = at;
  }

  /** @throws errors of the file system; then what was complete has appeared, and nothing else. */
  run(): CommitResult {
    const { directories, entries, removals } = this.#order;
    const comparison = new Comparison(this.#order, (name) => this.#staging.isOwn(name));
    for (const entry of [...directories, ...entries, ...removals]) {
      const conflict = this.#at(entry.path, () => comparison.compare(entry));
      if (conflict !== undefined) return conflict;
    }
    try {
      for (const { path } of directories) this.#in(path, (parent) => this.#makeDirectory(path, parent));
      for (const entry of entries) this.#in(entry.path, (parent) => this.#rename(entry, parent));
      for (const { path } of removals) this.#in(path, (parent) => this.#remove(path, parent));
      for (const path of comparison.superseded) this.#in(path, (parent) => this.#remove(path, parent));
      for (const entry of directories.toReversed())
        this.#at(entry.path, () =>
          RealDirectory.in(entry.path, (directory) => this.#settle(entry, directory)),
        );
    } catch (error) {
      this.#undo();
      throw error;
    }
    for (const { directory, name, path } of this.#aside.splice(0))
      this.#at(path, () => RealDirectory.within(directory, (parent) => removeAll(parent.at(name))));
    return { committed: true };
  }

  #in(path: ByteString, act: (parent: RealDirectory) => void): void {
    this.#at(path, () => RealDirectory.in(parentOf(path), act));
  }

  #makeDirectory(path: ByteString, parent: RealDirectory): void {
    const name = baseName(path);
    const there = parent.look(name);
    if (there?.isDirectory() === true) return;
    if (there !== undefined) this.#moveAside(path, parent);
    mkdirSync(parent.at(name), 0o700);
    this.#made.push(path);
  }

  #rename({ record, path }: WrittenEntry, parent: RealDirectory): void {
    const staged = this.#staging.of(record);
    if (staged.directory === parent.path) this.#put(staged.name, parent, path, parent);
    else RealDirectory.in(staged.directory, (from) => this.#put(staged.name, from, path, parent));
    this.#staging.forget(record);
  }

  #put(hidden: string, from: RealDirectory, path: ByteString, parent: RealDirectory): void {
    const name = baseName(path);
    try {
      renameSync(from.at(hidden), parent.at(name));
    } catch (error) {
      // No file takes the place of a directory.
      if (parent.look(name)?.isDirectory() !== true) throw error;
      this.#moveAside(path, parent);
      renameSync(from.at(hidden), parent.at(name));
    }
  }

  #remove(path: ByteString, parent: RealDirectory): void {
    const there = parent.look(baseName(path));
    if (there?.isDirectory() === true) this.#moveAside(path, parent);
    else if (there !== undefined) unlinkSync(parent.at(baseName(path)));
  }

  #moveAside(path: ByteString, parent: RealDirectory): void {
    const was = baseName(path);
    const name = this.#staging.asideName(parent, was);
    renameSync(parent.at(was), parent.at(name));
    this.#aside.push({ directory: parent.path, name, path });
  }

  /** Gives a directory its mode and time, when nothing more is made in it. */
  #settle({ path, mode, time }: WrittenEntry, directory: RealDirectory): void {
    const there = directory.look('.');
    if (there === undefined) return;
    if (isTimeNews(time, this.#timesBefore.get(path), this.#order.startedAtMs))
      setFileTime(directory, '.', time);
    const wanted = mode & modeBits;
    if (Number(there.mode & BigInt(modeBits)) !== wanted) chmodSync(directory.at('.'), wanted);
  }

  /** What could not be completed leaves no empty directories, and what it moved aside is put back. Never throws. */
  #undo(): void {
    for (const path of this.#made.toReversed())
      quietly(parentOf(path), (parent) => rmdirSync(parent.at(baseName(path))));
    for (const { directory, name, path } of this.#aside.splice(0).toReversed())
      quietly(directory, (parent) => {
        const isFree = parent.look(baseName(path)) === undefined;
        if (isFree) renameSync(parent.at(name), parent.at(baseName(path)));
        else removeAll(parent.at(name));
      });
  }
}

function removeAll(path: Buffer): void {
  rmSync(path, { recursive: true, force: true });
}

function quietly(path: ByteString, act: (directory: RealDirectory) => void): void {
  try {
    RealDirectory.within(path, act);
  } catch {
    // A directory in which something complete lies stays; and what stopped the commit is what is told.
  }
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
