/** What this machine needs to show its files, and to run jobs in those of others: the programs, and a directory. */
import { existsSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { servingObstacle } from '../../../tree/probe.ts';
import { scratchFault } from '../../../tree/scratch-fault.ts';
import type { Settings } from '../../settings.ts';
import { claimCache, sweepCaches, treeCachesIn } from './tree-caches.ts';

const packageRoot = fileURLToPath(new URL('../../../../..', import.meta.url));

export interface TreeMeans {
  /** swarmtree; undefined where it was not compiled. */
  readonly serverProgram: string | undefined;
  /** swarmfs. */
  readonly program: string;
  /** swarmjob. */
  readonly jobProgram: string;
  /** Of this peer alone. */
  readonly directory: string;
  /** Of contents, for each tree. */
  readonly cacheBytes: number;
  /** Why jobs cannot run here in the files of others; undefined if they can. */
  readonly obstacle: string | undefined;
  /** Removes the directory. */
  readonly remove: () => Promise<void>;
}

/** @param peerId - names the directory: several machines may have one home directory. */
export async function openTrees(
  { cacheDirectory, treeCacheBytes }: Settings,
  peerId: string,
): Promise<TreeMeans> {
  const [serverProgram, program, jobProgram] = ['swarmtree', 'swarmfs', 'swarmjob'].map((name) =>
    join(packageRoot, 'bin', name),
  ) as [string, string, string];
  const all = treeCachesIn(cacheDirectory);
  const directory = join(all, peerId.slice(-16));
  let obstacle: string | undefined;
  let claim: { readonly stop: () => void } | undefined;
  try {
    claim = await claimCache(directory);
    await sweepCaches(all);
    const { type } = await statfs(directory);
    obstacle =
      scratchFault(cacheDirectory, type, release()) ??
      (await servingObstacle(program, join(directory, 'probe')));
  } catch (error) {
    obstacle = `${cacheDirectory} cannot be used: ${String(error)}; set BUILDSWARM_CACHE to a directory of yours`;
  }
  return {
    serverProgram: existsSync(serverProgram) ? serverProgram : undefined,
    program,
    jobProgram,
    directory,
    cacheBytes: treeCacheBytes,
    obstacle,
    remove: async () => {
      claim?.stop();
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
