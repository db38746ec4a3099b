/**
 * What a job has written, under hidden names in the directories that it will lie in, or, where those are still to be
 * made, in the nearest above them: always on the file system where it will be, so that a rename is all that is left.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, link, open, symlink, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isBelow, parentOf } from '../core/paths.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { type ByteString, toBytes, toText } from '../wire/bytes.ts';
import type { LeftRecord } from '../wire/job-report.ts';
import { type FileTime, setFileTime } from './file-time.ts';
import { asideName, type HiddenNames } from './hidden-names.ts';
import { RealDirectory } from './real-directory.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const fifoTimeoutMs = 10_000;
/** Of what is made here no set-id bits: see core/tree/commit-plan.ts. */
const modeBits = 0o1777;

/** Where something lies until it is renamed. */
export interface Staged {
  readonly directory: ByteString;
  readonly name: string;
}

/** A file that is being filled. */
export interface OpenFile {
  write(piece: Uint8Array): Promise<void>;
  /** Gives it its mode and time, and closes it. */
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

export class Staging {
  readonly #areas: readonly ByteString[];
  readonly #names: HiddenNames;
  /** Every name of this attempt begins with it, and no name of any other. */
  readonly #prefix: string;
  readonly #staged = new Map<LeftRecord, Staged>();
  #count = 0;

  constructor(areas: readonly ByteString[], names: HiddenNames) {
    this.#areas = areas;
    this.#names = names;
    this.#prefix = names.freshPrefix();
  }

  /** Whether a name in a directory is one of these. */
  isOwn(name: ByteString): boolean {
    return name.startsWith(this.#prefix);
  }

  /** A hidden name in a directory, which nothing has yet. @param was - what gets it, if it had another name. */
  async freshName(directory: RealDirectory, was?: ByteString): Promise<string> {
    await this.#names.note(directory.path);
    this.#count += 1;
    const fresh = `${this.#prefix}${this.#count}`;
    return was === undefined ? fresh : asideName(fresh, was);
  }

  of(record: LeftRecord): Staged | undefined {
    return this.#staged.get(record);
  }

  /** It has its real name: it is the user's from now on. */
  forget(record: LeftRecord): void {
    this.#staged.delete(record);
  }

  async file(record: LeftRecord, time: FileTime): Promise<OpenFile> {
    const directory = await this.#nearest(record.path);
    let handle: FileHandle;
    let name: string;
    try {
      name = await this.#note(record, directory);
      handle = await open(directory.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    } catch (error) {
      directory.close();
      throw error;
    }
    const close = async (): Promise<void> => {
      await handle.close();
      directory.close();
    };
    return {
      write: async (piece) => {
        for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
      },
      finish: async () => {
        try {
          await handle.chmod(record.attributes.mode & modeBits);
          await setFileTime(directory, name, time);
        } finally {
          await close();
        }
      },
      abandon: close,
    };
  }

  /** Another name of a file that is staged. */
  async another(record: LeftRecord, first: LeftRecord): Promise<void> {
    const staged = this.#staged.get(first);
    if (staged === undefined) throw new Error('internal: another name of a file that is not staged');
    await this.#make(record, async (to) => {
      const from = await openOrFail(staged.directory);
      try {
        await link(from.at(staged.name), to);
      } finally {
        from.close();
      }
    });
  }

  async link(record: LeftRecord, time: FileTime): Promise<void> {
    await this.#make(record, async (path) => await symlink(toBytes(record.target), path), time);
  }

  async fifo(record: LeftRecord, time: FileTime): Promise<void> {
    const mode = (record.attributes.mode & 0o777).toString(8);
    const make = async (_path: Buffer, cwd: string, name: string): Promise<void> => {
      await promisify(execFile)('mkfifo', ['-m', mode, '--', name], { cwd, timeout: fifoTimeoutMs });
    };
    await this.#make(record, make, time);
  }

  /** Removes all that has no real name. Never rejects. */
  async drop(): Promise<void> {
    const left = [...this.#staged.values()];
    this.#staged.clear();
    for (const { directory: path, name } of left) {
      try {
        const directory = await RealDirectory.open(path);
        await directory?.within(async () => await unlink(directory.at(name)));
      } catch {
        // It was not made, or its directory may not be changed any more: a hidden name that nobody reads.
      }
    }
  }

  async #make(
    record: LeftRecord,
    make: (path: Buffer, directory: string, name: string) => Promise<void>,
    time?: FileTime,
  ): Promise<void> {
    const directory = await this.#nearest(record.path);
    try {
      const name = await this.#note(record, directory);
      await make(directory.at(name), directory.place, name);
      if (time !== undefined) await setFileTime(directory, name, time);
    } finally {
      directory.close();
    }
  }

  async #note(record: LeftRecord, directory: RealDirectory): Promise<string> {
    const staged = { directory: directory.path, name: await this.freshName(directory) };
    this.#staged.set(record, staged);
    return staged.name;
  }

  /** The directory of a path, or where there is none the nearest above it. */
  async #nearest(path: ByteString): Promise<RealDirectory> {
    const area = this.#areas.find((one) => isBelow(one, path)) ?? '/';
    for (let at = parentOf(path); isBelow(area, at); at = parentOf(at)) {
      const directory = await RealDirectory.open(at);
      if (directory !== undefined) return directory;
      if (at === '/') break;
    }
    throw new SwarmError('E_TREE', `${toText(area)} is not there any more.`);
  }
}

async function openOrFail(path: ByteString): Promise<RealDirectory> {
  const directory = await RealDirectory.open(path);
  if (directory === undefined) throw new SwarmError('E_TREE', `${toText(path)} is not there any more.`);
  return directory;
}
