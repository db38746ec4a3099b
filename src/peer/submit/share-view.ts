/**
 * The submitter's views of one share: carries out the looks that core's view asks for, and keeps the
 * share's clock. Decides nothing about what may be believed.
 */

import { parentOf, resolvePath } from '../../core/paths.ts';
import type { ViewAnswer, ViewJob, ViewOffer, ViewVerdict, WorkerMount } from '../../core/view/contract.ts';
import { type FactField, factFields } from '../../core/view/contract.ts';
import { calibrate, type FactPair } from '../../core/view/facts.ts';
import type { AttemptView, JobView } from '../../core/view/job-view.ts';
import type { AttemptOutcome } from '../../core/view/judge.ts';
import type { OutsideName } from '../../core/view/outside-name.ts';
import type { ViewRules } from '../../core/view/rules.ts';
import { searchedByWords } from '../../core/view/source-words.ts';
import { SubmitterView } from '../../core/view/submitter.ts';
import type { NameHolding } from '../../machine/outside-names.ts';
import { readPiece } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { DiskError } from '../../share/disk-error.ts';
import { type ClockLead, ShareClock } from '../../share/share-clock.ts';
import { fromBytes } from '../../wire/bytes.ts';
import { ShareLooks, type ShareLooksInit } from './share-looks.ts';

/** Clocks drift: the share's is compared again after this time. */
const clockMs = 60_000;
/** Ticks of the server's clock. */
const clockTickMs = 20;
/** A view that is not settled after so many looks is of a tree that changes all the time. */
const maxSteps = 64;

export type PreparedView =
  | { readonly kind: 'offer'; readonly offer: ViewOffer; readonly attempt: AttemptView }
  | { readonly kind: 'inline'; readonly because: string };

type SettledVerdict = Exclude<ViewVerdict, { readonly kind: 'look' | 'wait' }>;

export interface ShareViewInit extends Omit<ShareLooksInit, 'view'> {
  /** What views take for proof. */
  readonly rules: ViewRules;
}

export class ShareView {
  readonly root: string;
  readonly #disk: Disk;
  readonly #now: () => number;
  readonly #view: SubmitterView;
  readonly #looks: ShareLooks;
  #fields: readonly FactField[] = factFields;
  readonly #clock: ShareClock;
  /** What the view was told of it. */
  #lead: ClockLead | undefined;

  constructor({ rules, ...init }: ShareViewInit) {
    const { root, disk, now } = init;
    this.root = root;
    this.#disk = disk;
    this.#now = now;
    this.#view = new SubmitterView({ root, rules });
    this.#looks = new ShareLooks({ ...init, view: this.#view });
    this.#clock = new ShareClock({ disk, root, now, believedMs: clockMs });
  }

  close(): Promise<void> {
    return this.#looks.close();
  }

  /** See {@link ShareLooks.hold}. */
  hold(names: readonly OutsideName[]): Promise<readonly (NameHolding | undefined)[]> {
    return this.#looks.hold(names);
  }

  async begin(job: ViewJob, handedInMs: number): Promise<JobView> {
    if (job.kinships.length === 0 || this.#view.isKnown(job)) return this.#view.begin(job, handedInMs);
    const sources = job.inputs.filter((path) => !/\.(?:l?o|a|so)$/.test(path));
    const words = await Promise.all(sources.map((path) => this.#searchedByWords(job, path)));
    return this.#view.begin(job, handedInMs, words.flat());
  }

  /** Nothing of an input that cannot be read: the command itself will say so. */
  async #searchedByWords({ cwd, includeDirs }: ViewJob, input: string): Promise<string[]> {
    const path = resolvePath(cwd, input);
    try {
      const text = fromBytes(await readPiece(this.#disk, path, 0));
      return searchedByWords(text, parentOf(path), includeDirs);
    } catch (error) {
      if (error instanceof DiskError) return [];
      throw error;
    }
  }

  /** Fields of facts that other machines see as this one does. */
  get fields(): readonly FactField[] {
    return this.#fields;
  }

  /** Two machines' facts of one file: a field that they see differently is compared no more on this share. */
  compared(pair: FactPair): void {
    const agreed = calibrate([pair]);
    // Not even size and time agree: the file was being written anew. The jobs' own comparisons will tell.
    if (agreed === undefined) return;
    this.#fields = this.#fields.filter((field) => agreed.includes(field));
    this.#view.setFields(this.#fields);
  }

  forgetWorker(worker: string): void {
    this.#view.forgetWorker(worker);
  }

  /** Looks until the job can be offered to this worker, or cannot be proven anywhere. @throws DiskError */
  async prepare(view: JobView, worker: string, mount: WorkerMount): Promise<PreparedView> {
    await Promise.all([this.#readClock(), this.#looks.hearChanges(view.handedInMs)]);
    for (let steps = 0; steps < maxSteps; steps += 1) {
      const step = this.#view.prepare(view, worker, mount, this.#now());
      switch (step.kind) {
        case 'look':
          await this.#looks.take(step);
          break;
        case 'bump': {
          const beganMs = this.#now();
          const { facts, failed } = await this.#disk.run('bumpAll', step.directories);
          this.#view.bumped(facts, failed, beganMs, this.#now());
          break;
        }
        case 'wait':
          await this.#until(step.untilMs);
          break;
        default:
          return step;
      }
    }
    return { kind: 'inline', because: `the share changed while it was looked at ${maxSteps} times` };
  }

  answered(attempt: AttemptView, answer: ViewAnswer): void {
    this.#view.answered(attempt, answer);
  }

  /** May the result be the job's? @throws DiskError */
  async judge(view: JobView, attempt: AttemptView, outcome: AttemptOutcome): Promise<SettledVerdict> {
    for (let steps = 0; steps < maxSteps; steps += 1) {
      const verdict = this.#view.judge(view, attempt, outcome);
      if (verdict.kind === 'look') await this.#looks.take(verdict);
      else if (verdict.kind === 'wait') await this.#until(verdict.untilMs);
      else return verdict;
    }
    return { kind: 'inline', because: `the share changed while it was looked at ${maxSteps} times` };
  }

  async #until(untilMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, untilMs - this.#now())));
  }

  async #readClock(): Promise<void> {
    if (this.#view.isClockDoubted) this.#clock.doubt();
    const lead = await this.#clock.lead();
    if (lead === this.#lead) return;
    this.#lead = lead;
    const { aheadMs, uncertaintyMs } = lead;
    this.#view.setClock({ aheadMs, uncertaintyMs: uncertaintyMs + clockTickMs });
  }
}
