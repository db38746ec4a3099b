/**
 * Where names that another peer sends really lead, found out without touching anything outside the share: to open a name
 * there can mount something, or wake a device. Synchronous: runs in a disk thread.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { isBelow, isSystemPath, joinPath, parentOf, resolvePath } from '../../core/paths.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';
import type { Sight, SightRequest } from '../first-sight.ts';
import { lookAll, meansAbsent, refreshAll, refreshDirectory } from './look.ts';
import { realPathsBelow } from './root.ts';

/** As many links on one way as Linux follows. */
const maxLinks = 40;

/** Directories of one call whose way is known. */
type Known = Map<string, string | undefined>;

/**
 * What is looked at before a job, in one go: where the paths of its offer lead, see {@link wayOut}; then directories are refreshed and
 * files looked at anew, in this order; then where the job writes, see {@link realPathsBelow}. Where a path leads out nothing else is touched.
 */
export function firstSight({ root, paths, refresh, files, written }: SightRequest): Sight {
  const out = wayOut({ root, paths });
  if (out !== undefined) return { out, refreshed: [], looked: [], places: [] };
  return {
    out,
    refreshed: refreshAll(refresh),
    looked: lookAll({ paths: files, fresh: true }),
    places: realPathsBelow({ root, paths: written }),
  };
}

/**
 * The first of these paths of the share that leads out of it through a link, to what does not belong to the system either;
 * undefined if none does.
 *
 * @param input - `root` is a real path, the others lie below it by their words.
 */
export function wayOut({
  root,
  paths,
}: {
  readonly root: string;
  readonly paths: readonly string[];
}): string | undefined {
  const known: Known = new Map([[root, root]]);
  return paths.find(
    // A link that was swapped on another machine may be remembered here as it was.
    (path) =>
      follow(root, path, known, 0, false) === undefined &&
      follow(root, path, new Map(), 0, true) === undefined,
  );
}

/** Where a path of the share leads: a path below its root, or of the system; undefined: elsewhere. */
function follow(
  root: string,
  path: string,
  known: Known,
  links: number,
  refreshes: boolean,
): string | undefined {
  if (path === root || !isBelow(root, path))
    return isBelow(root, path) || isSystemPath(path) ? path : undefined;
  if (known.has(path)) return known.get(path);
  const parent = follow(root, parentOf(path), known, links, refreshes);
  const real = parent === undefined ? undefined : step(root, parent, path, known, links, refreshes);
  known.set(path, real);
  return real;
}

function step(
  root: string,
  parent: string,
  path: string,
  known: Known,
  links: number,
  refreshes: boolean,
): string | undefined {
  const at = joinPath(parent, path.slice(path.lastIndexOf('/') + 1));
  // What is of the system is the same user's to look at.
  if (!isBelow(root, parent)) return at;
  if (refreshes) refreshDirectory(parent);
  const target = linkAt(at);
  if (target === undefined) return at;
  return links < maxLinks
    ? follow(root, resolvePath(parent, target), known, links + 1, refreshes)
    : undefined;
}

function linkAt(path: string): string | undefined {
  try {
    const bytes = toBytes(path);
    const isLink = lstatSync(bytes, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? fromBytes(readlinkSync(bytes, { encoding: 'buffer' })) : undefined;
  } catch (error) {
    if (meansAbsent(error) || (error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw error;
  }
}
