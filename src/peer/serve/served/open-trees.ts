/** What this machine needs to show its files, and to run jobs in those of others: the programs, and a directory. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../machine/package-root.ts';
import type { Disk } from '../../../share/disk.ts';
import { HiddenNames } from '../../../tree/hidden-names.ts';
import { servingObstacle } from '../../../tree/probe.ts';
import { removeTree } from '../../../tree/remove-tree.ts';
import { scratchFault } from '../../../tree/scratch-fault.ts';
import type { Settings } from '../../settings.ts';
import { LastingObstacle } from './lasting-obstacle.ts';
import { claimCache, hiddenNamesIn, sweepCaches, treeCachesIn } from './tree-caches.ts';

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
  readonly obstacle: () => string | undefined;
  /** Of what this peer's own jobs write elsewhere. */
  readonly hiddenNames: HiddenNames;
  /** Removes the directory, and what has hidden names. */
  readonly remove: () => Promise<void>;
}

/**
 * Finds them, and makes the directory.
 *
 * @param peerId - names the directory: several machines may have one home directory.
 * @param warnings - the obstacle is among them, as long as there is one.
 */
export async function openTrees(
  { cacheDirectory, treeCacheBytes }: Settings,
  peerId: string,
  warnings: Set<string>,
  disk: Pick<Disk, 'run'>,
): Promise<TreeMeans> {
  // A directory that hangs keeps names that nobody reads.
  const sweepJournal = (journal: string) => disk.run('sweepJournal', journal).catch(() => undefined);
  const [serverProgram, program, jobProgram] = ['swarmtree', 'swarmfs', 'swarmjob'].map((name) =>
    join(packageRoot, 'bin', name),
  ) as [string, string, string];
  const all = treeCachesIn(cacheDirectory);
  const directory = join(all, peerId.slice(-16));
  let claim: { readonly stop: () => void } | undefined;
  const ask = async (): Promise<string | undefined> => {
    try {
      claim ??= await claimCache(directory);
      await sweepCaches(all, sweepJournal).catch((error: unknown) =>
        warnings.add(remainsWarning(all, error)),
      );
      const { type } = await statfs(directory);
      return (
        scratchFault(cacheDirectory, type, release()) ??
        (await servingObstacle(program, join(directory, 'probe')))
      );
    } catch (error) {
      return `${cacheDirectory} cannot be used: ${String(error)}; set BUILDSWARM_CACHE to a directory of yours`;
    }
  };
  const warningOf = (why: string): string => `this machine runs nothing in other machines' files: ${why}`;
  const onChange = (now: string | undefined, before: string | undefined): void => {
    if (before !== undefined) warnings.delete(warningOf(before));
    if (now !== undefined) warnings.add(warningOf(now));
  };
  const obstacle = new LastingObstacle({ ask, onChange });
  await obstacle.start();
  return {
    serverProgram: existsSync(serverProgram) ? serverProgram : undefined,
    program,
    jobProgram,
    directory,
    cacheBytes: treeCacheBytes,
    obstacle: () => obstacle.why,
    hiddenNames: new HiddenNames(hiddenNamesIn(directory)),
    remove: async () => {
      await obstacle.stop();
      claim?.stop();
      await sweepJournal(hiddenNamesIn(directory));
      await removeTree(directory);
    },
  };
}

/** Nothing that this peer does needs it to be gone. */
function remainsWarning(all: string, error: unknown): string {
  return `what a peer that is gone has left cannot be removed (${String(error)}): remove it by hand from ${all}`;
}
