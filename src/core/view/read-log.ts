/** The worker's side of reports of what was read: one for each submitter and share. What it told before is only named by number. */
import type { Fact } from '../fact.ts';
import { rising } from '../rising.ts';
import type { NamedFact, ReadEntry, ReadReport } from './contract.ts';
import { identical } from './facts.ts';

/** Beyond this everything is forgotten and told anew, under new numbers. */
const maxPaths = 65_536;

export class ReadLog {
  #told = new Map<string, { readonly number: number; readonly fact: Fact }>();
  #next = 0;

  /**
   * The report of one run.
   *
   * @param read - see {@link ReadEntry}; each path once.
   * @param knownReports - as the run's offer had it: what the submitter has.
   */
  report(read: readonly NamedFact[], knownReports: number): ReadReport {
    if (this.#told.size + read.length > maxPaths) this.#told = new Map();
    const numbers: number[] = [];
    const added: ReadEntry[] = [];
    for (let at = 0; at < read.length; at += 1) {
      const { path, fact } = read[at] as NamedFact;
      let known = this.#told.get(path);
      if (known === undefined || (known.fact !== fact && !identical(known.fact, fact))) {
        known = { number: this.#next++, fact };
        this.#told.set(path, known);
      }
      numbers.push(known.number);
      if (known.number >= knownReports) added.push({ number: known.number, path, fact });
    }
    return { read: rising(numbers), added };
  }
}
