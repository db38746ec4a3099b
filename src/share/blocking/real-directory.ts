/**
 * A directory that is held open while names in it are made, renamed or removed. It was reached without a link, and
 * whatever is done meanwhile to the way that led to it, its names are those of this directory and of no other.
 * Synchronous: runs in a disk thread.
 */
import { type BigIntStats, closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs';
import { type ByteString, fromBytes, toBytes } from '../../wire/bytes.ts';
import { errorCode } from './look.ts';

/** Linux: a directory in which names may be made need not be one that may be listed. */
const pathOnly = 0o10000000;
const openFlags = pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export class RealDirectory {
  readonly path: ByteString;
  readonly #descriptor: number;

  private constructor(path: ByteString, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /**
   * Acts in it, and closes it.
   *
   * @returns undefined if nothing is there, or no directory, or only by way of a link.
   * @throws errors of the file system
   */
  static within<Result>(
    path: ByteString,
    act: (directory: RealDirectory) => Result,
  ): { readonly did: Result } | undefined {
    let descriptor: number;
    try {
      descriptor = openSync(toBytes(path), openFlags);
    } catch (error) {
      if (meansNone(error)) return undefined;
      throw error;
    }
    try {
      const directory = new RealDirectory(path, descriptor);
      const realPath = fromBytes(readlinkSync(directory.place, { encoding: 'buffer' }));
      return realPath === path ? { did: act(directory) } : undefined;
    } finally {
      closeSync(descriptor);
    }
  }

  /** The same where there must be one. @throws Error also if there is none */
  static in<Result>(path: ByteString, act: (directory: RealDirectory) => Result): Result {
    const done = RealDirectory.within(path, act);
    if (done === undefined) throw new Error(`ENOTDIR: ${path} is no directory any more`);
    return done.did;
  }

  /** Where this process finds the directory, whatever its name is. */
  get place(): string {
    return `/proc/self/fd/${this.#descriptor}`;
  }

  at(name: ByteString): Buffer {
    return toBytes(`${this.place}/${name}`);
  }

  /** @returns undefined if there is nothing of that name. */
  look(name: ByteString): BigIntStats | undefined {
    try {
      return lstatSync(this.at(name), { bigint: true });
    } catch (error) {
      if (meansNone(error)) return undefined;
      throw error;
    }
  }
}

function meansNone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error));
}
