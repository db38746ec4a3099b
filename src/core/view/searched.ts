/**
 * Which directories a compiler must have looked into to end up with the headers that it read. A dependency file names
 * what was found, not where it was missed first; but the order of search is known, so that follows.
 */
import { isBelow, joinPath, parentOf } from '../paths.ts';

export interface Search {
  /** In search order, resolved, outside the share too. */
  readonly includeDirs: readonly string[];
  /** Resolved paths of all files read, in the share or not. */
  readonly files: readonly string[];
  /** Directories outside the share from which files were read. */
  readonly outsideDirs: readonly string[];
}

/** Names like `sys` of `/usr/include/sys`, which may be part of the name in an #include: as many components as this. */
const maxOutsideDepth = 3;

/**
 * The directories beside the parents of the files read and the include directories themselves: for each header found as
 * `SUB/NAME` below an include directory, `SUB` below each earlier one and below each directory that holds a reader
 * (quoted names are searched there first).
 *
 * @returns resolved paths, of which many will not exist.
 */
export function earlierDirectories(search: Search): Set<string> {
  const { includeDirs, files, outsideDirs } = search;
  const readerDirs = new Set<string>();
  for (const file of files) readerDirs.add(parentOf(file));
  /** Sub-directory, to the number of include directories in which it may have been searched. */
  const searchedIn = new Map<string, number>();
  const note = (sub: string, count: number) => {
    if ((searchedIn.get(sub) ?? -1) < count) searchedIn.set(sub, count);
  };
  for (const directory of readerDirs) {
    includeDirs.forEach((includeDir, order) => {
      if (directory !== includeDir && isBelow(includeDir, directory))
        note(directory.slice(joinPath(includeDir, '').length), order);
    });
  }
  for (const directory of outsideDirs) {
    const parts = directory.split('/').filter((part) => part !== '');
    for (let depth = 1; depth <= maxOutsideDepth && depth < parts.length; depth++)
      note(parts.slice(-depth).join('/'), includeDirs.length);
  }
  const found = new Set<string>();
  for (const [sub, count] of searchedIn) {
    for (let order = 0; order < count; order++) found.add(joinPath(includeDirs[order] ?? '/', sub));
    for (const directory of readerDirs) found.add(joinPath(directory, sub));
  }
  return found;
}
