/** Whether jobs of other machines can run on this one in their submitter's files, and what to do if not. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '../core/swarm-error.ts';
import { removeTree } from './remove-tree.ts';
import { TreeMount } from './tree-mount.ts';

const restriction = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';

const appArmor =
  'AppArmor keeps this user from using namespaces; as root, once: buildswarm doctor --apparmor >/etc/apparmor.d/buildswarm && apparmor_parser -r /etc/apparmor.d/buildswarm';
/** What forbids it to some programs of a user says "permission denied"; what forbids it to a user, "not permitted". */
const forbidden = 13;

/** By the step at which swarmfs failed. */
const cures: Readonly<Record<string, string>> = {
  device:
    'this user cannot open /dev/fuse; load the module fuse, and give the device mode 0666, as udev does everywhere',
  'user-namespace':
    'this user may not make user namespaces; as root: sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1 (Debian)',
  'mount-namespace': 'mounting in a user namespace is not allowed; in a container: allow it mount',
  mount: 'mounting in a user namespace is not allowed; in a container: allow it mount',
  overlay:
    'no overlay can be mounted over the directory of BUILDSWARM_CACHE; set it to a directory on ext4, xfs or btrfs, and use Linux 5.11 or later',
};
const ofNamespaces = ['user-namespace', 'mount-namespace', 'mount', 'overlay'];

/**
 * What to do, in words.
 *
 * @param why - how swarmfs put it.
 * @param isRestricted - AppArmor takes from user namespaces what makes them useful.
 */
export function servingCure(why: string, isRestricted: boolean): string {
  const [, step = '', errno] = /(?:^|\s)([a-z-]+): errno (\d+)/.exec(why) ?? [];
  if (isRestricted && ofNamespaces.includes(step)) return appArmor;
  if (step === 'user-namespace' && Number(errno) === forbidden)
    return `${appArmor} (or SELinux does: allow it user_namespace create)`;
  return cures[step] ?? why;
}

/** Whether AppArmor restricts this user's namespaces; root's are never. */
async function isRestricted(): Promise<boolean> {
  if (process.geteuid?.() === 0) return false;
  try {
    return (await readFile(restriction, 'latin1')).trim() !== '0';
  } catch {
    return false; // a kernel without it
  }
}

/**
 * Mounts an empty tree and an overlay, and takes them away again.
 *
 * @param program - swarmfs, compiled.
 * @param directory - made and removed, where jobs will write.
 * @returns why it cannot be done, with the cure; undefined if it can.
 */
export async function servingObstacle(program: string, directory: string): Promise<string | undefined> {
  if (!existsSync(program)) return 'there is no bin/swarmfs; install gcc or clang and build again';
  try {
    const overlay = join(directory, 'overlay');
    for (const layer of ['l', 'u', 'w', 'o'])
      await mkdir(join(overlay, layer), { recursive: true, mode: 0o700 });
    const mount = await TreeMount.start({
      program,
      directory,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      groups: [],
      overlay,
      // Nobody looks at anything in it.
      onRequest: () => undefined,
      onFault: () => undefined,
      onLost: () => undefined,
    });
    await mount.close();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return error instanceof SwarmError ? servingCure(why, await isRestricted()) : why;
  } finally {
    await removeTree(directory);
  }
}
