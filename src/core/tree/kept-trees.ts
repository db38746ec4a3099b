/**
 * Which of this machine's served trees are kept: a few, the ones used last, and all in which jobs are. What workers hold
 * of a tree goes with it.
 */
import { type TreeRules, treeRules } from './rules.ts';

/** Names a tree: what is served. */
export type TreeKey = string;

export interface KeptTreesOptions {
  /** Trees that are kept though no job is in them; more may be in use. */
  readonly most: number;
  /** One that was not used for so long is ended. */
  readonly idleMs: number;
}

export type KeptTreesEvent =
  /** A job is about to be offered in it. */
  | { readonly type: 'entered'; readonly tree: TreeKey }
  /** That job has come to its end, or to nothing. */
  | { readonly type: 'left'; readonly tree: TreeKey }
  /** It has ended by itself. */
  | { readonly type: 'gone'; readonly tree: TreeKey }
  | { readonly type: 'tick' };

export type KeptTreesAction =
  | { readonly type: 'end'; readonly tree: TreeKey }
  /** A `tick` is wanted then, if none was asked for earlier. */
  | { readonly type: 'wake'; readonly atMs: number };

interface Kept {
  jobs: number;
  usedAtMs: number;
}

export interface KeptTreesState {
  readonly options: KeptTreesOptions;
  readonly rules: TreeRules;
  /** The one that was used last is the last. */
  readonly trees: Map<TreeKey, Kept>;
}

export function createKeptTrees(options: KeptTreesOptions, rules: TreeRules = treeRules): KeptTreesState {
  return { options, rules, trees: new Map() };
}

/** One step. The state is changed inside and handed back; use only what is handed back. */
export function keepTrees(
  state: KeptTreesState,
  event: KeptTreesEvent,
  nowMs: number,
): [KeptTreesState, readonly KeptTreesAction[]] {
  const { trees } = state;
  if (event.type === 'gone') trees.delete(event.tree);
  else if (event.type === 'entered' || (event.type === 'left' && trees.has(event.tree))) {
    const jobs = (trees.get(event.tree)?.jobs ?? 0) + (event.type === 'entered' ? 1 : -1);
    trees.delete(event.tree);
    trees.set(event.tree, { jobs: Math.max(0, jobs), usedAtMs: nowMs });
  }
  return [state, sweep(state, nowMs)];
}

/** Ends what is one too many, the longest unused first, and what was not used for too long. */
function sweep(
  { options: { most, idleMs }, rules, trees }: KeptTreesState,
  nowMs: number,
): KeptTreesAction[] {
  const actions: KeptTreesAction[] = [];
  let wakeAtMs = Number.POSITIVE_INFINITY;
  for (const [tree, { jobs, usedAtMs }] of trees) {
    if (rules.isInUse(jobs)) continue;
    if (trees.size > most || nowMs >= usedAtMs + idleMs) {
      trees.delete(tree);
      actions.push({ type: 'end', tree });
    } else {
      wakeAtMs = Math.min(wakeAtMs, usedAtMs + idleMs);
    }
  }
  if (wakeAtMs < Number.POSITIVE_INFINITY) actions.push({ type: 'wake', atMs: wakeAtMs });
  return actions;
}
