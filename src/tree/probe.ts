/** Whether jobs of other machines can run on this one in their submitter's files, and what to do if not. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '../core/swarm-error.ts';
import { TreeMount } from './tree-mount.ts';

const overlayTimeoutMs = 10_000;

/** By the step at which swarmfs failed. */
const cures: readonly (readonly [step: string, cure: string])[] = [
  [
    'device',
    'this user cannot open /dev/fuse; load the module fuse, and give the device mode 0666, as udev does everywhere',
  ],
  [
    'user-namespace',
    'this user may not make user namespaces; as root: sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0',
  ],
  [
    'mount',
    'mounting in a user namespace is not allowed; where AppArmor restricts it, as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; in a container: allow it mount',
  ],
];

/** Layers of what jobs write lie there: not every file system takes them. */
async function overlayObstacle(directory: string): Promise<string | undefined> {
  const [lower, upper, work, over] = ['l', 'u', 'w', 'o'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const each of [lower, upper, work, over]) await mkdir(each);
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work},userxattr`;
  const argv = ['-Urm', 'mount', '-t', 'overlay', '-o', layers, 'buildswarm', over];
  return await new Promise((resolve) => {
    execFile('unshare', argv, { timeout: overlayTimeoutMs }, (error) => {
      // Without util-linux it is not known, and the first job tells.
      const isUnknown = error === null || (error as NodeJS.ErrnoException).code === 'ENOENT';
      resolve(
        isUnknown
          ? undefined
          : `no overlay can be mounted over ${directory}; set BUILDSWARM_CACHE to a directory on ext4, xfs or btrfs, and use Linux 5.11 or later`,
      );
    });
  });
}

/**
 * Mounts an empty tree, and takes it away again.
 *
 * @param program - swarmfs, compiled.
 * @param directory - made and removed.
 * @returns why it cannot be done, with the cure; undefined if it can.
 */
export async function servingObstacle(program: string, directory: string): Promise<string | undefined> {
  if (!existsSync(program)) return 'there is no bin/swarmfs; install gcc or clang and build again';
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const mount = await TreeMount.start({
      program,
      directory,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      groups: [],
      // Nobody looks at anything in it.
      onRequest: () => undefined,
      onFault: () => undefined,
      onLost: () => undefined,
    });
    await mount.close();
    return await overlayObstacle(directory);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!(error instanceof SwarmError)) return why;
    return cures.find(([step]) => why.includes(`${step}: `))?.[1] ?? why;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
