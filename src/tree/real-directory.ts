/**
 * A directory that is held open while names in it are made, renamed or removed. It was reached without a link, and
 * whatever is done meanwhile to the way that led to it, its names are those of this directory and of no other.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink } from 'node:fs/promises';
import { type ByteString, fromBytes, toBytes } from '../wire/bytes.ts';

/** Linux: a directory in which names may be made need not be one that may be listed. */
const pathOnly = 0o10000000;
const openFlags = pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

type Stats = Awaited<ReturnType<typeof lstatAt>>;

export class RealDirectory {
  readonly path: ByteString;
  readonly #handle: FileHandle;

  private constructor(path: ByteString, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** @returns undefined if nothing is there, or no directory, or only by way of a link. @throws errors of the file system */
  static async open(path: ByteString): Promise<RealDirectory | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(toBytes(path), openFlags);
    } catch (error) {
      if (meansNone(error)) return undefined;
      throw error;
    }
    const real = fromBytes(await readlink(`/proc/self/fd/${handle.fd}`, { encoding: 'buffer' }));
    if (real === path) return new RealDirectory(path, handle);
    await handle.close();
    return undefined;
  }

  /** Where this process finds the directory, whatever its name is. */
  get place(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  at(name: ByteString): Buffer {
    return toBytes(`${this.place}/${name}`);
  }

  /** @returns undefined if there is nothing of that name. */
  async look(name: ByteString): Promise<Stats | undefined> {
    try {
      return await lstatAt(this.at(name));
    } catch (error) {
      if (meansNone(error)) return undefined;
      throw error;
    }
  }

  /** Closes it afterwards. */
  async within<Result>(act: () => Promise<Result>): Promise<Result> {
    try {
      return await act();
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function lstatAt(path: Buffer) {
  return await lstat(path, { bigint: true });
}

function meansNone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '');
}
