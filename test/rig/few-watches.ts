/** A swarmtree that may watch next to nothing: limits of watches are those of a user namespace. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { builtPrograms } from './programs.ts';

/** Why there can be none here. */
export const noFewWatches: string | false =
  spawnSync('unshare', ['-Ur', 'true']).status === 0 ? false : 'no user namespace can be made here';

/** Makes a program in `directory` that is a swarmtree with `most` watches. @returns its path */
export function swarmtreeWithFewWatches(directory: string, most: number): string {
  const program = path.join(directory, 'few-watches');
  const few = `echo ${most} >/proc/sys/user/max_inotify_watches && exec ${builtPrograms().swarmtree}`;
  writeFileSync(program, `#!/bin/sh\nexec unshare -Ur sh -c '${few}'\n`, { mode: 0o755 });
  return program;
}
