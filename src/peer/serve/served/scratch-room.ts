/**
 * Whether the disk on which jobs write was full while a job was there. Its caller's disk is another one: a command that ended well
 * in spite of a write that failed, as scripts and generators do, has left here what it would not have left at home.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Less is as none: between two looks nobody writes so much and removes it again. */
const leastBytes = 32 * 1024 * 1024;
const leastFiles = 256;
const lookMs = 100;

export class ScratchRoom {
  #timesFull = 0;
  /** Scratch directories of jobs, each with how often the disk had been full before. */
  readonly #used = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  enter(scratch: string): void {
    this.#used.set(scratch, this.#timesFull);
    this.#look(scratch);
    this.#timer ??= setInterval(() => {
      const [any] = this.#used.keys();
      if (any !== undefined) this.#look(any);
    }, lookMs).unref();
  }

  /** Whether it was full since the job entered. */
  wasFull(scratch: string): boolean {
    this.#look(scratch);
    return this.#timesFull !== (this.#used.get(scratch) ?? this.#timesFull);
  }

  leave(scratch: string): void {
    this.#used.delete(scratch);
    if (this.#used.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(scratch: string): void {
    if (isFull(dirname(scratch))) this.#timesFull += 1;
  }
}

function isFull(directory: string): boolean {
  try {
    const { bavail, bsize, files, ffree } = statfsSync(directory);
    // Some file systems make room for files as they go, and count none.
    return bavail * bsize < leastBytes || (files > 0 && ffree < leastFiles);
  } catch {
    return false; // it is gone, which whoever looks for the job's report finds
  }
}
