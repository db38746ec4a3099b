/**
 * What a worker tells a submitter of the names outside the share that a job looked up, and whether they are the same
 * on the submitter's machine. Each answer is told once, and later named by its number.
 */
import { rising } from '../core/rising.ts';
import type { StampedName } from '../core/view/outside-name.ts';
import type { ByteString } from '../wire/bytes.ts';
import type { OutsideAnswer, OutsideReport } from '../wire/job-messages.ts';
import type { TrackedName } from './outside-names.ts';
import type { Sameness } from './sameness.ts';

/** Beyond this everything is forgotten and told anew, under new numbers. */
const maxTold = 100_000;

/** The worker's side; one for each submitter. */
export class OutsideLog {
  #told = new Map<TrackedName, { readonly number: number; readonly answer: string }>();
  #next = 0;

  /**
   * @param known - answers below this number have come to the submitter.
   * @param atMs - when the look that stamped the names began.
   */
  async report(
    names: readonly StampedName[],
    sameness: Sameness,
    known: number,
    atMs: number,
  ): Promise<OutsideReport> {
    if (this.#told.size + names.length > maxTold) this.#told = new Map();
    const used: number[] = [];
    const added: OutsideAnswer[] = [];
    // All are asked for before the first is waited for, so that they go in one question.
    const tracked = names.map(({ name }) => sameness.outside.of(name));
    const answers = tracked.map((own, at) => own.see(names[at]?.stamp ?? '', atMs));
    for (const [at, name] of tracked.entries()) {
      // To what was seen after this job, whatever a later one sees.
      const found = answers[at] ?? '';
      const answer = typeof found === 'string' ? found : await found;
      let told = this.#told.get(name);
      if (told?.answer !== answer) {
        told = { number: this.#next, answer };
        this.#next += 1;
        this.#told.set(name, told);
      }
      used.push(told.number);
      if (told.number >= known) added.push({ number: told.number, look: name.look, path: name.path, answer });
    }
    return { used: rising(used), added };
  }
}

/** What one job's names outside the share show. */
export type OutsideVerdict =
  | { readonly kind: 'equal' }
  | { readonly kind: 'differs'; readonly path: ByteString }
  /** Answers that it refers to never came; they will be sent again. */
  | { readonly kind: 'unknown' };

/** How the submitter's machine looks at names. */
export interface OwnLook {
  /** Looks that began at this time or later count: when the job was handed in. */
  readonly sinceMs: number;
  /** Looks at each name now. */
  readonly see: (names: readonly TrackedName[]) => Promise<void>;
}

/** The submitter's side; one for each worker. */
export class OutsideCheck {
  #answers = new Map<number, { readonly name: TrackedName; readonly answer: string }>();
  #known = 0;

  /** All answers below this number have come; what the next offer says. */
  get known(): number {
    return this.#known;
  }

  /** @param look - how the names are looked at here, and since when a look counts. */
  async compare(
    { used, added }: OutsideReport,
    { outside }: Sameness,
    { sinceMs, see }: OwnLook,
  ): Promise<OutsideVerdict> {
    if (this.#answers.size + added.length > 2 * maxTold) {
      this.#answers = new Map();
      this.#known = 0;
    }
    for (const { number, look, path, answer } of added)
      this.#answers.set(number, { name: outside.of({ look, path }), answer });
    while (this.#answers.has(this.#known)) this.#known += 1;
    const theirs: { readonly name: TrackedName; readonly answer: string }[] = [];
    const unseen: TrackedName[] = [];
    for (const number of used) {
      const told = this.#answers.get(number);
      if (told === undefined) {
        this.#known = 0;
        return { kind: 'unknown' };
      }
      theirs.push(told);
      if (!told.name.isSeen(sinceMs)) unseen.push(told.name);
    }
    if (unseen.length > 0) await see(unseen);
    for (const { name, answer } of theirs) {
      const own = name.answer;
      if ((typeof own === 'string' ? own : await own) !== answer) return { kind: 'differs', path: name.path };
    }
    return { kind: 'equal' };
  }
}
