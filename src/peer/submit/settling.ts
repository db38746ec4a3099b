/**
 * Settles an attempt whose command has ended on a worker: is what it read what is here? Then sees its outputs here and
 * commits them. What cannot be proven is thrown away.
 */
import type { RetryCode } from '../../core/reason.ts';
import type { AttemptView, JobView } from '../../core/view/job-view.ts';
import type { Sameness } from '../../machine/sameness.ts';
import { type ByteString, toText } from '../../wire/bytes.ts';
import type { JobEnd } from '../../wire/job-messages.ts';
import type { AttemptRecord } from './attempt-record.ts';
import type { AttemptPlan } from './job-tree.ts';
import { hiddenOf, isSuccess, type Outputs } from './outputs.ts';
import type { Tracking } from './tracking.ts';

/** What becomes of an attempt that ended. */
export type Settlement =
  /** It is as a run here would have been; `proven` says whether a failure may be believed too. */
  | { readonly kind: 'final'; readonly proven: boolean }
  | { readonly kind: 'again'; readonly reason: RetryCode; readonly detail: string }
  /** Nothing that another machine yields can be proven. */
  | { readonly kind: 'inline'; readonly detail: string }
  /** The worker is not fit for jobs of this kind. */
  | { readonly kind: 'unfit'; readonly detail: string };

/** An attempt with what it was offered with. */
interface EndedAttempt {
  readonly record: AttemptRecord;
  readonly plan: AttemptPlan;
  readonly attemptView: AttemptView;
  readonly view: JobView;
  readonly root: ByteString;
}

export interface SettlingInit {
  readonly tracking: Tracking;
  readonly outputs: Outputs;
  readonly sameness: Sameness;
  readonly now: () => number;
}

export class Settling {
  readonly #init: SettlingInit;

  constructor(init: SettlingInit) {
    this.#init = init;
  }

  /** Never rejects for a file system that fails or hangs: that makes the attempt worthless, no more. */
  async settle(record: AttemptRecord, end: JobEnd): Promise<Settlement> {
    const { offered, submission } = record;
    const { view, share: root } = submission;
    if (offered === undefined || view === undefined || root === undefined)
      throw new Error(`internal: job ${submission.id} settled without an offer`);
    const attempt = { record, plan: offered.plan, attemptView: offered.view, view, root };
    let settlement: Settlement;
    try {
      settlement = (await this.#judge(attempt, end)) ?? (await this.#see(attempt, end));
    } catch (error) {
      settlement = { kind: 'again', reason: 'output-unseen', detail: String(error) };
    }
    await this.discard(record);
    return settlement;
  }

  /** Removes what the attempt wrote under hidden names and nobody wants. Never rejects. */
  async discard(record: AttemptRecord): Promise<void> {
    const { leftovers } = record;
    record.leftovers = [];
    await this.#init.outputs.remove(leftovers);
  }

  /** @returns undefined if the result is believed. */
  async #judge(
    { record, plan, attemptView, view, root }: EndedAttempt,
    end: JobEnd,
  ): Promise<Settlement | undefined> {
    const { tracking, sameness, now } = this.#init;
    const succeeded = isSuccess(end);
    const differing = await tracking.system(record.peer).take(end.system ?? [], sameness, now());
    if (differing !== undefined)
      return { kind: 'unfit', detail: `${toText(differing)} differs on that machine` };
    const verdict = await tracking.share(root).view.judge(view, attemptView, {
      succeeded,
      // A compiler that fails leaves the dependency file of an earlier build as it was: that says nothing of this run.
      report: succeeded || hiddenOf(plan).includes(plan.dependencies ?? '') ? end.read : undefined,
    });
    if (verdict.kind === 'believed') return undefined;
    if (!succeeded) return { kind: 'final', proven: false };
    return verdict.kind === 'inline'
      ? { kind: 'inline', detail: verdict.because }
      : { kind: 'again', reason: verdict.reason, detail: verdict.because };
  }

  async #see({ record, plan, root }: EndedAttempt, end: JobEnd): Promise<Settlement> {
    const { tracking, outputs } = this.#init;
    const { view, written } = tracking.share(root);
    for (const begun of written.note(end.outputs, plan.renames.length === 0)) outputs.sweep(root, begun);
    const { fields } = view;
    const isUnknown = record.submission.reading.kind === 'other';
    const result = await outputs.see({ plan, end, root, peer: record.peer, fields, isUnknown });
    if (result.kind === 'seen') {
      // All hidden names were renamed or removed with the commit.
      if (plan.renames.length > 0) record.leftovers = [];
      return { kind: 'final', proven: true };
    }
    return result.kind === 'unseen'
      ? { kind: 'again', reason: 'output-unseen', detail: result.detail }
      : { kind: 'inline', detail: result.detail };
  }
}
