/**
 * The worker's side of a served tree: when a job that was offered at a generation may start, and which faults count for
 * which job. Pure: the code around speaks with the submitter and with swarmfs.
 *
 * Why it holds: changes are given to swarmfs in the order in which they came, and an offer waits until swarmfs has said
 * that the kernel was told of all of them up to the offer's generation; so a lookup that a job makes is answered by
 * what was so at that generation or later. What fails under a job is told before its end is, or the end waits.
 */
import { type TreeRules, treeRules } from './rules.ts';

/** An offer that waits. Never used again. */
export type WaitId = number;

/** What a job of this tree is called, by swarmfs too. */
export type StayName = string;

export interface NamedFault {
  /** Whose request failed; empty: not known. */
  readonly job: StayName;
}

export type MountedTreeEvent<Fault extends NamedFault> =
  /** The submitter has told what changed up to a generation, in full. */
  | { readonly type: 'told'; readonly generation: number }
  /** swarmfs has taken in, and told the kernel, what was given to it by the oldest `apply` that is not answered. */
  | { readonly type: 'applied' }
  | { readonly type: 'offered'; readonly wait: WaitId; readonly generation: number; readonly untilMs: number }
  | { readonly type: 'tick' }
  | { readonly type: 'entered'; readonly stay: StayName }
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'left'; readonly stay: StayName }
  /** The submitter's stream, or swarmfs, is gone. */
  | { readonly type: 'lost' };

export type MountedTreeAction =
  /** Give swarmfs what was told; `applied` follows. */
  | { readonly type: 'apply' }
  /** A job that was offered may start, or may not: `isReached` says which. */
  | { readonly type: 'answer'; readonly wait: WaitId; readonly isReached: boolean }
  | { readonly type: 'wake'; readonly atMs: number }
  /** All that runs in it is to be ended. */
  | { readonly type: 'kill'; readonly stays: readonly StayName[] };

export interface MountedTreeState<Fault extends NamedFault> {
  readonly rules: TreeRules;
  /** Generations that swarmfs has not answered for yet, in order. */
  readonly applying: number[];
  readonly waits: Map<WaitId, { readonly generation: number; readonly untilMs: number }>;
  readonly stays: Map<StayName, Fault[]>;
  /** The kernel knows of nothing older. */
  applied: number;
  isLost: boolean;
}

/** @param generation - of the tree when it was opened: nothing older was ever told. */
export function createMountedTree<Fault extends NamedFault>(
  generation: number,
  rules: TreeRules = treeRules,
): MountedTreeState<Fault> {
  return { rules, applying: [], waits: new Map(), stays: new Map(), applied: generation, isLost: false };
}

/** One step. The state is changed inside and handed back; use only what is handed back. */
export function hostTree<Fault extends NamedFault>(
  state: MountedTreeState<Fault>,
  event: MountedTreeEvent<Fault>,
  nowMs: number,
): [MountedTreeState<Fault>, readonly MountedTreeAction[]] {
  return [state, handle(state, event, nowMs)];
}

/** Why the result of a job is not to be believed, as far as it was told: ask when swarmfs has told all. */
export function faultsOf<Fault extends NamedFault>(
  { stays }: MountedTreeState<Fault>,
  stay: StayName,
): readonly Fault[] {
  return stays.get(stay) ?? [];
}

function handle<Fault extends NamedFault>(
  state: MountedTreeState<Fault>,
  event: MountedTreeEvent<Fault>,
  nowMs: number,
): MountedTreeAction[] {
  switch (event.type) {
    case 'told':
      state.applying.push(event.generation);
      return [{ type: 'apply' }];
    case 'applied':
      state.applied = Math.max(state.applied, state.applying.shift() ?? 0);
      return answerWaits(state, nowMs);
    case 'offered':
      state.waits.set(event.wait, { generation: event.generation, untilMs: event.untilMs });
      return answerWaits(state, nowMs);
    case 'tick':
      return answerWaits(state, nowMs);
    case 'entered':
      state.stays.set(event.stay, []);
      return [];
    case 'fault':
      for (const [stay, faults] of state.stays)
        if (state.rules.isHeldAgainst(event.fault, stay)) faults.push(event.fault);
      return [];
    case 'left':
      state.stays.delete(event.stay);
      return [];
    case 'lost':
      state.isLost = true;
      return [...answerWaits(state, nowMs), { type: 'kill', stays: [...state.stays.keys()] }];
    default:
      return event satisfies never;
  }
}

/** Answers those whose time has come, in one way or the other; the others wait on. */
function answerWaits(
  {
    rules,
    waits,
    applied,
    isLost,
  }: Pick<MountedTreeState<NamedFault>, 'rules' | 'waits' | 'applied' | 'isLost'>,
  nowMs: number,
): MountedTreeAction[] {
  const actions: MountedTreeAction[] = [];
  let wakeAtMs = Number.POSITIVE_INFINITY;
  for (const [wait, { generation, untilMs }] of waits) {
    const isReached = !isLost && rules.mayStart(applied, generation);
    if (isReached || isLost || nowMs >= untilMs) {
      waits.delete(wait);
      actions.push({ type: 'answer', wait, isReached });
    } else {
      wakeAtMs = Math.min(wakeAtMs, untilMs);
    }
  }
  if (wakeAtMs < Number.POSITIVE_INFINITY) actions.push({ type: 'wake', atMs: wakeAtMs });
  return actions;
}
