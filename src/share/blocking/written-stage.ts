/**
 * What a job has written, under hidden names in the directories that it will lie in, or, where those are still to be
 * made, in the nearest above them: always on the file system where it will be, so that a rename is all that is left.
 * Synchronous: runs in a disk thread.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fchmodSync,
  linkSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { isBelow, parentOf } from '../../core/paths.ts';
import { type ByteString, toBytes } from '../../wire/bytes.ts';
import { type AttemptNames, fileModeBits, type Staged, type StageStep } from '../written-work.ts';
import { setFileTime } from './file-time.ts';
import { asideName, noteDirectory } from './hidden-journal.ts';
import { RealDirectory } from './real-directory.ts';

const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const fifoTimeoutMs = 10_000;

export class Staging {
  readonly #areas: readonly ByteString[];
  readonly #names: AttemptNames;
  readonly #known: Set<ByteString>;
  readonly #staged: Map<number, Staged>;
  /** Directories that were added to the journal. */
  readonly noted: ByteString[] = [];
  #aside = 0;

  constructor(areas: readonly ByteString[], names: AttemptNames, staged: readonly Staged[]) {
    this.#areas = areas;
    this.#names = names;
    this.#known = new Set(names.known);
    this.#staged = new Map(staged.map((one) => [one.record, one]));
  }

  get staged(): Staged[] {
    return [...this.#staged.values()];
  }

  /** Whether a name in a directory is one of these. */
  isOwn(name: ByteString): boolean {
    return name.startsWith(this.#names.prefix);
  }

  /** A hidden name for what is moved out of the way of a commit. @param was - its name */
  asideName(directory: RealDirectory, was: ByteString): string {
    this.#note(directory.path);
    this.#aside += 1;
    return asideName(`${this.#names.prefix}a${this.#aside}`, was);
  }

  of(record: number): Staged {
    const staged = this.#staged.get(record);
    if (staged === undefined) throw new Error('internal: something is not staged');
    return staged;
  }

  /** It has its real name: it is the user's from now on. */
  forget(record: number): void {
    this.#staged.delete(record);
  }

  /** @throws errors of the file system */
  do(step: StageStep): void {
    switch (step.kind) {
      case 'file':
        if (step.begins) this.#inNearest(step, (directory, name) => write(directory, name, step));
        else {
          const { directory: path, name } = this.of(step.record);
          RealDirectory.in(path, (directory) => write(directory, name, step));
        }
        return;
      case 'name': {
        const first = this.of(step.first);
        this.#inNearest(step, (directory, name) =>
          RealDirectory.in(first.directory, (from) => linkSync(from.at(first.name), directory.at(name))),
        );
        return;
      }
      case 'link':
        this.#inNearest(step, (directory, name) => {
          symlinkSync(toBytes(step.target), directory.at(name));
          setFileTime(directory, name, step.time);
        });
        return;
      case 'fifo':
        this.#inNearest(step, (directory, name) => {
          const mode = (step.mode & 0o777).toString(8);
          execFileSync('mkfifo', ['-m', mode, '--', name], {
            cwd: directory.place,
            timeout: fifoTimeoutMs,
            stdio: ['ignore', 'ignore', 'pipe'],
          });
          setFileTime(directory, name, step.time);
        });
    }
  }

  /** Removes all that has no real name. Never throws. */
  drop(): void {
    for (const { directory: path, name } of this.#staged.values()) {
      try {
        RealDirectory.within(path, (directory) => unlinkSync(directory.at(name)));
      } catch {
        // It was not made, or its directory may not be changed any more: a hidden name that nobody reads.
      }
    }
    this.#staged.clear();
  }

  /** In the directory of a path, or where there is none in the nearest above it. */
  #inNearest(
    { record, path }: Pick<StageStep, 'record' | 'path'>,
    make: (directory: RealDirectory, name: string) => void,
  ): void {
    const area = this.#areas.find((one) => isBelow(one, path)) ?? '/';
    for (let at = parentOf(path); isBelow(area, at); at = parentOf(at)) {
      const made = RealDirectory.within(at, (directory) => {
        this.#note(at);
        const name = `${this.#names.prefix}${record}`;
        this.#staged.set(record, { record, directory: at, name });
        make(directory, name);
      });
      if (made !== undefined) return;
      if (at === '/') break;
    }
    throw new Error(`ENOENT: ${area} is not there any more`);
  }

  #note(directory: ByteString): void {
    if (this.#known.has(directory) || !noteDirectory(this.#names.journal, directory)) return;
    this.#known.add(directory);
    this.noted.push(directory);
  }
}

function write(
  directory: RealDirectory,
  name: string,
  { pieces, begins, end }: StageStep & { readonly kind: 'file' },
): void {
  const made = begins ? O_CREAT | O_EXCL : O_APPEND;
  const file = openSync(directory.at(name), O_WRONLY | O_NOFOLLOW | made, 0o600);
  try {
    for (const piece of pieces) for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
    if (end !== undefined) fchmodSync(file, end.mode & fileModeBits);
  } finally {
    closeSync(file);
  }
  if (end !== undefined) setFileTime(directory, name, end.time);
}

/** Removes what lies under hidden names. Never throws. */
export function dropStaged(staged: readonly Staged[]): void {
  new Staging([], { prefix: '', journal: undefined, known: [] }, staged).drop();
}
