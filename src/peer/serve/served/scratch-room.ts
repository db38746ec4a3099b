/**
 * Whether the disk on which jobs write was full while a job was there. Its caller's disk is another one: a command that ended well
 * in spite of a write that failed, as scripts and generators do, has left here what it would not have left at home.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Less is as none: between two looks nobody writes so much and removes it again. */
const leastBytes = 32 * 1024 * 1024;
const leastFiles = 256;
/** No disk is filled quicker: one with room is looked at seldom. */
const bytesAMs = 4_000_000;
const filesAMs = 100;
const soonestMs = 100;
const latestMs = 2_000;

export class ScratchRoom {
  #timesFull = 0;
  /** Scratch directories of jobs, each with how often the disk had been full before. */
  readonly #used = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  enter(scratch: string): void {
    this.#used.set(scratch, this.#timesFull);
    if (this.#timer === undefined) this.#lookAgain();
    else this.#look(scratch);
  }

  /** Whether it was full since the job entered. */
  wasFull(scratch: string): boolean {
    this.#look(scratch);
    return this.#timesFull !== (this.#used.get(scratch) ?? this.#timesFull);
  }

  leave(scratch: string): void {
    // One that is ended, and asks no more, may be the one that filled it.
    if (this.#used.size > 1) this.#look(scratch);
    this.#used.delete(scratch);
    if (this.#used.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookAgain(): void {
    const [any] = this.#used.keys();
    if (any === undefined) return;
    this.#timer = setTimeout(() => this.#lookAgain(), this.#look(any)).unref();
  }

  /** @returns how long it cannot become full, in ms. */
  #look(scratch: string): number {
    try {
      const { bavail, bsize, files, ffree } = statfsSync(dirname(scratch));
      const [bytes, more] = [bavail * bsize - leastBytes, ffree - leastFiles];
      // Some file systems make room for files as they go, and count none.
      if (bytes < 0 || (files > 0 && more < 0)) this.#timesFull += 1;
      const untilFullMs = Math.min(bytes / bytesAMs, files > 0 ? more / filesAMs : latestMs);
      return Math.min(Math.max(untilFullMs, soonestMs), latestMs);
    } catch {
      return latestMs; // it is gone, which whoever looks for the job's report finds
    }
  }
}
