/**
 * The worker's side of views: refresh what the offer names, see whether the named files are as the submitter has them,
 * try again a few times, and say so. Each offer is refreshed by itself, after it came: a refresh that began before
 * does not show what the submitter knows by now.
 */

import { absent } from '../fact.ts';
import { ancestors } from '../paths.ts';
import type { NamedFact, ViewAnswer, ViewOffer } from './contract.ts';
import { sameFact } from './facts.ts';

/** How long to wait before each further look at files that differ, ms. Together far less than any cache's time-out. */
const pausesMs = [5, 20, 60, 150] as const;

export interface OfferState {
  readonly root: string;
  readonly offer: ViewOffer;
  /** Looks that found a difference so far. */
  readonly failures: number;
  /** Files that differed at the newest look. */
  readonly differing: readonly NamedFact[];
  /** Directories of the offer that could not be opened when they were refreshed last: nothing in them is as it was told. */
  readonly unopened: readonly string[];
}

export type OfferEvent =
  /** `unopened`: those of the directories that are not there, or cannot be read. */
  | { readonly type: 'refreshed'; readonly unopened: readonly string[] }
  /** The facts of the files asked for, in their order. */
  | { readonly type: 'looked'; readonly facts: readonly NamedFact[] }
  | { readonly type: 'woken' };

export type OfferAction =
  /** Open and close each, in this order; those that are not there are passed over. Then say `refreshed`. */
  | { readonly type: 'refresh'; readonly directories: readonly string[] }
  /** Open each, fstat, close (lstat for what is no regular file). Then say `looked`. */
  | { readonly type: 'look'; readonly paths: readonly string[] }
  | { readonly type: 'wait'; readonly untilMs: number }
  | { readonly type: 'answer'; readonly answer: ViewAnswer };

/** An offer came. @param root - of the share, as this machine knows it. */
export function takeOffer(root: string, offer: ViewOffer): [OfferState, OfferAction] {
  const state: OfferState = { root, offer, failures: 0, differing: [], unopened: [] };
  if (offer.refresh.length === 0) return look(state, offer.files);
  return [state, { type: 'refresh', directories: offer.refresh }];
}

/** The next step of an offer; `wait` and the disk are the caller's, with deadlines of its own. */
export function continueOffer(
  state: OfferState,
  event: OfferEvent,
  nowMs: number,
): [OfferState, OfferAction] {
  if (event.type === 'refreshed') {
    const offered = new Set(state.offer.refresh);
    const unopened = event.unopened.filter((path) => offered.has(path));
    const refreshed: OfferState = { ...state, unopened };
    const files = comparedIn(state);
    return files.length === 0 && unopened.length > 0
      ? missed(refreshed, [], [], nowMs)
      : look(refreshed, files);
  }
  if (event.type === 'woken') {
    const directories = new Set<string>();
    for (const path of [...state.differing.map((file) => file.path), ...state.unopened])
      for (const directory of ancestors(path, state.root)) directories.add(directory);
    for (const path of state.unopened) directories.add(path);
    return [state, { type: 'refresh', directories: [...directories] }];
  }
  const seen = new Map(event.facts.map(({ path, fact }) => [path, fact]));
  const differing = comparedIn(state).filter(({ path, fact }) => {
    const mine = seen.get(path);
    return mine === undefined || !sameFact(mine, fact, state.offer.fields);
  });
  if (differing.length === 0 && state.unopened.length === 0) return answer(state, { kind: 'ready' });
  const files = differing.map(({ path }) => ({ path, fact: seen.get(path) ?? absent }));
  return missed(state, differing, files, nowMs);
}

/** Not all is as it was offered. @param seen - what is there instead of `differing`. */
function missed(
  state: OfferState,
  differing: readonly NamedFact[],
  seen: readonly NamedFact[],
  nowMs: number,
): [OfferState, OfferAction] {
  const pauseMs = pausesMs[state.failures];
  if (pauseMs === undefined) {
    const files = [...state.unopened.map((path) => ({ path, fact: absent })), ...seen];
    return answer(state, { kind: 'stale', files });
  }
  const waiting = { ...state, failures: state.failures + 1, differing };
  return [waiting, { type: 'wait', untilMs: nowMs + pauseMs }];
}

/** All files at the first look, then those that differed. */
function comparedIn(state: OfferState): readonly NamedFact[] {
  return state.failures === 0 ? state.offer.files : state.differing;
}

function look(state: OfferState, files: readonly NamedFact[]): [OfferState, OfferAction] {
  if (files.length === 0) return answer(state, { kind: 'ready' });
  return [state, { type: 'look', paths: files.map(({ path }) => path) }];
}

function answer(state: OfferState, answer: ViewAnswer): [OfferState, OfferAction] {
  return [state, { type: 'answer', answer }];
}
