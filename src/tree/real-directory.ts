/**
 * A directory that is held open while names in it are made, renamed or removed. It was reached without a link, and
 * whatever is done meanwhile to the way that led to it, its names are those of this directory and of no other.
 */
import { closeSync, constants, open, readlinkSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type ByteString, fromBytes, toBytes } from '../wire/bytes.ts';

/** Linux: a directory in which names may be made need not be one that may be listed. */
const pathOnly = 0o10000000;
const openFlags = pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

type Stats = Awaited<ReturnType<typeof lstatAt>>;

const openDescriptor = promisify(open);

export class RealDirectory {
  readonly path: ByteString;
  readonly #descriptor: number;

  private constructor(path: ByteString, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /** @returns undefined if nothing is there, or no directory, or only by way of a link. @throws errors of the file system */
  static async open(path: ByteString): Promise<RealDirectory | undefined> {
    let descriptor: number;
    try {
      descriptor = await openDescriptor(toBytes(path), openFlags);
    } catch (error) {
      if (meansNone(error)) return undefined;
      throw error;
    }
    const directory = new RealDirectory(path, descriptor);
    try {
      if (directory.#realPath() === path) return directory;
    } catch (error) {
      directory.close();
      throw error;
    }
    directory.close();
    return undefined;
  }

  /** The kernel knows it: no file system is asked, so that it needs no thread of its own. */
  #realPath(): ByteString {
    return fromBytes(readlinkSync(this.place, { encoding: 'buffer' }));
  }

  /** Where this process finds the directory, whatever its name is. */
  get place(): string {
    return `/proc/self/fd/${this.#descriptor}`;
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
      this.close();
    }
  }

  /** Of what was opened for its path only, the file system hears nothing. */
  close(): void {
    closeSync(this.#descriptor);
  }
}

async function lstatAt(path: Buffer) {
  return await lstat(path, { bigint: true });
}

function meansNone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '');
}
