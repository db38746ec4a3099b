/** What the submitter knows of one worker: what it confirmed to have refreshed, and the reports that it sent. */
import type { Fact } from '../fact.ts';
import type { ReadReport } from './contract.ts';
import type { PathEntry } from './path-table.ts';

/** One thing that a worker was told with an offer. */
export interface ToldEntry {
  readonly entry: PathEntry;
  /** The sequence of the entry when the offer was made. */
  readonly sequence: number;
  /** False: good for this attempt alone, to be told again with the next. */
  readonly lasting: boolean;
}

/** An entry of a report, with its path resolved to what the submitter keeps of it. */
export interface ReadItem {
  readonly path: string;
  readonly fact: Fact;
  /** Undefined: it lies outside the share, which no report of an honest worker says. */
  readonly entry: PathEntry | undefined;
  /** Directories that `..` leaves in the path: if one is a link, the path does not mean what it says. */
  readonly left: readonly PathEntry[];
}

/** Reports are kept up to this many entries; then all are dropped and the worker is asked for them again. */
const maxItems = 131_072;

export class WorkerRecord {
  readonly name: string;
  /** By {@link PathEntry.watch}: the highest confirmed sequence, and the table's counter when that came. */
  readonly #sequences: number[] = [];
  readonly #stamps: number[] = [];
  #items = new Map<number, ReadItem>();
  /** All entries below this number came; what the next offer says. */
  knownReports = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** The sequence up to which it confirmed this entry; -1 if never. */
  sequenceOf(entry: PathEntry): number {
    return entry.watch < 0 ? -1 : (this.#sequences[entry.watch] ?? -1);
  }

  /** The counter at the confirmation that {@link sequenceOf} is about. */
  stampOf(entry: PathEntry): number {
    return entry.watch < 0 ? Infinity : (this.#stamps[entry.watch] ?? Infinity);
  }

  confirm(told: readonly ToldEntry[], stamp: number): void {
    for (const { entry, sequence, lasting } of told) {
      if (!lasting || entry.watch < 0) continue;
      while (this.#sequences.length <= entry.watch) {
        this.#sequences.push(-1);
        this.#stamps.push(Infinity);
      }
      if ((this.#sequences[entry.watch] ?? -1) >= sequence) continue;
      this.#sequences[entry.watch] = sequence;
      this.#stamps[entry.watch] = stamp;
    }
  }

  /**
   * Takes in a report.
   *
   * @param parse - makes an item of a path and its fact.
   * @returns what was read, or undefined if it refers to entries that never came; those will be sent again.
   */
  take(report: ReadReport, parse: (path: string, fact: Fact) => ReadItem): ReadItem[] | undefined {
    if (this.#items.size + report.added.length > maxItems) {
      this.#items = new Map();
      this.knownReports = 0;
    }
    for (const { number, path, fact } of report.added) {
      this.#items.set(number, parse(path, fact));
      if (number >= this.knownReports) this.knownReports = number + 1;
    }
    const read: ReadItem[] = [];
    const numbers = report.read;
    for (let at = 0; at < numbers.length; at += 1) {
      const item = this.#items.get(numbers[at] as number);
      if (item === undefined) {
        this.knownReports = 0;
        return undefined;
      }
      read.push(item);
    }
    return read;
  }
}
