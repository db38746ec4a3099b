/**
 * The submitter's side of a served tree: what changed when, who was given what, who must be told, and whether what a job
 * read is what there is at its end. Pure: the code around speaks with swarmtree and with the workers.
 *
 * Why it holds: a barrier begins after it was wanted, so what it tells is all that changed before (swarmtree drains its
 * queue of events, to which the kernel adds inside the call that makes a change); every session is told of every barrier
 * on its own stream; and no job starts before its worker's kernel was told as much as the job's offer names.
 */
import { parentOf } from '../paths.ts';
import { ChangeLog } from './change-log.ts';
import type {
  ChangesPart,
  SessionId,
  ShownTreeAction,
  ShownTreeEvent,
  TicketId,
  TreePath,
} from './contract.ts';
import { HaveSet } from './have-set.ts';
import { type TreeRules, treeRules } from './rules.ts';

export interface ShownTreeLimits {
  /** Changed paths that are remembered: what changed before counts as changed since. */
  readonly mostChanges: number;
  /** Files of one worker; beyond that it is taken to have all. */
  readonly mostGiven: number;
  /** Directories without events that are looked at again for each barrier; with more, barriers fail. */
  readonly mostEventless: number;
}

const defaultLimits: ShownTreeLimits = { mostChanges: 50_000, mostGiven: 200_000, mostEventless: 20_000 };

export interface ShownTreeState {
  readonly limits: ShownTreeLimits;
  readonly rules: TreeRules;
  readonly log: ChangeLog;
  readonly sessions: Map<SessionId, HaveSet>;
  readonly eventless: Set<TreePath>;
  /** That find names by other letters, too. */
  readonly folded: Set<TreePath>;
  /** Of the last barrier. */
  generation: number;
  /** What waits for the barrier that is under way; undefined: none is. */
  underWay: TicketId[] | undefined;
  /** What waits for the next one. */
  next: TicketId[];
}

/** @param rules - those of peers by default; tests give others. */
export function createShownTree(
  limits: Partial<ShownTreeLimits> = {},
  rules: TreeRules = treeRules,
): ShownTreeState {
  const most = { ...defaultLimits, ...limits };
  return {
    limits: most,
    rules,
    log: new ChangeLog(most.mostChanges),
    sessions: new Map(),
    eventless: new Set(),
    folded: new Set(),
    generation: 0,
    underWay: undefined,
    next: [],
  };
}

/** One step. The state is changed inside and handed back; use only what is handed back. */
export function showTree(
  state: ShownTreeState,
  event: ShownTreeEvent,
): [ShownTreeState, readonly ShownTreeAction[]] {
  return [state, handle(state, event)];
}

function handle(state: ShownTreeState, event: ShownTreeEvent): ShownTreeAction[] {
  switch (event.type) {
    case 'opened':
      state.sessions.set(event.session, new HaveSet(state.limits.mostGiven));
      return [];
    case 'over':
      state.sessions.delete(event.session);
      return [];
    case 'given':
      state.sessions.get(event.session)?.add(event.path);
      return [];
    case 'listed':
      if (!event.eventless) state.eventless.delete(event.path);
      else state.eventless.add(event.path);
      if (event.folded === true) state.folded.add(event.path);
      return [];
    case 'barrier-wanted':
      if (state.underWay !== undefined && state.rules.joinsBarrier()) state.underWay.push(event.ticket);
      else state.next.push(event.ticket);
      return begin(state);
    case 'drained':
      return drained(state, event.parts);
    case 'drain-failed': {
      const tickets = state.underWay ?? [];
      state.underWay = undefined;
      return [{ type: 'failed', tickets, why: event.why }, ...begin(state)];
    }
    default:
      return event satisfies never;
  }
}

/** Begins the next barrier if one is wanted and none is under way. */
function begin(state: ShownTreeState): ShownTreeAction[] {
  if (state.underWay !== undefined || state.next.length === 0) return [];
  const tickets = state.next;
  state.next = [];
  if (state.eventless.size > state.limits.mostEventless)
    return [{ type: 'failed', tickets, why: 'too many directories whose changes raise no event' }];
  state.underWay = tickets;
  return [{ type: 'drain', compare: state.rules.toCompare([...state.eventless]) }];
}

function drained(state: ShownTreeState, parts: readonly ChangesPart[]): ShownTreeAction[] {
  const { rules, log } = state;
  const before = state.generation;
  const generation = Math.max(before, parts.at(-1)?.generation ?? before);
  const isNews = parts.some(({ changes, everything }) => everything || changes.length > 0);
  for (const part of parts) log.take(part, generation);
  state.generation = generation;
  const tickets = state.underWay ?? [];
  state.underWay = undefined;
  const actions: ShownTreeAction[] = [];
  if (isNews || generation > before)
    actions.push({ type: 'tell', sessions: rules.toTell([...state.sessions.keys()]) });
  actions.push({ type: 'passed', tickets, generation: rules.offeredAt(generation, before) });
  return [...actions, ...begin(state)];
}

/** What a job that has ended is to be judged by; comes after a barrier. */
export interface EndedJob {
  readonly session: SessionId;
  /** The generation that it was offered at. */
  readonly generation: number;
  /** Whether jobs of this peer write a path. */
  readonly isOwn: (path: TreePath) => boolean;
}

/** What its reads are worth. `changed`: whoever ran there since may have read what that path was, or what it is. */
export type ReadsVerdict =
  | { readonly kind: 'kept' }
  | { readonly kind: 'changed'; readonly path: TreePath }
  | { readonly kind: 'unknown'; readonly why: string };

export function judgeReads(
  { rules, sessions, log }: ShownTreeState,
  { session, generation, isOwn }: EndedJob,
): ReadsVerdict {
  const have = sessions.get(session);
  if (!rules.isSameSession(have !== undefined))
    return { kind: 'unknown', why: 'the tree in which it ran has ended' };
  if (!rules.isKnown(generation, log.knownSince))
    return { kind: 'unknown', why: 'too much has changed to tell what did not' };
  if (have === undefined) return { kind: 'kept' };
  for (const { path, any, name } of log.since(generation)) {
    if (rules.isExempt(isOwn(path))) continue;
    if (any > generation && rules.hadFile(have, path)) return { kind: 'changed', path };
    if (name > generation && rules.hadBelow(have, path)) return { kind: 'changed', path };
  }
  return { kind: 'kept' };
}

/** What a job would replace or remove here. */
export interface Replaced {
  readonly path: TreePath;
  /** Whether all below goes with it. */
  readonly withAll: boolean;
}

/** @returns the first of them that has changed since the job was offered. Comes after a barrier. */
export function findRewritten(
  { rules, log }: ShownTreeState,
  generation: number,
  replaced: Iterable<Replaced>,
): TreePath | undefined {
  for (const { path, withAll } of replaced) {
    if (rules.wasRewritten(log.lastOf(path), generation)) return path;
    if (withAll && rules.wasRewritten(log.lastBelow(path, generation), generation)) return path;
  }
  return undefined;
}

/**
 * Whether a path leads by a directory that came to be another one since the job was offered: if something is there now, the
 * job has not seen it, however old it is. (What jobs beside it have made, as `mkdir -p` does, is no such case: there was
 * nothing.) Comes after a barrier.
 */
export function isLedElsewhere({ rules, log }: ShownTreeState, generation: number, path: TreePath): boolean {
  for (let at = parentOf(path); at !== '/'; at = parentOf(at))
    if (rules.wasLedElsewhere(log.namedLast(at), generation)) return true;
  return false;
}

/** The first directory that finds names by other letters, too, and in which one of the paths lies. */
export function findFolded(state: ShownTreeState, paths: Iterable<TreePath>): TreePath | undefined {
  if (state.folded.size === 0) return undefined;
  for (const path of paths) {
    const directory = path.slice(0, path.lastIndexOf('/'));
    if (state.folded.has(directory)) return directory;
  }
  return undefined;
}
