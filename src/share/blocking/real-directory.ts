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

/** What is held open for longer than one act is no more than this. */
const mostKept = 64;

export class RealDirectory {
  /** Those that are held open until {@link RealDirectory.keeping} ends. */
  static #kept: Map<ByteString, RealDirectory> | undefined;
  readonly path: ByteString;
  readonly #descriptor: number;

  private constructor(path: ByteString, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /** All directories in which something is done by `act` stay open until its end, as most are needed several times. */
  static keeping<Result>(act: () => Result): Result {
    const kept = new Map<ByteString, RealDirectory>();
    RealDirectory.#kept = kept;
    try {
      return act();
    } finally {
      RealDirectory.#kept = undefined;
      for (const directory of kept.values()) closeSync(directory.#descriptor);
    }
  }

  /**
   * Acts in it.
   *
   * @returns undefined if nothing is there, or no directory, or only by way of a link.
   * @throws errors of the file system
   */
  static within<Result>(
    path: ByteString,
    act: (directory: RealDirectory) => Result,
  ): { readonly did: Result } | undefined {
    const kept = RealDirectory.#kept?.get(path);
    // It may have another name by now, and this one be that of another.
    if (kept?.isInPlace === true) return { did: act(kept) };
    let descriptor: number;
    try {
      descriptor = openSync(toBytes(path), openFlags);
    } catch (error) {
      if (meansNone(error)) return undefined;
      throw error;
    }
    const directory = new RealDirectory(path, descriptor);
    let isKept = false;
    try {
      if (!directory.isInPlace) return undefined;
      isKept = directory.#keep();
      return { did: act(directory) };
    } finally {
      if (!isKept) closeSync(descriptor);
    }
  }

  /** @returns whether it stays open. */
  #keep(): boolean {
    const kept = RealDirectory.#kept;
    if (kept === undefined || kept.has(this.path) || kept.size >= mostKept) return false;
    kept.set(this.path, this);
    return true;
  }

  /** Whether it is what its path leads to, without a link. */
  get isInPlace(): boolean {
    return fromBytes(readlinkSync(this.place, { encoding: 'buffer' })) === this.path;
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
