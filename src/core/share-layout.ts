/** Where things of buildswarm lie in a share, and under which names. */
import { baseName, directoryPart, joinPath } from './paths.ts';

/** Every name of ours in a share begins so. */
const ownPrefix = '.buildswarm';
/** Of the directory that makes a tree a share. */
export const shareDirectoryName = ownPrefix;
export const memberDirectoryName = 'peers';
const hiddenPrefix = `${ownPrefix}-`;

/** `ROOT/.buildswarm`. */
export function shareDirectory(root: string): string {
  return joinPath(root, shareDirectoryName);
}

/** `ROOT/.buildswarm/peers`: a file for each member. */
export function memberDirectory(root: string): string {
  return joinPath(shareDirectory(root), memberDirectoryName);
}

/** Where the member file of a peer lies. */
export function memberPath(root: string, peerId: string): string {
  return joinPath(memberDirectory(root), peerId);
}

/** The name under which what will be `path` is written, `DIR/.buildswarm-TAG-NAME`: a rename is all that it takes. */
export function hiddenPath(path: string, tag: string): string {
  return `${directoryPart(path)}${hiddenPrefix}${tag}-${baseName(path)}`;
}

/** True if the path ends in a hidden name. */
export function isHidden(path: string): boolean {
  return baseName(path).startsWith(hiddenPrefix);
}

/** True of names that no command made: hidden ones, and that of a share's directory. */
export function isOwnName(name: string): boolean {
  return name.startsWith(ownPrefix);
}

/** The last part of a path; of a hidden one the name that it will have. */
export function shownName(path: string): string {
  const name = baseName(path);
  if (!name.startsWith(hiddenPrefix)) return name;
  const [, , , ...rest] = name.split('-');
  return rest.length === 0 ? name : rest.join('-');
}
