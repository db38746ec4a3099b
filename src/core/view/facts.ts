/** Comparing facts of two machines, and finding out which fields of them can be compared on a share. */
import type { Fact } from '../fact.ts';
import { type FactField, factFields } from './contract.ts';

/** True if both machines see the same thing. `fields` are those that agree on this share ({@link calibrate}). */
export function sameFact(mine: Fact, theirs: Fact, fields: readonly FactField[]): boolean {
  if (mine === theirs) return true;
  if (mine.kind !== theirs.kind) return false;
  if (mine.kind === 'absent') return true;
  for (const field of fields) if (!agrees(mine, theirs, field)) return false;
  return true;
}

/** True if nothing at all changed between two looks of one machine. */
export function identical(before: Fact, after: Fact): boolean {
  return identicalButCtime(before, after) && before.ctimeNs === after.ctimeNs;
}

/** True if nothing changed but the ctime: mode, owner, links, or our own bump; not the names in a directory. */
export function identicalButCtime(before: Fact, after: Fact): boolean {
  return (
    before.kind === after.kind &&
    before.inode === after.inode &&
    before.sizeBytes === after.sizeBytes &&
    before.mtimeNs === after.mtimeNs
  );
}

const valueOf: Record<FactField, (fact: Fact) => string | number> = {
  inode: (fact) => fact.inode,
  size: (fact) => fact.sizeBytes,
  mtime: (fact) => fact.mtimeNs,
  ctime: (fact) => fact.ctimeNs,
};

function agrees(mine: Fact, theirs: Fact, field: FactField): boolean {
  return valueOf[field](mine) === valueOf[field](theirs);
}

/** Two machines' facts of one file that nobody changes. */
export interface FactPair {
  readonly mine: Fact;
  readonly theirs: Fact;
}

/**
 * Which fields two machines see alike (inode numbers and nanoseconds differ on some file systems).
 *
 * @returns undefined if they do not even agree on size and mtime: no view can be proven between them.
 */
export function calibrate(pairs: readonly FactPair[]): FactField[] | undefined {
  if (pairs.length === 0 || pairs.some((pair) => pair.mine.kind !== 'file' || pair.theirs.kind !== 'file'))
    return undefined;
  const fields = factFields.filter((field) => pairs.every((pair) => agrees(pair.mine, pair.theirs, field)));
  return fields.includes('size') && fields.includes('mtime') ? fields : undefined;
}

/** When it last changed in any way, ms since the epoch of the server's clock. */
export function changedAtMs(fact: Fact): number {
  return Math.max(nsToMs(fact.ctimeNs), nsToMs(fact.mtimeNs));
}

function nsToMs(ns: string): number {
  return ns.length <= 6 ? 0 : Number(ns.slice(0, -6));
}
