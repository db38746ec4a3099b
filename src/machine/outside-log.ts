/**
 * What a worker tells a submitter of the names outside the share that a job looked up, and whether they are the same
 * on the submitter's machine. Each answer is told once, and later named by its number.
 */
import type { OutsideName } from '../core/view/trace.ts';
import type { ByteString } from '../wire/bytes.ts';
import type { OutsideAnswer, OutsideReport } from '../wire/job-messages.ts';
import type { Sameness } from './sameness.ts';

/** Beyond this everything is forgotten and told anew, under new numbers. */
const maxTold = 100_000;

/** The worker's side; one for each submitter. */
export class OutsideLog {
  #told = new Map<string, { readonly number: number; readonly answer: string }>();
  #next = 0;

  /** @param known - answers below this number have come to the submitter. */
  async report(names: readonly OutsideName[], sameness: Sameness, known: number): Promise<OutsideReport> {
    if (this.#told.size + names.length > maxTold) this.#told = new Map();
    const used: number[] = [];
    const added: OutsideAnswer[] = [];
    for (const name of names) {
      const found = sameness.outside(name);
      const answer = typeof found === 'string' ? found : await found;
      const key = `${name.look}${name.path}`;
      let told = this.#told.get(key);
      if (told?.answer !== answer) {
        told = { number: this.#next, answer };
        this.#next += 1;
        this.#told.set(key, told);
      }
      used.push(told.number);
      if (told.number >= known) added.push({ number: told.number, ...name, answer });
    }
    return { used: used.toSorted((a, b) => a - b), added };
  }
}

/** What one job's names outside the share show. */
export type OutsideVerdict =
  | { readonly kind: 'equal' }
  | { readonly kind: 'differs'; readonly path: ByteString }
  /** Answers that it refers to never came; they will be sent again. */
  | { readonly kind: 'unknown' };

/** The submitter's side; one for each worker. */
export class OutsideCheck {
  #answers = new Map<number, OutsideAnswer>();
  #known = 0;

  /** All answers below this number have come; what the next offer says. */
  get known(): number {
    return this.#known;
  }

  async compare({ used, added }: OutsideReport, sameness: Sameness): Promise<OutsideVerdict> {
    if (this.#answers.size + added.length > 2 * maxTold) {
      this.#answers = new Map();
      this.#known = 0;
    }
    for (const answer of added) this.#answers.set(answer.number, answer);
    while (this.#answers.has(this.#known)) this.#known += 1;
    for (const number of used) {
      const theirs = this.#answers.get(number);
      if (theirs === undefined) {
        this.#known = 0;
        return { kind: 'unknown' };
      }
      const found = sameness.outside(theirs);
      const own = typeof found === 'string' ? found : await found;
      if (own !== theirs.answer) return { kind: 'differs', path: theirs.path };
    }
    return { kind: 'equal' };
  }
}
