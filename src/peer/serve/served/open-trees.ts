/** What this machine needs to show its files, and to run jobs in those of others: the programs, and a directory. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { servingObstacle } from '../../../tree/probe.ts';
import type { Settings } from '../../settings.ts';

const packageRoot = fileURLToPath(new URL('../../../../..', import.meta.url));
/** A peer that was killed leaves its directory; one that lives touches it more often than this. */
const abandonedMs = 24 * 3_600_000;
const touchMs = 3_600_000;

export interface TreeMeans {
  /** swarmtree; undefined where it was not compiled. */
  readonly serverProgram: string | undefined;
  /** swarmfs. */
  readonly program: string;
  /** swarmjob. */
  readonly jobProgram: string;
  /** Of this peer alone. */
  readonly directory: string;
  /** Why jobs cannot run here in the files of others; undefined if they can. */
  readonly obstacle: string | undefined;
  /** Removes the directory. */
  readonly remove: () => Promise<void>;
}

/** @param peerId - names the directory: several machines may have one home directory. */
export async function openTrees({ cacheDirectory }: Settings, peerId: string): Promise<TreeMeans> {
  const [serverProgram, program, jobProgram] = ['swarmtree', 'swarmfs', 'swarmjob'].map((name) =>
    join(packageRoot, 'bin', name),
  ) as [string, string, string];
  const all = join(cacheDirectory, 'trees');
  const directory = join(all, peerId.slice(-16));
  let obstacle: string | undefined;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await sweep(all);
    obstacle = await servingObstacle(program, join(directory, 'probe'));
  } catch (error) {
    obstacle = `${cacheDirectory} cannot be used: ${String(error)}; set BUILDSWARM_CACHE to a directory of yours`;
  }
  const touching = setInterval(() => {
    const now = new Date();
    utimes(directory, now, now).catch(() => undefined); // removed by hand: the next tree makes it again
  }, touchMs).unref();
  return {
    serverProgram: existsSync(serverProgram) ? serverProgram : undefined,
    program,
    jobProgram,
    directory,
    obstacle,
    remove: async () => {
      clearInterval(touching);
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

async function sweep(all: string): Promise<void> {
  for (const name of await readdir(all)) {
    const path = join(all, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined && Date.now() - stats.mtimeMs > abandonedMs)
      await rm(path, { recursive: true, force: true });
  }
}
