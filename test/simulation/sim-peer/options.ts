import type { RefusalCode, RetryCode } from '../../../src/core/reason.ts';
import type { StateRow } from '../../../src/core/schedule/states.ts';
import type { Tampering } from '../invariants.ts';

/** What a machine does now and then that it would not do by itself; in runs full of faults. */
export interface Whims {
  /** So long takes a look at the tree: at the submitter for a command and an offer, at the worker before and after a job. */
  readonly lookMs: () => number | undefined;
  /** The submitter cannot make this offer. */
  readonly offer: () => 'fails' | 'unprovable' | undefined;
  /** The worker refuses it, */
  readonly admit: () => RefusalCode | undefined;
  /** cannot start its command, */
  readonly start: () => 'ENOENT' | 'EACCES' | undefined;
  /** or its command fails. */
  readonly exit: () => 'fails' | undefined;
  /** The submitter needs so long to see the outputs, and may not take the result as it is. */
  readonly settle: () => { readonly afterMs: number; readonly as: Settled | undefined } | undefined;
}

/** `unproven`: a failure that is not to be believed. */
export type Settled = 'unproven' | 'unprovable' | 'unfit' | RetryCode;

export interface SimPeerOptions {
  readonly slots: number;
  /** Heart beats; without, nothing is ever found to be silent. */
  readonly beats: boolean;
  /** False: it never has a job of its own, so its dispatcher need not know of others; saves most of the memory of large swarms. */
  readonly submits?: boolean;
  readonly whims?: Whims;
  /** What is broken on purpose. */
  readonly tampering?: Tampering;
  /** Told of each row of the tables of states that is followed. */
  readonly onRow?: (row: StateRow) => void;
}
