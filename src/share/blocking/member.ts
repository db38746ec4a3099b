/**
 * Member files, `SHARE/.buildswarm/peers/PEERID`: reading one with every check, writing, removing, listing.
 * Every step goes through a descriptor of the directory above (/proc/self/fd/N/NAME), so that nothing that is
 * swapped in between is ever followed. Synchronous: runs in a disk thread.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { joinPath } from '../../core/paths.ts';
import { memberDirectoryName, shareDirectoryName } from '../../core/share-layout.ts';
import { fromBytes, toBytes, toText } from '../../wire/bytes.ts';
import { errorCode, meansAbsent } from './look.ts';
import { privateDirectoryFault, type Verdict } from './root.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

/** Sixteen addresses, a host name and a key are below 6 KiB. */
export const maxMemberBytes = 16 * 1024;
const maxMembers = 4_096;
const temporaryPrefix = '.member-';

/** An Ed25519 PeerId as libp2p prints it; anything else never becomes a file name. */
export function isPeerId(text: string): boolean {
  return /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(text);
}

/** A check that failed; only inside this file. */
class Refusal extends Error {}

/** Not among Node's constants: a name for a directory, which neither reads it nor mounts anything there. Linux. */
const O_PATH = 0o10000000;

function openDirectory(path: string, name: string, how = O_RDONLY | O_NONBLOCK): number {
  try {
    return openSync(toBytes(path), how | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const code = errorCode(error);
    if (meansAbsent(error) || code === 'ELOOP' || code === 'EACCES') {
      const how = code === 'ENOENT' ? 'is not there' : `is no directory of its own (${code})`;
      throw new Refusal(`'${toText(name)}' ${how}`);
    }
    throw error;
  }
}

/**
 * Walks to a directory, one name after the other, without following a link: the path may be a stranger's words, and what
 * was judged of them (see mounts.ts) holds only if they are a real path.
 */
function walkTo(path: string): number {
  let held = openSync('/', O_PATH | O_DIRECTORY);
  let walked = '';
  try {
    for (const name of path.split('/').filter((part) => part !== '')) {
      walked += `/${name}`;
      const next = openDirectory(`/proc/self/fd/${held}/${name}`, walked, O_PATH);
      closeSync(held);
      held = next;
    }
    return openDirectory(`/proc/self/fd/${held}/.`, path);
  } finally {
    closeSync(held);
  }
}

/** Opens `ROOT/.buildswarm/peers` step by step, checks each, and gives `use` the path of the held directory. */
function withPeers<Result>(root: string, use: (peers: string, shown: string) => Result): Result {
  const held: number[] = [];
  const hold = (descriptor: number): string => {
    held.push(descriptor);
    return `/proc/self/fd/${descriptor}`;
  };
  try {
    let directory = hold(walkTo(root));
    // By other means, as a second lock: a directory was moved while it was walked through.
    if (fromBytes(readlinkSync(directory, { encoding: 'buffer' })) !== root)
      throw new Refusal(`'${toText(root)}' is no longer a real path`);
    let shown = root;
    for (const name of [shareDirectoryName, memberDirectoryName]) {
      shown = joinPath(shown, name);
      directory = hold(openDirectory(joinPath(directory, name), shown));
      const fault = privateDirectoryFault(shown, fstatSync(held.at(-1) ?? -1));
      if (fault !== undefined) throw new Refusal(fault);
    }
    return use(directory, shown);
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
}

function verdictOf<Good>(run: () => Verdict<Good>): Verdict<Good> {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, why: error.message };
    throw error;
  }
}

/** A name that changed longer ago than this is not being renamed now; by the clocks of two machines. */
const youngMs = 5_000;
/** A rename on an idle file system takes a tenth of this. */
const renameMs = 10;

/** The text of one member file if every check holds, and when it was written by the file system's own clock. */
function readOne(peers: string, shown: string, peerId: string): { text: string; mtimeMs: number } {
  const name = `'${toText(joinPath(shown, peerId))}'`;
  let descriptor: number;
  try {
    descriptor = openSync(toBytes(joinPath(peers, peerId)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') throw new Refusal(`no member file ${name}`);
    if (code === 'ELOOP') throw new Refusal(`${name} is a link`);
    if (code === 'EACCES' || code === 'ENXIO' || code === 'ESTALE')
      throw new Refusal(`${name} cannot be opened (${code})`);
    throw error;
  }
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFile()) throw new Refusal(`${name} is not a regular file`);
    const uid = process.getuid?.();
    if (Number(stats.uid) !== uid)
      throw new Refusal(`${name} belongs to user ${stats.uid}, not to user ${uid}`);
    const mode = Number(stats.mode) & 0o7777;
    if (mode !== 0o600) throw new Refusal(`${name} has mode 0${mode.toString(8)}; it must be 0600`);
    if (stats.nlink !== 1n) throw new Refusal(`${name} has ${stats.nlink} links; it must have one`);
    const bytes = Buffer.alloc(maxMemberBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (length > maxMemberBytes) throw new Refusal(`${name} is larger than ${maxMemberBytes} bytes`);
    const assertStill = (): void => {
      const now = lstatSync(toBytes(joinPath(peers, peerId)), { throwIfNoEntry: false, bigint: true });
      const last = fstatSync(descriptor, { bigint: true });
      if (now?.ino !== stats.ino || now.nlink !== 1n || last.nlink !== 1n || last.ctimeNs !== stats.ctimeNs)
        throw new Refusal(`${name} was changed while it was read`);
    };
    // The name must still be this file: a hard link that was just removed left one link behind. While another file is
    // renamed over it, its links are counted before its name goes: a file that changed just now is looked at twice.
    assertStill();
    if (Date.now() - Number(stats.ctimeMs) < youngMs) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, renameMs);
      assertStill();
    }
    return { text: bytes.toString('utf8', 0, length), mtimeMs: Number(stats.mtimeNs) / 1e6 };
  } finally {
    closeSync(descriptor);
  }
}

interface MemberName {
  readonly root: string;
  readonly peerId: string;
}

function assertPeerId(peerId: string): void {
  if (!isPeerId(peerId)) throw new Refusal('the name of the peer is not a PeerId');
}

export function readMember({ root, peerId }: MemberName): Verdict<{ readonly text: string }> {
  return verdictOf(() => {
    assertPeerId(peerId);
    return withPeers(root, (peers, shown) => ({ ok: true, text: readOne(peers, shown, peerId).text }));
  });
}

/** Writes a member file under a temporary name and renames it. */
export function writeMember(
  input: MemberName & { readonly text: string; readonly tag: string },
): Verdict<object> {
  const { root, peerId, text, tag } = input;
  return verdictOf(() => {
    assertPeerId(peerId);
    return withPeers(root, (peers) => {
      const temporary = toBytes(joinPath(peers, `${temporaryPrefix}${peerId}-${tag}`));
      const descriptor = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        fchmodSync(descriptor, 0o600);
        writeFileSync(descriptor, text);
      } finally {
        closeSync(descriptor);
      }
      try {
        renameSync(temporary, toBytes(joinPath(peers, peerId)));
      } catch (error) {
        unlinkSync(temporary);
        throw error;
      }
      return { ok: true };
    });
  });
}

/** Removes a member file; it is fine if it is gone. */
export function removeMember({ root, peerId }: MemberName): Verdict<object> {
  return verdictOf(() => {
    assertPeerId(peerId);
    return withPeers(root, (peers) => {
      removeName(joinPath(peers, peerId));
      return { ok: true };
    });
  });
}

/** Every readable member file that passes the checks, but those of peers in `except`, which are not opened. */
export function listMembers({
  root,
  except,
}: {
  readonly root: string;
  readonly except: readonly string[];
}): Verdict<{
  readonly members: readonly { readonly peerId: string; readonly text: string; readonly mtimeMs: number }[];
}> {
  return verdictOf(() =>
    withPeers(root, (peers, shown) => {
      const names = readdirSync(peers)
        .filter((name) => isPeerId(name) && !except.includes(name))
        .slice(0, maxMembers);
      const members = names.flatMap((peerId) => {
        try {
          return { peerId, ...readOne(peers, shown, peerId) };
        } catch (error) {
          if (error instanceof Refusal) return []; // not a member; whoever asks for it by name is told why
          throw error;
        }
      });
      return { ok: true, members };
    }),
  );
}

/** Removes member files (and half-written ones) older than `olderThanMs` by the file system's clock, except `alive`. */
export function sweepMembers(input: {
  readonly root: string;
  readonly olderThanMs: number;
  readonly alive: readonly string[];
  readonly tag: string;
}): Verdict<{ readonly removed: readonly string[] }> {
  const { root, olderThanMs, alive, tag } = input;
  return verdictOf(() =>
    withPeers(root, (peers) => {
      const nowMs = clockOf({ directory: peers, tag });
      const removed: string[] = [];
      for (const name of readdirSync(peers)) {
        const isOurs = isPeerId(name) || name.startsWith(temporaryPrefix);
        if (!isOurs || alive.includes(name)) continue;
        const stats = lstatSync(toBytes(joinPath(peers, name)), { throwIfNoEntry: false });
        if (stats === undefined || stats.isDirectory() || nowMs - stats.mtimeMs < olderThanMs) continue;
        removeName(joinPath(peers, name));
        removed.push(name);
      }
      return { ok: true, removed };
    }),
  );
}

/** The time by the clock of the file system that a directory is on: the mtime of a file made there, and removed. */
export function clockOf(input: { readonly directory: string; readonly tag: string }): number {
  const path = toBytes(joinPath(input.directory, `${temporaryPrefix}clock-${input.tag}`));
  const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    return fstatSync(descriptor).mtimeMs;
  } finally {
    closeSync(descriptor);
    unlinkSync(path);
  }
}

/** Removes a name; it is fine if it is gone. */
export function removeName(path: string): boolean {
  try {
    unlinkSync(toBytes(path));
    return true;
  } catch (error) {
    if (meansAbsent(error)) return false;
    throw error;
  }
}
