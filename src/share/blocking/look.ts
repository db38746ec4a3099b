/**
 * Looking at paths: facts, plain and fresh, and the refreshing of directories. Synchronous: runs in a disk thread.
 * What is stale on NFS and what cures it was measured; see docs/NFS.md.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { constants as systemConstants } from 'node:os';
import { absent, type Fact } from '../../core/fact.ts';
import { parentOf } from '../../core/paths.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_DIRECTORY, S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = constants;
const errnoNumbers: Readonly<Record<string, number>> = systemConstants.errno;
const kindMask = BigInt(S_IFMT);
const kinds = new Map<bigint, Fact['kind']>([
  [BigInt(S_IFREG), 'file'],
  [BigInt(S_IFDIR), 'directory'],
  [BigInt(S_IFLNK), 'link'],
]);

/** Errors that mean "there is nothing at this path". */
export function meansAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * The errno's name of what a node:fs call threw. libuv has no name for some that network file systems give
 * (ESTALE, EDQUOT): it calls them `Unknown system error -116`.
 */
export function errorCode(error: unknown): string {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (errno !== undefined && (code === undefined || code.startsWith('Unknown')))
    return Object.entries(errnoNumbers).find(([, number]) => number === -errno)?.[0] ?? `errno ${-errno}`;
  return code ?? 'INTERNAL';
}

export function toFact(stats: BigIntStats): Fact {
  return {
    kind: kinds.get(stats.mode & kindMask) ?? 'other',
    inode: stats.ino.toString(),
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs.toString(),
    ctimeNs: stats.ctimeNs.toString(),
  };
}

/** Opens, looks, closes: on NFS this is what makes the client ask the server (close-to-open). */
function statByOpening(path: Buffer, flags: number): BigIntStats {
  const descriptor = openSync(path, flags);
  try {
    return fstatSync(descriptor, { bigint: true });
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The fact of a link: its own inode and target, with size and times of what it leads to, since that is what a
 * compiler reads. A link that leads nowhere has size -1.
 */
function linkFact(path: Buffer, link: BigIntStats, fresh: boolean): Fact {
  const target = fromBytes(readlinkSync(path, { encoding: 'buffer' }));
  let behind = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (fresh && behind !== undefined && kinds.get(behind.mode & kindMask) !== undefined) {
    try {
      behind = statByOpening(path, O_RDONLY | O_NONBLOCK);
    } catch (error) {
      // Unreadable: the plain look is the best there is, and the compiler will say EACCES itself.
      if (meansAbsent(error)) behind = undefined;
    }
  }
  return {
    kind: 'link',
    inode: `${link.ino}>${target}${behind === undefined ? '' : `>${behind.ino}`}`,
    sizeBytes: behind === undefined ? -1 : Number(behind.size),
    mtimeNs: (behind ?? link).mtimeNs.toString(),
    ctimeNs: (behind ?? link).ctimeNs.toString(),
  };
}

/**
 * The fact of one path as this machine sees it. Never opens a device or a FIFO.
 *
 * @param fresh - ask the server (open and close) instead of believing cached attributes. A name that is cached as
 *   missing, or a name that was renamed over, needs its directory refreshed first ({@link refreshDirectory}).
 */
export function look(path: string, fresh: boolean): Fact {
  try {
    return lookOnce(path, fresh);
  } catch (error) {
    // The name leads to a file that the server no longer has: it was renamed over while somebody here has it open.
    if (errorCode(error) !== 'ESTALE') throw error;
    refreshDirectory(parentOf(path));
    return lookOnce(path, fresh);
  }
}

function lookOnce(path: string, fresh: boolean): Fact {
  const bytes = toBytes(path);
  try {
    const stats = lstatSync(bytes, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return absent;
    const kind = kinds.get(stats.mode & kindMask);
    if (kind === 'link') return linkFact(bytes, stats, fresh);
    if (!fresh || kind === undefined) return toFact(stats);
    return toFact(statByOpening(bytes, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  } catch (error) {
    if (meansAbsent(error)) return absent;
    const code = errorCode(error);
    // Not readable, or no longer what lstat saw: look once more without opening.
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ELOOP' && code !== 'ENXIO') throw error;
    const stats = lstatSync(bytes, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? absent : toFact(stats);
  }
}

export function lookAll(input: { readonly paths: readonly string[]; readonly fresh: boolean }): Fact[] {
  return input.paths.map((path) => look(path, input.fresh));
}

/**
 * Opens and closes a directory, which makes an NFS client ask the server whether it changed, and forget what it
 * believed about the names in it if so. Also yields the directory's own fresh fact.
 */
export function refreshDirectory(path: string): Fact {
  try {
    return toFact(statByOpening(toBytes(path), O_RDONLY | O_DIRECTORY | O_NONBLOCK));
  } catch (error) {
    if (meansAbsent(error)) return absent;
    // A directory that may be searched but not read cannot be opened; nor can its names be refreshed.
    if (errorCode(error) === 'EACCES') return { ...look(path, false), kind: 'other' };
    throw error;
  }
}

export function refreshAll(directories: readonly string[]): Fact[] {
  return directories.map(refreshDirectory);
}
