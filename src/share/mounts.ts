/** Which file system a path is on, and how it is mounted: /proc/self/mountinfo, read and judged. */
import { readFileSync } from 'node:fs';
import { isBelow } from '../core/paths.ts';
import { toText } from '../wire/bytes.ts';

export interface Mount {
  readonly id: number;
  readonly parentId: number;
  /** Byte string. */
  readonly mountPoint: string;
  readonly fsType: string;
  /** What is mounted: `server:/export`, a device. */
  readonly source: string;
  /** Options of the mount and of the file system, as the kernel lists them. */
  readonly options: ReadonlySet<string>;
  /** `3`, `4.2` …; only for NFS. */
  readonly nfsVersion?: string;
  /** Several machines can have it mounted, and each sees the others' changes: a share is made there by itself. */
  readonly isNetwork: boolean;
  /** Mounted `nocto`: opening asks the server nothing, so nothing here can be refreshed. */
  readonly nocto: boolean;
  /** Longest time that attributes of a directory / of a file are believed, in seconds; 0 where that is not known or not so. */
  readonly acdirmaxS: number;
  readonly acregmaxS: number;
}

const networkTypes = new Set(
  'nfs nfs4 cifs smb3 ceph fuse.ceph lustre afs gpfs beegfs glusterfs fuse.glusterfs ocfs2 gfs2 orangefs panfs wekafs'.split(
    ' ',
  ),
);

/** The kernel writes space, tab, newline and backslash as octal escapes. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function secondsOf(options: ReadonlySet<string>, name: string, otherwise: number): number {
  for (const option of options) {
    if (!option.startsWith(`${name}=`)) continue;
    const value = Number(option.slice(name.length + 1));
    if (Number.isFinite(value)) return value;
  }
  return otherwise;
}

function parseLine(line: string): Mount | undefined {
  // ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS
  const [before, after] = line.split(' - ', 2);
  if (before === undefined || after === undefined) return undefined;
  const [id, parentId, , , mountPoint, mountOptions] = before.split(' ');
  const [fsType, source, superOptions] = after.split(' ');
  if (mountPoint === undefined || mountOptions === undefined || fsType === undefined) return undefined;
  const options = new Set([...mountOptions.split(','), ...(superOptions ?? '').split(',')]);
  const isNfs = fsType === 'nfs' || fsType === 'nfs4';
  const version = isNfs ? [...options].find((option) => option.startsWith('vers=')) : undefined;
  const unusual = !isNfs || options.has('noac');
  return {
    id: Number(id),
    parentId: Number(parentId),
    mountPoint: unescapeOctal(mountPoint),
    fsType,
    source: unescapeOctal(source ?? ''),
    options,
    ...(version === undefined ? {} : { nfsVersion: version.slice('vers='.length) }),
    isNetwork: networkTypes.has(fsType),
    nocto: options.has('nocto'),
    acdirmaxS: unusual ? 0 : secondsOf(options, 'acdirmax', 60),
    acregmaxS: unusual ? 0 : secondsOf(options, 'acregmax', 60),
  };
}

/** Reads the text of /proc/self/mountinfo (a byte string); lines that it does not understand are left out. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

/**
 * The mount that a real path is on. Follows the tree of mounts from its root, so that a mount that a later one
 * hides is not taken.
 */
export function mountOf(mounts: readonly Mount[], realPath: string): Mount | undefined {
  const ids = new Set(mounts.map((mount) => mount.id));
  let current = mounts.find((mount) => mount.mountPoint === '/' && !ids.has(mount.parentId));
  const steps = new Set<Mount>();
  while (current !== undefined && !steps.has(current)) {
    steps.add(current);
    const parent: Mount = current;
    const next = mounts
      .filter(
        (mount) => mount.parentId === parent.id && mount !== parent && isBelow(mount.mountPoint, realPath),
      )
      // Of two children, one below the other, the shorter hides the longer: else the longer were its child.
      .toSorted((a, b) => a.mountPoint.length - b.mountPoint.length)[0];
    if (next === undefined) return parent;
    current = next;
  }
  return current;
}

/** Where the kernel keeps no files of anybody: names there are views of processes, devices and settings. */
const kernelDirectories = ['/proc', '/sys', '/dev'];
const kernelTypes = new Set(
  'proc sysfs devtmpfs devpts cgroup cgroup2 debugfs tracefs securityfs configfs bpf pstore mqueue'.split(
    ' ',
  ),
);

/** Maps of an automounter in which a name is a host or a cell that anybody may run. */
const anyHost = /^-hosts$|(^|\/)auto[._](net|smb)$|^\/net$/;

/**
 * Why a path that a stranger named must not even be looked at: it leads into the kernel's own names, by which any other
 * path can be reached, or another may decide what is mounted there and who owns the files on it. Undefined if neither is so.
 *
 * @param path - absolute, resolved by its words, and only to be opened without following links.
 * @param uid - our own.
 */
export function foreignFault(mounts: readonly Mount[], path: string, uid: number): string | undefined {
  const kernels = kernelDirectories.find((directory) => isBelow(directory, path));
  if (kernels !== undefined) return `'${kernels}' does not hold files of anybody`;
  const above = mounts.filter((mount) => isBelow(mount.mountPoint, path));
  for (const { mountPoint, fsType, source, options } of above) {
    const where = `'${toText(mountPoint)}'`;
    if (kernelTypes.has(fsType)) return `${where} is a view of the kernel (${fsType})`;
    if (fsType === 'autofs' && (anyHost.test(source) || mountPoint === '/net'))
      return `${where} mounts whatever host is named`;
    if (fsType === 'afs' || mountPoint === '/afs') return `${where} holds cells of anybody`;
    const mounter = [...options].find((option) => option.startsWith('user_id='));
    if (fsType.startsWith('fuse') && mounter !== undefined) {
      const user = Number(mounter.slice('user_id='.length));
      if (user !== uid && user !== 0) return `${where} was mounted by user ${user}`;
    }
  }
  return undefined;
}

/** The mounts of this process, as they are now. Read at once: the kernel has them in its memory, and five calls of threads cost more. */
export function readMounts(): Mount[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'));
}
