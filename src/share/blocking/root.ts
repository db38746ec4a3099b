/**
 * Finding and making the root of a share, and real paths below it. Synchronous: runs in a disk thread.
 */
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { ancestors, baseName, isBelow, joinPath, parentOf } from '../../core/paths.ts';
import { memberDirectory, shareDirectory } from '../../core/share-layout.ts';
import type { WorkingPlace } from '../../core/tree/serving-policy.ts';
import { fromBytes, toBytes, toText } from '../../wire/bytes.ts';
import { errorCode, meansAbsent } from './look.ts';

export type Verdict<Good> = ({ readonly ok: true } & Good) | { readonly ok: false; readonly why: string };

function quoted(path: string): string {
  return `'${toText(path)}'`;
}

export function realPathOf(path: string): string {
  return fromBytes(realpathSync.native(toBytes(path), { encoding: 'buffer' }));
}

const ownUid = (): number => process.getuid?.() ?? -1;
const octal = (mode: number): string => `0${(mode & 0o7777).toString(8)}`;

/** What is wrong with a directory that only its owner may enter; undefined if nothing is. */
export function privateDirectoryFault(
  path: string,
  stats: { isDirectory(): boolean; isSymbolicLink(): boolean; readonly uid: number; readonly mode: number },
): string | undefined {
  if (stats.isSymbolicLink()) return `${quoted(path)} is a link; it must be a directory itself`;
  if (!stats.isDirectory()) return `${quoted(path)} is not a directory`;
  if (stats.uid !== ownUid())
    return `${quoted(path)} belongs to user ${stats.uid}, and this peer runs as user ${ownUid()}`;
  if ((stats.mode & 0o7777) !== 0o700)
    return `${quoted(path)} has mode ${octal(stats.mode)}; it must be 0700 (chmod 700 ${quoted(path)})`;
  return undefined;
}

export type RootFinding =
  | { readonly found: true; readonly realPath: string; readonly root: string }
  | { readonly found: false; readonly realPath: string; readonly why: string; readonly faulty: boolean };

/**
 * The nearest directory at or above `path` with a usable `.buildswarm`. One of another user is passed over (their
 * share is not ours), one of ours with wrong modes ends the search: whoever made it meant it.
 */
export function findRoot(path: string): RootFinding {
  const realPath = realPathOf(path);
  let foreign: string | undefined;
  for (let directory = realPath; ; directory = parentOf(directory)) {
    const candidate = shareDirectory(directory);
    let stats: Stats | undefined;
    try {
      stats = lstatSync(toBytes(candidate), { throwIfNoEntry: false });
    } catch (error) {
      if (!meansAbsent(error) && errorCode(error) !== 'EACCES') throw error;
    }
    if (stats !== undefined) {
      const fault = privateDirectoryFault(candidate, stats);
      if (fault === undefined) return { found: true, realPath, root: directory };
      if (stats.uid === ownUid()) return { found: false, realPath, why: fault, faulty: true };
      foreign ??= fault;
    }
    if (directory === '/') break;
  }
  const none = `no directory at or above ${quoted(realPath)} is a share`;
  return { found: false, realPath, why: foreign === undefined ? none : `${none}: ${foreign}`, faulty: false };
}

/** The topmost directory of our own on the way from a mount point down to `realPath`; undefined if none is ours. */
export function topmostOwn(input: {
  readonly mountPoint: string;
  readonly realPath: string;
}): string | undefined {
  const { mountPoint, realPath } = input;
  const ends: number[] = [mountPoint === '/' ? 1 : mountPoint.length];
  for (let at = realPath.indexOf('/', ends[0]); at >= 0; at = realPath.indexOf('/', at + 1))
    if (at > 0) ends.push(at);
  ends.push(realPath.length);
  for (const end of ends) {
    const directory = realPath.slice(0, end);
    const stats = statSync(toBytes(directory), { throwIfNoEntry: false });
    if (stats?.isDirectory() === true && stats.uid === ownUid()) return directory;
  }
  return undefined;
}

/** What decides which directories a job of a directory may write below; undefined if that is not there. */
export function workingPlace(input: {
  readonly cwd: string;
  readonly home: string | undefined;
  /** Directories in which programs are searched. */
  readonly search: readonly string[];
}): (WorkingPlace & { readonly search: readonly string[] }) | undefined {
  const realPath = realPathIfAny(input.cwd);
  if (realPath === undefined) return undefined;
  const owned = [...ancestors(realPath, '/'), realPath].filter(
    (directory) => statSync(toBytes(directory), { throwIfNoEntry: false })?.uid === ownUid(),
  );
  const temporary = ['/tmp', '/var/tmp'].flatMap((directory) => realPathIfAny(directory) ?? []);
  return {
    realPath,
    owned,
    home: input.home === undefined ? undefined : realPathIfAny(input.home),
    temporary: [...new Set(temporary)],
    isRoot: ownUid() === 0,
    search: [...new Set(input.search.flatMap((directory) => realPathIfAny(directory) ?? []))].filter(
      isPrivate,
    ),
  };
}

/** True of a directory of our own that not everybody may look into. */
function isPrivate(path: string): boolean {
  const everybody = [...ancestors(path, '/'), path].every((directory) => {
    const mode = statSync(toBytes(directory), { throwIfNoEntry: false })?.mode ?? 0;
    return (mode & (directory === path ? 0o005 : 0o001)) === (directory === path ? 0o005 : 0o001);
  });
  return !everybody && statSync(toBytes(path), { throwIfNoEntry: false })?.uid === ownUid();
}

/** Number of the device that a directory lies on, decimal. */
export function deviceOf(path: string): string {
  return String(statSync(toBytes(path), { bigint: true }).dev);
}

function makePrivateDirectory(path: string): string | undefined {
  try {
    mkdirSync(toBytes(path), { mode: 0o700 });
    // A set-group-ID parent or a default ACL leaves more than was asked for.
    chmodSync(toBytes(path), 0o700);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return privateDirectoryFault(path, lstatSync(toBytes(path)));
}

const makeFailures: Record<string, string> = {
  EACCES: 'you may not write there',
  EPERM: 'the file system does not allow it',
  EROFS: 'it is mounted read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your quota is used up',
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a directory',
  EIO: 'the disk does not work',
};

/** Makes `.buildswarm/` and `.buildswarm/peers/` in a directory (a real path); it is fine if they are there. */
export function makeRoot(directory: string): Verdict<{ readonly root: string }> {
  try {
    const own = shareDirectory(directory);
    const fault = makePrivateDirectory(own) ?? makePrivateDirectory(memberDirectory(directory));
    return fault === undefined ? { ok: true, root: directory } : { ok: false, why: fault };
  } catch (error) {
    const code = errorCode(error);
    // What no errno names is a bug here.
    if (!/^(?:E[A-Z0-9]+|errno \d+)$/.test(code)) throw error;
    const cause = makeFailures[code] ?? 'the file system does not do it';
    return { ok: false, why: `cannot make ${quoted(directory)} a share: ${cause} (${code})` };
  }
}

export function realPathIfAny(path: string): string | undefined {
  try {
    return realPathOf(path);
  } catch (error) {
    if (meansAbsent(error)) return undefined;
    throw error;
  }
}

/** The real path of what may not exist yet: that of the nearest directory that does, and the rest of the name. */
function realPathToBe(path: string): Verdict<{ readonly realPath: string }> {
  let rest = '';
  for (let at = path; ; at = parentOf(at)) {
    const real = realPathIfAny(at);
    if (real !== undefined) return { ok: true, realPath: rest === '' ? real : joinPath(real, rest) };
    const name = baseName(at);
    if (name === '..' || name === '.')
      return { ok: false, why: `${quoted(path)} goes through a missing directory` };
    const stats = lstatSync(toBytes(at), { throwIfNoEntry: false });
    if (stats?.isSymbolicLink() === true)
      return { ok: false, why: `${quoted(at)} is a link that leads nowhere` };
    rest = rest === '' ? name : `${name}/${rest}`;
    if (at === '/') return { ok: false, why: `${quoted(path)} is not an absolute path` };
  }
}

/** For each path its real path, or why it is not below `root` (itself a real path). */
export function realPathsBelow(input: {
  readonly root: string;
  readonly paths: readonly string[];
}): Verdict<{ readonly realPath: string }>[] {
  const { root, paths } = input;
  return paths.map((path) => {
    if (!path.startsWith('/') || path.includes('\0'))
      return { ok: false, why: `${quoted(path)} is not an absolute path` };
    let verdict: Verdict<{ readonly realPath: string }>;
    try {
      verdict = realPathToBe(path.length > 1 ? path.replace(/\/+$/, '') || '/' : path);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ELOOP' || code === 'EACCES' || code === 'ENAMETOOLONG')
        return { ok: false, why: `the real path of ${quoted(path)} cannot be found (${code})` };
      throw error;
    }
    if (!verdict.ok) return verdict;
    const { realPath } = verdict;
    if (isBelow(root, realPath)) return verdict;
    return {
      ok: false,
      why: `${quoted(path)} is ${quoted(realPath)}, which is outside the share ${quoted(root)}`,
    };
  });
}

/** True if we may make, rename and remove names in a directory. */
export function isWritableDirectory(path: string): boolean {
  try {
    accessSync(toBytes(path), constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false; // whatever it is: the compiler that tries will say it better
  }
}
