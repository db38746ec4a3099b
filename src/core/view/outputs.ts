/** When does the submitter's machine see an output as its worker reported it? */
import type { FactField, NamedFact } from './contract.ts';
import { sameFact } from './facts.ts';

/** Pauses between looks, ms; a look is: open and close the directories down to the output, then lstat. */
const pausesMs = [1, 5, 20, 50, 100, 200, 400] as const;

export type OutputStep =
  | { readonly kind: 'seen' }
  /** Refresh and look again after this pause. */
  | { readonly kind: 'again'; readonly pauseMs: number; readonly unseen: readonly string[] }
  /** It stays invisible: let the worker send the bytes of these. */
  | { readonly kind: 'send'; readonly unseen: readonly string[] };

/**
 * Compares what the worker reported of outputs with what this machine sees. Nothing may be renamed, and no job may end,
 * before this says `seen`.
 *
 * @param looks - how many looks there were before this one.
 */
export function compareOutputs(
  reported: readonly NamedFact[],
  seen: readonly NamedFact[],
  fields: readonly FactField[],
  looks: number,
): OutputStep {
  const here = new Map(seen.map(({ path, fact }) => [path, fact]));
  const unseen = reported.flatMap(({ path, fact }) => {
    const mine = here.get(path);
    return mine !== undefined && sameFact(mine, fact, fields) ? [] : path;
  });
  if (unseen.length === 0) return { kind: 'seen' };
  const pauseMs = pausesMs[looks];
  return pauseMs === undefined ? { kind: 'send', unseen } : { kind: 'again', pauseMs, unseen };
}
