/** What the system lets this process have: descriptors, processes, watches, room on disks. */
import { readdir, readFile, statfs } from 'node:fs/promises';

export interface ProcessLimits {
  /** Soft limits; Infinity: none, undefined: not known. */
  readonly descriptors: number | undefined;
  readonly processes: number | undefined;
  readonly openDescriptors: number | undefined;
}

/** @param text - of /proc/PID/limits. @returns the soft limit of that name, Infinity for none. */
export function parseLimit(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(name));
  const word = line?.slice(name.length).trim().split(/\s+/)[0];
  if (word === undefined || word === '') return undefined;
  return word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word);
}

export async function readProcessLimits(): Promise<ProcessLimits> {
  const text = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const open = await readdir('/proc/self/fd').catch(() => undefined); // as when no descriptor is left
  return {
    descriptors: parseLimit(text, 'Max open files'),
    processes: parseLimit(text, 'Max processes'),
    openDescriptors: open?.length,
  };
}

/** How many files one user may watch; undefined where that is not known. */
export async function inotifyWatches(): Promise<number | undefined> {
  const found = await Promise.all(
    ['/proc/sys/fs/inotify/max_user_watches', '/proc/sys/user/max_inotify_watches'].map(async (path) => {
      const text = await readFile(path, 'latin1').catch(() => undefined); // not on this kernel
      return text === undefined ? undefined : Number(text);
    }),
  );
  const known = found.filter((count) => count !== undefined && Number.isFinite(count)) as number[];
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Bytes that this user may still write below a directory; undefined where it cannot be asked in time. */
export async function freeBytes(directory: string): Promise<number | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, 2_000, undefined);
  });
  const asked = statfs(directory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined, // it does not exist: whoever needs it says so
  );
  return await Promise.race([asked, late]).finally(() => clearTimeout(timer));
}
