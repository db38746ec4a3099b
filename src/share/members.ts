/**
 * Who may use this peer: whoever could put a file with its key into the share's `peers` directory as the same user.
 * Noise has proven that the other end owns its PeerId; the file proves that it is us. Both ends check, each through
 * its own mount. What is checked and why stands in docs/SECURITY.md.
 */
import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { memberDirectory } from '../core/share-layout.ts';
import type { Verdict } from './blocking/root.ts';
import type { Disk } from './disk.ts';
import { touchDirectories } from './touch.ts';

export interface Member {
  readonly peerId: string;
  /** The whole public key, base64. */
  readonly publicKey: string;
  readonly host: string;
  /** Multiaddrs without the /p2p/ part. */
  readonly addresses: readonly string[];
  /** Start of the peer, ms since the epoch. */
}

const memberSchema = v.object({
  peerId: v.pipe(v.string(), v.maxLength(64)),
  publicKey: v.pipe(v.string(), v.minLength(16), v.maxLength(512)),
  host: v.pipe(v.string(), v.maxLength(256)),
  addresses: v.pipe(v.array(v.pipe(v.string(), v.maxLength(256))), v.maxLength(16)),
});

function parseMember(text: string): Member | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // the caller says that it is no member file
  }
  const parsed = v.safeParse(memberSchema, json);
  return parsed.success ? parsed.output : undefined;
}

const newTag = (): string => randomBytes(8).toString('hex');

/** Dead peers' files stay this long: nobody minds them, and a peer on a suspended laptop comes back. */
export const memberLifeMs = 24 * 3600 * 1000;

/**
 * Writes this peer's member file (0600, temporary name and rename), before it is needed: a name that was looked up
 * too early stays missing on NFS. Then makes the change visible to NFSv3 clients that looked in the same clock tick.
 * Write it again every few hours: files older than a day are swept.
 */
export async function writeMemberFile(disk: Disk, root: string, member: Member): Promise<Verdict<object>> {
  const written = await disk.run('writeMember', {
    root,
    peerId: member.peerId,
    text: `${JSON.stringify(member)}\n`,
    tag: newTag(),
  });
  if (written.ok) await touchDirectories(disk, [memberDirectory(root)]);
  return written;
}

/**
 * Is this peer a member of the share at `root`? Directories real, ours and 0700; the file opened below a held
 * directory without following links, regular, ours, 0600, one link, of bounded size; the key in it equal.
 * Look again every 30 s: removing the file revokes.
 *
 * @param publicKey - as Noise proved it, base64.
 */
export async function checkMember(
  disk: Disk,
  root: string,
  peer: { readonly peerId: string; readonly publicKey: string },
): Promise<Verdict<{ readonly addresses: readonly string[] }>> {
  const read = await disk.run('readMember', { root, peerId: peer.peerId });
  if (!read.ok) return read;
  const member = parseMember(read.text);
  if (member === undefined)
    return { ok: false, why: `the member file of ${peer.peerId} is not one (its text is damaged)` };
  if (member.peerId !== peer.peerId)
    return { ok: false, why: `the member file of ${peer.peerId} names another peer` };
  if (member.publicKey !== peer.publicKey)
    return { ok: false, why: `the member file of ${peer.peerId} holds another public key` };
  return { ok: true, addresses: member.addresses };
}

/**
 * All members that have a proper file: the address book where there is no multicast. Their keys are not proven.
 *
 * @param except - ids that need not be read.
 */
export async function listMembers(
  disk: Disk,
  root: string,
  except: readonly string[] = [],
): Promise<Verdict<{ readonly members: readonly Member[] }>> {
  const listed = await disk.run('listMembers', { root, except });
  if (!listed.ok) return listed;
  const members = listed.members.flatMap(({ peerId, text }) => {
    const member = parseMember(text);
    return member?.peerId === peerId ? member : [];
  });
  return { ok: true, members };
}

/** Removes a member file: at this peer's own stop. */
export function removeMemberFile(disk: Disk, root: string, peerId: string): Promise<Verdict<object>> {
  return disk.run('removeMember', { root, peerId });
}

/** Removes files of peers that have not renewed theirs for a day (by the file system's own clock), except `alive`. */
export function sweepMembers(
  disk: Disk,
  root: string,
  options: { readonly alive: readonly string[]; readonly olderThanMs?: number },
): Promise<Verdict<{ readonly removed: readonly string[] }>> {
  const { alive, olderThanMs = memberLifeMs } = options;
  return disk.run('sweepMembers', { root, olderThanMs, alive, tag: newTag() });
}
