/**
 * Walks over the paths that a job depends on, as far as the submitter's machine has seen them: through every directory
 * above them, through links, and down from include directories. Says what must be looked at first, and what there is.
 */
import { isSystemPath, resolvePath } from '../paths.ts';
import type { LookStep } from './contract.ts';
import type { PathEntry, PathTable } from './path-table.ts';
import type { ViewRules } from './rules.ts';

export interface WalkRequest {
  readonly seeds: readonly PathEntry[];
  /** Include directories: everything below them is walked as well, as far as `maxPredicted` goes. */
  readonly predictBelow: readonly PathEntry[];
  readonly maxPredicted: number;
  /** Not walked by expectation, with all below. */
  readonly notPredicted: ReadonlySet<PathEntry>;
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
/**
 * What was listed so short a time before a job was handed in is not listed again for it: in a directory with objects names come and go with
 * each job. A directory that is made in that time is not expected to be searched; a job that does so is told by its report, as ever.
 */
const listedForMs = 1_000;

export function walk(table: PathTable, request: WalkRequest): Walk {
  const walker = new Walker(table, request);
  // Not by an iterator: this is done some thousand times a job, and what that makes each time is a fifth of all that a job leaves to be collected.
  const { seeds } = request;
  for (let at = 0; at < seeds.length; at += 1) walker.visit(seeds[at] as PathEntry, 0);
  walker.predict(request);
  return walker.found();
}

/** One walk: what it has found so far. */
class Walker {
  readonly #table: PathTable;
  readonly #rules: WalkRequest['rules'];
  readonly #sinceMs: number;
  /** Of this walk: entries that bear it have been visited. */
  readonly #id: number;
  readonly #paths: string[] = [];
  readonly #links: string[] = [];
  readonly #lists: string[] = [];
  readonly #present: PathEntry[] = [];
  #unprovable: string | undefined;

  constructor(table: PathTable, { rules, sinceMs }: WalkRequest) {
    this.#table = table;
    this.#rules = rules;
    this.#sinceMs = sinceMs;
    this.#id = ++table.walks;
  }

  found(): Walk {
    const paths = this.#paths;
    const links = this.#links;
    const lists = this.#lists;
    const look: LookStep | undefined =
      paths.length + links.length + lists.length > 0 ? { kind: 'look', paths, links, lists } : undefined;
    return { look, present: this.#present, unprovable: this.#unprovable };
  }

  /** The entry that this one really is, through links; undefined if that is outside the share. */
  visit(entry: PathEntry, linksSoFar: number): PathEntry | undefined {
    if (entry.walk === this.#id) return entry.real;
    entry.walk = this.#id;
    entry.real = entry;
    entry.gone = false;
    const parent = this.#rules.wayTo(entry);
    if (parent !== undefined) {
      const realParent = this.visit(parent, linksSoFar);
      if (realParent === undefined) {
        entry.real = undefined;
        return undefined;
      }
      if (parent.gone) {
        entry.gone = true;
        return entry;
      }
      if (realParent !== parent)
        return this.#become(entry, this.#table.child(realParent, entry.name), linksSoFar);
    }
    if (!this.#isFresh(entry) && !this.#waitsForParent(entry)) this.#paths.push(entry.path);
    const { fact } = entry;
    if (fact === undefined) return entry;
    if (fact.kind === 'absent') {
      entry.gone = true;
      return entry;
    }
    this.#present.push(entry);
    return this.#rules.isFollowed(fact) ? this.#follow(entry, linksSoFar) : entry;
  }

  /** Visits what is known to lie below include directories, `maxPredicted` directories at most. */
  predict({ predictBelow, maxPredicted, notPredicted }: WalkRequest): void {
    const below: PathEntry[] = [];
    const add = (entry: PathEntry): void => {
      const real = this.visit(entry, 0);
      if (real !== undefined) below.push(real);
    };
    predictBelow.forEach(add);
    const listed = new Set<PathEntry>();
    for (let at = 0; at < below.length && listed.size < maxPredicted; at++) {
      const entry = below[at];
      if (entry === undefined || listed.has(entry) || entry.fact?.kind !== 'directory') continue;
      listed.add(entry);
      // Only after a look: most often that shows that the names are still those of the last listing.
      const isOld = entry.listedMs < this.#sinceMs - listedForMs;
      if (this.#isFresh(entry) && entry.listedAt !== entry.sequence && isOld) this.#lists.push(entry.path);
      entry.subdirectories?.forEach((child) => {
        if (!notPredicted.has(child)) add(child);
      });
    }
  }

  #become(entry: PathEntry, other: PathEntry, linksSoFar: number): PathEntry | undefined {
    entry.real = this.visit(other, linksSoFar);
    entry.gone = other.gone;
    return entry.real;
  }

  #follow(entry: PathEntry, linksSoFar: number): PathEntry | undefined {
    const { target } = entry;
    if (target === undefined) {
      this.#links.push(entry.path);
      return entry;
    }
    const path = resolvePath(entry.parent?.path ?? '/', target);
    if (linksSoFar >= maxLinks || /[^/.][^/]*\/+\.\.(?:\/|$)/.test(target)) {
      this.#unprovable ??= `the link ${entry.path} leads through too many links, or up again from one`;
      return entry;
    }
    if (this.#table.isInside(path)) return this.#become(entry, this.#table.entry(path), linksSoFar + 1);
    if (!isSystemPath(path)) this.#unprovable ??= `the link ${entry.path} leads out of the share`;
    entry.real = undefined;
    return undefined;
  }

  #isFresh(entry: PathEntry): boolean {
    return this.#isSeen(entry) || this.#isKnownAbsent(entry);
  }

  #isSeen(entry: PathEntry): boolean {
    return this.#table.isSeenSince(entry, this.#sinceMs);
  }

  /** Its directory is the same as when it was not there. */
  #isKnownAbsent({ fact, parent, absentAt }: PathEntry): boolean {
    return (
      fact?.kind === 'absent' && parent !== undefined && this.#isSeen(parent) && parent.sequence === absentAt
    );
  }

  /**
   * Whether to look at its directory first: what was not there need not be looked at if that turns out to be the same.
   * (A header may be searched in as many places as there are directories squared.)
   */
  #waitsForParent(entry: PathEntry): boolean {
    const parent = this.#rules.wayTo(entry);
    return entry.fact?.kind === 'absent' && parent !== undefined && !this.#isSeen(parent);
  }
}
