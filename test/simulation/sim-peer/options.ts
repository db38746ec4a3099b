import type { RefusalCode, RetryCode } from '../../../src/core/reason.ts';

export interface SimPeerOptions {
  readonly slots: number;
  /** Heart beats; without, nothing is ever found to be silent. */
  readonly beats: boolean;
  /** False: it never has a job of its own, so its dispatcher need not know of others; saves most of the memory of large swarms. */
  readonly submits?: boolean;
  /** A machine's whim, for fault runs: refuse this offer, fail this job, or disbelieve this result. */
  readonly whim?: () => { refuse?: RefusalCode; fail?: RetryCode; disbelieve?: boolean };
}
