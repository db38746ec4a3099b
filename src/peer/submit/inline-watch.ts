/**
 * Commands that run inline and hold a slot of this machine. A command's end is seen at once by the closing of its
 * wrapper's socket, which it inherited; but so did whatever it left running in the background. So its process is looked
 * at, too, now and then.
 */

import { isNoAnswer } from '../../core/no-answer.ts';
import type { JobId } from '../../core/schedule/contract.ts';
import { isInTree, readProcess } from '../../machine/process-tree.ts';

const lookEveryMs = 1_000;

interface Watched {
  readonly pid: number;
  /** Undefined: it cannot be seen from here (a container), so only its socket tells. */
  readonly began: number | undefined;
  readonly onGone: () => void;
}

export class InlineWatch {
  readonly #watched = new Map<JobId, Watched>();
  #timer: NodeJS.Timeout | undefined;

  get pids(): Iterable<number> {
    return [...this.#watched.values()].map(({ pid }) => pid);
  }

  add(job: JobId, pid: number, onGone: () => void): void {
    this.#watched.set(job, { pid, began: orUnknown(() => beganAt(pid), undefined), onGone });
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
  }

  delete(job: JobId): void {
    if (!this.#watched.delete(job) || this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const { pid, began, onGone } of this.#watched.values())
      if (began !== undefined && orUnknown(() => beganAt(pid), began) !== began) onGone();
  }
}

/**
 * Tells whether a process was started, directly or not, by one of `holders`. Without an answer it is taken for such a one:
 * it then waits for nobody, while a job that its own child waits for would wait for ever.
 */
export function isNestedIn(pid: number, holders: ReadonlySet<number>): boolean {
  return orUnknown(() => isInTree(pid, holders), true);
}

/** The answer, or `unknown` where there is none for want of something, such as descriptors. */
function orUnknown<Answer>(ask: () => Answer, unknown: Answer): Answer {
  try {
    return ask();
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    return unknown;
  }
}

/** When a process began; undefined if there is none or it has ended. */
function beganAt(pid: number): number | undefined {
  const stat = readProcess(pid);
  return stat?.hasEnded === false ? stat.startTicks : undefined;
}
