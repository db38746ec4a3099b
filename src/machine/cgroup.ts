/**
 * What the control groups of this process leave it: CPU quota and memory, versions 1 and 2. Read at once: the kernel has
 * these files in its memory, and a thread for each step of some ten of them costs more than to read them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

function readNumbers(path: string): number[] | undefined {
  try {
    return readFileSync(path, 'latin1')
      .trim()
      .split(/\s+/)
      .map((word) => (word === 'max' ? Number.POSITIVE_INFINITY : Number(word)));
  } catch {
    return undefined; // no such group or controller: no limit
  }
}

interface Group {
  readonly version: 1 | 2;
  /** Of this process, below the controller's mount. */
  readonly path: string;
}

/** The group of this process for a controller, from the text of /proc/self/cgroup. */
function parseGroup(text: string, controller: string): Group | undefined {
  let unified: Group | undefined;
  for (const line of text.split('\n')) {
    const [, id, controllers = '', path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (id === '0' && controllers === '') unified = { version: 2, path };
    else if (controllers.split(',').includes(controller)) return { version: 1, path };
  }
  return unified;
}

/** Where the kernel shows control groups. */
export interface CgroupFiles {
  /** The text that names the groups of this process. */
  readonly self: string;
  /** Where they are mounted. */
  readonly mounts: string;
}

const realFiles: CgroupFiles = { self: '/proc/self/cgroup', mounts: '/sys/fs/cgroup' };

/**
 * The directories of a group and of all above it, which limit it as well; innermost first. In a container the group
 * may be mounted as if it were the top: then only the last of them is there.
 */
function groupDirectories(group: Group, controller: string, mounts: string): string[] {
  // Where both versions are mounted, the second is beside the controllers of the first.
  const unified = [join(mounts, 'unified')].find((path) => existsSync(path)) ?? mounts;
  const top = group.version === 2 ? unified : join(mounts, controller);
  const directories: string[] = [];
  for (let path = group.path; ; path = dirname(path)) {
    directories.push(join(top, path));
    if (path === '/' || path === '.') return directories;
  }
}

function directoriesOf(
  controller: string,
  files: CgroupFiles,
): { version: 1 | 2; directories: string[] } | undefined {
  let text: string;
  try {
    text = readFileSync(files.self, 'latin1');
  } catch {
    return undefined; // a kernel without control groups
  }
  const group = parseGroup(text, controller);
  return group === undefined
    ? undefined
    : { version: group.version, directories: groupDirectories(group, controller, files.mounts) };
}

/** The CPU quota in cores, undefined if there is none. */
export function cgroupCpuLimit(files = realFiles): number | undefined {
  const found = directoriesOf('cpu', files);
  let limit = Number.POSITIVE_INFINITY;
  for (const directory of found?.directories ?? []) {
    const [quota, period] =
      found?.version === 2
        ? (readNumbers(join(directory, 'cpu.max')) ?? [])
        : [
            readNumbers(join(directory, 'cpu.cfs_quota_us'))?.[0],
            readNumbers(join(directory, 'cpu.cfs_period_us'))?.[0],
          ];
    if (quota !== undefined && period !== undefined && quota > 0 && period > 0)
      limit = Math.min(limit, quota / period);
  }
  return Number.isFinite(limit) ? limit : undefined;
}

/** Memory that is left to this process below its groups' limits, in bytes; undefined if there is no limit. */
export function cgroupFreeBytes(files = realFiles): number | undefined {
  const found = directoriesOf('memory', files);
  let free = Number.POSITIVE_INFINITY;
  for (const directory of found?.directories ?? []) {
    const names =
      found?.version === 2
        ? ['memory.max', 'memory.current']
        : ['memory.limit_in_bytes', 'memory.usage_in_bytes'];
    const limit = readNumbers(join(directory, names[0] ?? ''))?.[0];
    // Version 1 says "no limit" by the largest multiple of a page.
    if (limit === undefined || limit > 2 ** 60) continue;
    const used = readNumbers(join(directory, names[1] ?? ''))?.[0] ?? 0;
    free = Math.min(free, Math.max(0, limit - used + reclaimableBytes(directory)));
  }
  return Number.isFinite(free) ? free : undefined;
}

/** Cached file contents count as used, but go when memory is wanted. */
function reclaimableBytes(directory: string): number {
  try {
    const text = readFileSync(join(directory, 'memory.stat'), 'latin1');
    return Number(/^(?:total_)?inactive_file (\d+)$/m.exec(text)?.[1] ?? 0);
  } catch {
    return 0; // then it is only more careful
  }
}
