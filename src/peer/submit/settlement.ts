import type { RetryCode } from '../../core/reason.ts';

/** Why a result of another machine was not taken, where that was no want of proof. */
export type InlineReason = 'conflict' | 'unwritable' | 'tree-fault' | 'left-outside';

/** What becomes of an attempt that ended. */
export type Settlement =
  /** It is as a run here would have been; `proven` says whether a failure may be believed too, `detail` why, or why not. */
  | {
      readonly kind: 'final';
      readonly proven: boolean;
      readonly detail?: string;
      /** What it left on the worker, and why that is not here. */
      readonly leftOutside?: string;
      /** Why it may have changed more than its worker has told. */
      readonly scanCut?: string;
    }
  | { readonly kind: 'again'; readonly reason: RetryCode; readonly detail: string }
  /** Nothing that another machine yields can be proven. */
  | { readonly kind: 'inline'; readonly detail: string; readonly reason?: InlineReason }
  /** The worker is not fit for jobs of this kind. */
  | { readonly kind: 'unfit'; readonly detail: string };
