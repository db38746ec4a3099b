/**
 * Whether what jobs write can be kept apart below a directory: it lies on an overlay's upper side there, which not every
 * kernel and file system can do. Without this check each job would find it out anew.
 */

/** By their number in statfs(2): those that cannot be the upper side. Of FUSE, some can (virtiofs). */
const fileSystems: Readonly<Record<number, string>> = {
  0x794c7630: 'an overlay, as in a container',
  0x6969: 'NFS',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB',
  0x01021997: '9P',
  0x00c36400: 'Ceph',
  0x5346414f: 'AFS',
  0x6b414653: 'AFS',
  0xf15f: 'eCryptfs',
  0x4d44: 'FAT',
};
const tmpfs = 0x01021994;

/**
 * @param fileSystem - number of the directory's file system, as statfs(2) gives it.
 * @param release - of the kernel, as `uname -r` prints it.
 * @returns why not, with the cure; undefined if it can.
 */
export function scratchFault(directory: string, fileSystem: number, release: string): string | undefined {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  const isBefore = (otherMajor: number, otherMinor: number): boolean =>
    major < otherMajor || (major === otherMajor && minor < otherMinor);
  // Overlays in user namespaces came with it.
  if (isBefore(5, 11))
    return `this is Linux ${release}, and 5.11 or later is needed; jobs of shares that it sees run here`;
  const kind = fileSystem === tmpfs && isBefore(6, 6) ? 'tmpfs' : fileSystems[fileSystem >>> 0];
  if (kind === undefined) return undefined;
  return `${directory} lies on ${kind}, where no job can write apart from others; set BUILDSWARM_CACHE to a directory of yours on a local disk`;
}
