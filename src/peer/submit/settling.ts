/**
 * Settles an attempt whose command has ended on a worker: is what it read what is here? Then sees its outputs here and
 * commits them. What cannot be proven is thrown away.
 */
import { isTraced } from '../../core/command/proofs.ts';
import { resolvePath } from '../../core/paths.ts';
import type { JobView } from '../../core/view/job-view.ts';
import type { Sameness } from '../../machine/sameness.ts';
import type { Disk } from '../../share/disk.ts';
import { openAnewBelow } from '../../share/scan.ts';
import { type ByteString, toText } from '../../wire/bytes.ts';
import type { JobEnd } from '../../wire/job-messages.ts';
import type { Aftermath } from './aftermath.ts';
import type { AttemptRecord, OfferedAttempt, ServedAttempt } from './attempt-record.ts';
import { effectOf, type FailureVerdict, hadEffect, judgeFailure, namesHidden } from './failing.ts';
import { scanOf } from './job-tree.ts';
import type { JobWrites } from './job-writes.ts';
import { hiddenOf, isSuccess, type Outputs } from './outputs.ts';
import { settleServed } from './served/served-settling.ts';
import type { Settlement } from './settlement.ts';
import type { Tracking } from './tracking.ts';

/** An attempt with what it was offered with. */
interface EndedAttempt {
  readonly record: AttemptRecord;
  readonly offered: OfferedAttempt;
  readonly view: JobView;
  readonly root: ByteString;
}

/** How long a command that may have changed more than was found is held until all that is there is opened anew here. */
const openAnewTimeoutMs = 10_000;

export interface SettlingInit {
  readonly disk: Disk;
  readonly tracking: Tracking;
  readonly outputs: Outputs;
  readonly writes: JobWrites;
  readonly sameness: Sameness;
  readonly aftermath: Pick<Aftermath, 'giveUp'>;
}

export class Settling {
  readonly #init: SettlingInit;

  constructor(init: SettlingInit) {
    this.#init = init;
  }

  /** Never rejects for a file system that fails or hangs: that makes the attempt worthless, no more. */
  async settle(record: AttemptRecord, end: JobEnd): Promise<Settlement> {
    const { offered, submission, served } = record;
    if (served !== undefined) return await this.#settleServed(record, served, end);
    const { view, share: root } = submission;
    if (offered === undefined || view === undefined || root === undefined)
      throw new Error(`internal: job ${submission.id} settled without an offer`);
    const attempt = { record, offered, view, root };
    let settlement: Settlement;
    try {
      const verdict = await this.#judge(attempt, end);
      if (verdict === undefined) settlement = await this.#bring(attempt, end);
      else if (verdict.kind === 'believed') settlement = await this.#bring(attempt, end, verdict.detail);
      else if (verdict.kind === 'final' && hadEffect(record, end))
        settlement = await this.#carry(record, verdict);
      else settlement = verdict;
    } catch (error) {
      settlement = { kind: 'again', reason: 'output-unseen', detail: String(error) };
    }
    await this.discard(record);
    return settlement;
  }

  /**
   * Removes what the attempt wrote under hidden names and nobody wants; of one that was given up, what it still may write
   * as well, when its worker is back. Never rejects.
   */
  async discard(record: AttemptRecord): Promise<void> {
    const { leftovers, served, offered, peer } = record;
    const root = record.submission.share;
    if (record.state === 'abandoned' && offered !== undefined && served === undefined && root !== undefined) {
      const inPlace = offered.plan.renames.length === 0 ? offered.plan.outputs : [];
      this.#init.aftermath.giveUp(peer, root, leftovers, inPlace);
    }
    record.leftovers = [];
    served?.leave();
    await served?.written.drop();
    await record.carried?.drop();
    await this.#init.outputs.remove(leftovers);
  }

  async #settleServed(record: AttemptRecord, served: ServedAttempt, end: JobEnd): Promise<Settlement> {
    const { writes } = this.#init;
    try {
      return await settleServed(record, served, end, writes);
    } catch (error) {
      return { kind: 'again', reason: 'output-unseen', detail: String(error) };
    } finally {
      served.leave();
      await served.written.drop().catch(() => undefined);
    }
  }

  /** @returns undefined or `believed` if the result is. */
  async #judge(
    attempt: EndedAttempt,
    end: JobEnd,
  ): Promise<Exclude<FailureVerdict, { kind: 'judge' }> | undefined> {
    const { record, offered } = attempt;
    if (isSuccess(end)) {
      if (namesHidden(record.submission.heldText, hiddenOf(offered.plan)))
        return { kind: 'inline', detail: 'what it printed names a file that only this attempt has' };
      return await this.#judgeReads(attempt, end);
    }
    const failure = judgeFailure(record, offered, end, this.#init.writes);
    if (failure.kind !== 'judge') return failure;
    const settlement = await this.#judgeReads(attempt, end);
    if (settlement === undefined || settlement.kind === 'unfit') return settlement;
    return 'detail' in settlement ? { kind: 'final', proven: false, detail: settlement.detail } : settlement;
  }

  /** Was all that it read, in the share and outside, what is here? @returns undefined if so. */
  async #judgeReads(attempt: EndedAttempt, end: JobEnd): Promise<Settlement | undefined> {
    const { offered, view, root } = attempt;
    const unproven = await this.#judgeOutside(attempt, end);
    if (unproven !== undefined) return unproven;
    const outcome = { succeeded: isSuccess(end), report: end.read };
    const verdict = await this.#init.tracking.share(root).view.judge(view, offered.view, outcome);
    if (verdict.kind === 'believed') return undefined;
    return verdict.kind === 'inline'
      ? { kind: 'inline', detail: verdict.because }
      : { kind: 'again', reason: verdict.reason, detail: verdict.because };
  }

  /** Whether a traced command's trace is whole, and all names outside the share are the same here. */
  async #judgeOutside({ record, root }: EndedAttempt, end: JobEnd): Promise<Settlement | undefined> {
    const { reading, request } = record.submission;
    if (!isTraced(reading)) return undefined;
    const { gap, outside } = end;
    if (gap !== undefined || outside === undefined)
      return { kind: 'inline', detail: gap ?? 'the worker does not tell what it read' };
    const inputs = new Set(reading.inputs.map((path) => resolvePath(request.job.cwd, path)));
    const replaced = end.replaced?.find((path) => !inputs.has(path));
    if (replaced !== undefined)
      return { kind: 'inline', detail: `it read and then changed ${toText(replaced)}` };
    const { tracking, sameness } = this.#init;
    const verdict = await tracking.outside(record.peer).compare(outside, sameness, {
      sinceMs: record.submission.handedInMs,
      see: (names) => tracking.see(names, root),
    });
    if (verdict.kind === 'differs')
      return { kind: 'unfit', detail: `${toText(verdict.path)} differs on that machine` };
    if (verdict.kind === 'unknown')
      return {
        kind: 'again',
        reason: 'stale-view',
        detail: 'parts of the report of what was read never came',
      };
    return undefined;
  }

  /** What it left outside the share comes here too, or it runs here, if it may run again. */
  async #bring(attempt: EndedAttempt, end: JobEnd, believed?: string): Promise<Settlement> {
    const { record, offered } = attempt;
    const { submission, carried } = record;
    const notSent = isTraced(submission.reading) ? undefined : end.gap;
    const obstacle = notSent ?? (await carried?.obstacle());
    if (obstacle === undefined) return await this.#carry(record, await this.#see(attempt, end, believed));
    const effect = effectOf(submission, offered.view, end, this.#init.writes);
    if (effect === undefined && !hadEffect(record, end))
      return { kind: 'inline', reason: 'left-outside', detail: obstacle };
    const seen = await this.#see(attempt, end, believed);
    return seen.kind === 'final' ? { ...seen, leftOutside: obstacle } : seen;
  }

  async #carry({ carried, state }: AttemptRecord, settlement: Settlement): Promise<Settlement> {
    if (settlement.kind !== 'final' || carried === undefined || state === 'abandoned') return settlement;
    const why = (await carried.obstacle()) ?? (await carried.bring());
    return why === undefined ? settlement : { ...settlement, leftOutside: why };
  }

  /** @param believed - why a failure is believed, if it needs words. */
  async #see(
    { record, offered: { plan }, root }: EndedAttempt,
    end: JobEnd,
    believed?: string,
  ): Promise<Settlement> {
    const { tracking, outputs } = this.#init;
    const { view, written } = tracking.share(root);
    for (const begun of written.note(end.outputs, plan.renames.length === 0)) outputs.sweep(root, begun);
    const scanCut = await this.#openUnscanned(record, root, end);
    const { fields } = view;
    const isUnknown = record.submission.reading.kind === 'other';
    const isWanted = (): boolean => record.state !== 'abandoned';
    const result = await outputs.see({ plan, end, root, peer: record.peer, fields, isUnknown, isWanted });
    if (result.kind === 'seen') {
      // All hidden names were renamed or removed with the commit.
      if (plan.renames.length > 0) record.leftovers = [];
      return {
        kind: 'final',
        proven: true,
        ...(believed !== undefined && { detail: believed }),
        ...(scanCut !== undefined && { scanCut }),
      };
    }
    return result.kind === 'unseen'
      ? { kind: 'again', reason: 'output-unseen', detail: result.detail }
      : { kind: 'inline', detail: result.detail };
  }

  /** Workers are told to open anew all that is there, as is done here. @returns for people: why, and what was left over. */
  async #openUnscanned(
    { submission }: AttemptRecord,
    root: ByteString,
    { unscanned }: JobEnd,
  ): Promise<string | undefined> {
    if (unscanned === undefined) return undefined;
    const { tracking, disk } = this.#init;
    const where = scanOf(submission.reading, submission.request, root);
    tracking.share(root).written.noteBelow(where);
    const left = await openAnewBelow(disk, where, openAnewTimeoutMs);
    return left === undefined
      ? unscanned
      : `${unscanned}; not all of it could be looked at anew here: ${left}`;
  }
}
