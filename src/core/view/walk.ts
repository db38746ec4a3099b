/**
 * Walks over the paths that a job depends on, as far as the submitter's machine has seen them: through every directory
 * above them, through links, and down from include directories. Says what must be looked at first, and what there is.
 */
import { isSystemPath, resolvePath } from '../command/paths.ts';
import type { LookStep } from './contract.ts';
import type { PathEntry, PathTable } from './path-table.ts';
import type { ViewRules } from './rules.ts';

export interface WalkRequest {
  readonly seeds: Iterable<PathEntry>;
  /** Include directories: everything below them is walked as well, as far as `maxPredicted` goes. */
  readonly predictBelow: readonly PathEntry[];
  readonly maxPredicted: number;
  /** Only looks that began at or after this count. */
  readonly sinceMs: number;
  readonly rules: Pick<ViewRules, 'wayTo' | 'isFollowed'>;
}

export interface Walk {
  /** Set: look first, then walk again. */
  readonly look: LookStep | undefined;
  /** All there is, real paths, parents before what is in them. What is absent is left out. */
  readonly present: readonly PathEntry[];
  /** Why what it leads to cannot be watched. */
  readonly unprovable: string | undefined;
}

/** As many links on one way as Linux follows. */
const maxLinks = 40;

export function walk(table: PathTable, request: WalkRequest): Walk {
  const { rules } = request;
  const id = ++table.walks;
  const paths: string[] = [];
  const links: string[] = [];
  const lists: string[] = [];
  const present: PathEntry[] = [];
  let unprovable: string | undefined;

  const isFresh = (entry: PathEntry): boolean =>
    entry.lookedMs >= request.sinceMs ||
    (entry.parent !== undefined &&
      entry.fact?.kind === 'absent' &&
      entry.parent.lookedMs >= request.sinceMs &&
      entry.parent.sequence === entry.absentAt);

  /**
   * What was not there need not be looked at if its directory turns out to be the same, so that comes first. (A header
   * may be searched in as many places as there are directories squared.)
   */
  const waitsForParent = (entry: PathEntry): boolean => {
    const parent = rules.wayTo(entry);
    return entry.fact?.kind === 'absent' && parent !== undefined && parent.lookedMs < request.sinceMs;
  };

  /** The entry that this one really is, through links; undefined if that is outside the share. */
  const visit = (entry: PathEntry, linksSoFar: number): PathEntry | undefined => {
    if (entry.walk === id) return entry.real;
    entry.walk = id;
    entry.real = entry;
    entry.gone = false;
    const parent = rules.wayTo(entry);
    if (parent !== undefined) {
      const realParent = visit(parent, linksSoFar);
      if (realParent === undefined) {
        entry.real = undefined;
        return undefined;
      }
      if (parent.gone) {
        entry.gone = true;
        return entry;
      }
      if (realParent !== parent) return become(entry, table.child(realParent, entry.name), linksSoFar);
    }
    if (!isFresh(entry) && !waitsForParent(entry)) paths.push(entry.path);
    const { fact } = entry;
    if (fact === undefined) return entry;
    if (fact.kind === 'absent') {
      entry.gone = true;
      return entry;
    }
    present.push(entry);
    return rules.isFollowed(fact) ? follow(entry, linksSoFar) : entry;
  };

  const become = (entry: PathEntry, other: PathEntry, linksSoFar: number): PathEntry | undefined => {
    entry.real = visit(other, linksSoFar);
    entry.gone = other.gone;
    return entry.real;
  };

  const follow = (entry: PathEntry, linksSoFar: number): PathEntry | undefined => {
    const { target } = entry;
    if (target === undefined) {
      links.push(entry.path);
      return entry;
    }
    const path = resolvePath(entry.parent?.path ?? '/', target);
    if (linksSoFar >= maxLinks || /[^/.][^/]*\/+\.\.(?:\/|$)/.test(target)) {
      unprovable ??= `the link ${entry.path} leads through too many links, or up again from one`;
      return entry;
    }
    if (table.isInside(path)) return become(entry, table.entry(path), linksSoFar + 1);
    if (!isSystemPath(path)) unprovable ??= `the link ${entry.path} leads out of the share`;
    entry.real = undefined;
    return undefined;
  };

  for (const seed of request.seeds) visit(seed, 0);
  const below: PathEntry[] = [];
  for (const entry of request.predictBelow) {
    const real = visit(entry, 0);
    if (real !== undefined) below.push(real);
  }
  const listed = new Set<PathEntry>();
  for (let at = 0; at < below.length && listed.size < request.maxPredicted; at++) {
    const entry = below[at];
    if (entry === undefined || listed.has(entry) || entry.fact?.kind !== 'directory') continue;
    listed.add(entry);
    // Only after a look: most often that shows that the names are still those of the last listing.
    if (isFresh(entry) && entry.listedAt !== entry.sequence && entry.listedMs < request.sinceMs)
      lists.push(entry.path);
    for (const child of entry.subdirectories ?? []) {
      const real = visit(child, 0);
      if (real !== undefined) below.push(real);
    }
  }
  const look: LookStep | undefined =
    paths.length + links.length + lists.length > 0 ? { kind: 'look', paths, links, lists } : undefined;
  return { look, present, unprovable };
}
