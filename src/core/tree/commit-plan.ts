/**
 * How what a job wrote comes home. The worker reports the upper layer of its overlay: what was made, changed and
 * removed. This decides what may be taken, and the order: everything under temporary names first, then all of it at
 * once by renames, objects before the dependency files that name them, removals last. Until the first rename nothing
 * that the user can see has changed.
 */
import { baseName, isBelow, parentOf } from '../paths.ts';
import { isOwnName } from '../share-layout.ts';

/** One entry of the upper layer. */
export interface UpperEntry {
  /** removed: gone, or moved away. special: a fifo or a socket. */
  readonly kind: 'file' | 'directory' | 'link' | 'removed' | 'special';
  /** Absolute, at the submitter. */
  readonly path: string;
  /** Of a directory: what was in a directory of this name before is gone. */
  readonly opaque: boolean;
  /** With the type of the file, as lstat gives it. */
  readonly attributes: { readonly mode: number; readonly links: number };
  /** Place in the list of the file that this is another name of. */
  readonly sameAs: number | undefined;
}

/** Each list in the order in which it is gone through. */
export interface CommitPlan<Entry extends UpperEntry> {
  /** Directories that are made, or whose attributes are set, parents first. */
  readonly directories: readonly Entry[];
  /** Files, links and fifos, in the order in which they get their names. */
  readonly entries: readonly Entry[];
  /** Removed last, children first. */
  readonly removals: readonly Entry[];
  /** Directories of which nothing is left that was in them, those below opaque ones too. */
  readonly emptied: ReadonlySet<string>;
}

export type CommitDecision<Entry extends UpperEntry> =
  | { readonly kind: 'plan'; readonly plan: CommitPlan<Entry> }
  /** It can be written here only by the command itself. `why` ends a sentence that begins with the path. */
  | { readonly kind: 'refused'; readonly path: string; readonly why: string }
  /** No honest worker sends this. */
  | { readonly kind: 'malformed'; readonly why: string };

const typeMask = 0o170000;
const fifoType = 0o010000;
const socketType = 0o140000;
const setIdBits = 0o6000;
const maxPartBytes = 255;
const maxPathBytes = 4_095;

/**
 * @param entries - the upper layers as reported, parents before children.
 * @param areas - the directories that the job could write below, real paths.
 */
export function planCommit<Entry extends UpperEntry>(
  entries: readonly Entry[],
  areas: readonly string[],
): CommitDecision<Entry> {
  const byPathOf = new Map<string, Entry>();
  const emptied = new Set<string>();
  for (const [at, entry] of entries.entries()) {
    const why = faultOf(entry, at, entries, areas) ?? placeFaultOf(entry, byPathOf);
    if (why !== undefined) return { kind: 'malformed', why };
    byPathOf.set(entry.path, entry);
    if (entry.kind === 'directory' && (entry.opaque || emptied.has(parentOf(entry.path))))
      emptied.add(entry.path);
  }
  for (const entry of entries) {
    const why = refusalOf(entry, areas);
    if (why !== undefined) return { kind: 'refused', path: entry.path, why };
  }
  const of = (kinds: readonly UpperEntry['kind'][]): Entry[] =>
    entries.filter(({ kind }) => kinds.includes(kind));
  return {
    kind: 'plan',
    plan: {
      directories: of(['directory']).toSorted(byPath),
      entries: of(['file', 'link', 'special']).toSorted((a, b) => rank(a) - rank(b)),
      removals: of(['removed']).toSorted((a, b) => -byPath(a, b)),
      emptied,
    },
  };
}

function faultOf(
  { kind, path, attributes, sameAs }: UpperEntry,
  at: number,
  entries: readonly UpperEntry[],
  areas: readonly string[],
): string | undefined {
  if (path.length > maxPathBytes || !path.startsWith('/') || !path.slice(1).split('/').every(isPart))
    return 'a path that is none';
  if (!areas.some((area) => path !== area && isBelow(area, path)))
    return 'a path outside of what it may write';
  if (kind === 'special' && ![fifoType, socketType].includes(attributes.mode & typeMask)) return 'a device';
  const first = sameAs === undefined ? undefined : entries[sameAs];
  if (sameAs !== undefined && !(sameAs < at && first?.kind === 'file' && first.sameAs === undefined))
    return 'a name of a file that was not told';
  return undefined;
}

function placeFaultOf({ path }: UpperEntry, earlier: ReadonlyMap<string, UpperEntry>): string | undefined {
  if (earlier.has(path)) return 'a path twice';
  const parent = earlier.get(parentOf(path));
  return parent === undefined || parent.kind === 'directory' ? undefined : 'a name in what is no directory';
}

function refusalOf({ kind, path, attributes }: UpperEntry, areas: readonly string[]): string | undefined {
  const area = areas.find((one) => isBelow(one, path)) ?? '';
  if (path.slice(area.length).split('/').some(isOwnName)) return 'belongs to buildswarm itself';
  if (kind === 'special' && (attributes.mode & typeMask) === socketType) return 'is a socket';
  if ((kind === 'link' || kind === 'special') && attributes.links > 1)
    return 'is a link or a fifo of several names';
  if (kind !== 'directory' && kind !== 'link' && kind !== 'removed' && (attributes.mode & setIdBits) !== 0)
    return 'runs with the rights of its owner';
  return undefined;
}

function isPart(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= maxPartBytes && !name.includes('\0');
}

function byPath(a: UpperEntry, b: UpperEntry): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** Ninja takes a dependency file for the proof that its object is whole, so it comes after it. */
function rank({ path }: UpperEntry): number {
  return /\.(?:d|dd|dep|P|Po|Plo|Tpo)$/.test(baseName(path)) ? 1 : 0;
}
