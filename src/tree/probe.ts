/** Whether jobs of other machines can run on this one in their submitter's files, and what to do if not. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { SwarmError } from '../core/swarm-error.ts';
import { TreeMount } from './tree-mount.ts';

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
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!(error instanceof SwarmError)) return why;
    return cures.find(([step]) => why.includes(`${step}: `))?.[1] ?? why;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
