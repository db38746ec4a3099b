/**
 * Where peers of this user keep other machines' files while jobs run in them: one directory a peer, as several may share a
 * home directory. What a peer that was killed has left is known by its owner: the process that is named in it is gone.
 */
import { lstat, mkdir, readdir, readFile, readlink, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readProcess } from '../../../machine/process-tree.ts';
import { removeTree } from '../../../tree/remove-tree.ts';

/** Of a peer that cannot be seen from here: one that lives touches its directory more often than this. */
const abandonedMs = 24 * 3_600_000;
const touchMs = 3_600_000;
const ownerName = 'owner';

export interface TreeCache {
  readonly path: string;
  readonly sizeBytes: number;
  /** No peer uses it. */
  readonly isAbandoned: boolean;
}

/** Below the directory for all that buildswarm keeps. */
export function treeCachesIn(cacheDirectory: string): string {
  return join(cacheDirectory, 'trees');
}

/** Where the peer that a directory belongs to notes where its hidden names lie. */
export function hiddenNamesIn(directory: string): string {
  return join(directory, 'hidden');
}

/** Makes a directory this process's own; `stop` lets it grow old again. @throws errors of the file system */
export async function claimCache(directory: string): Promise<{ readonly stop: () => void }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const started = readProcess(process.pid)?.startTicks ?? 0;
  await writeFile(join(directory, ownerName), `${await viewOfProcesses()} ${process.pid} ${started}\n`);
  const touching = setInterval(() => {
    const now = new Date();
    utimes(directory, now, now).catch(() => undefined); // removed by hand: the next tree makes it again
  }, touchMs).unref();
  return { stop: () => clearInterval(touching) };
}

/** All of them, each with what it takes on the disk; none where there is no such directory. */
export async function listCaches(all: string): Promise<TreeCache[]> {
  const caches: TreeCache[] = [];
  for (const name of await namesIn(all)) {
    const path = join(all, name);
    caches.push({ path, sizeBytes: await sizeOf(path), isAbandoned: await isAbandoned(path) });
  }
  return caches;
}

/**
 * Removes those that no peer uses, and what those peers have left elsewhere under hidden names; one that cannot be removed
 * keeps no other.
 *
 * @param sweepJournal - see share/blocking/hidden-journal.ts.
 * @throws errors of the file system: the first
 */
export async function sweepCaches(all: string, sweepJournal: (journal: string) => unknown): Promise<void> {
  let failure: unknown;
  for (const name of await namesIn(all)) {
    const path = join(all, name);
    try {
      if (!(await isAbandoned(path))) continue;
      await sweepJournal(hiddenNamesIn(path));
      await removeTree(path);
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

/** Names the kernel and the view of processes: within both, a number and a start name one process for good. */
async function viewOfProcesses(): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
  return `${boot} ${await readlink('/proc/self/ns/pid')}`;
}

async function isAbandoned(directory: string): Promise<boolean> {
  try {
    const owner = await readFile(join(directory, ownerName), 'latin1').catch(() => '');
    const [boot, view, pid, started] = owner.trim().split(' ');
    if (started !== undefined && `${boot} ${view}` === (await viewOfProcesses())) {
      const found = readProcess(Number(pid));
      return found === undefined || found.hasEnded || found.startTicks !== Number(started);
    }
    return Date.now() - (await stat(directory)).mtimeMs > abandonedMs;
  } catch (error) {
    // It is going away just now.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** What a directory and all below take on the disk; what goes away meanwhile is not counted. */
async function sizeOf(path: string): Promise<number> {
  let sizeBytes = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const stats = await lstat(join(entry.parentPath, entry.name)).catch(() => undefined);
    sizeBytes += (stats?.blocks ?? 0) * 512;
  }
  return sizeBytes;
}
