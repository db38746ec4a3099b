/**
 * Notices a helper that answers no more, as one that was stopped by a signal: whoever waits for it would wait for ever.
 *
 * A machine that is merely busy must not cost anybody a job. So a helper is given up only if it owes an answer and does
 * nothing for it though it could: at each of several looks it was stopped or asleep, not waiting for a processor or a
 * disk, and had used no processor time since the look before.
 */
import { readFile } from 'node:fs/promises';

const defaultLookMs = 1_000;
const mostIdleLooks = 3;

export interface HelperWatchOptions {
  readonly pid: number;
  /** Asks it for something small; resolves with its answer. */
  readonly ask: () => Promise<unknown>;
  /** Whether anything depends on it now; if not, it is left in peace. */
  readonly isNeeded: () => boolean;
  /** Called once. */
  readonly onHung: (why: string) => void;
  /** @default 1000 */
  readonly lookMs?: number | undefined;
}

export class HelperWatch {
  readonly #options: HelperWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isAsked = false;
  #owes = false;
  #idleLooks = 0;
  #cpuTicks = -1;
  #isOver = false;

  constructor(options: HelperWatchOptions) {
    this.#options = options;
  }

  /** Something depends on it from now on; the watch goes to sleep by itself. */
  wake(): void {
    if (this.#isOver || this.#timer !== undefined) return;
    // Answers that came in time are read between two looks, even by a peer that was held up itself.
    this.#timer = setInterval(() => void this.#look(), this.#options.lookMs ?? defaultLookMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#isOver = true;
    this.#sleep();
  }

  #sleep(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const owed = this.#owes;
    if (!owed && !this.#options.isNeeded()) {
      this.#sleep();
      return;
    }
    this.#ask();
    if (!owed) {
      this.#idleLooks = 0;
      return;
    }
    const thread = await mainThreadOf(this.#options.pid);
    // It has answered meanwhile, or is gone, which is told otherwise.
    if (!this.#owes || this.#isOver || thread === undefined) return;
    const canRun = /[RD]/u.test(thread.state);
    const isIdle = !canRun && (this.#idleLooks === 0 || thread.cpuTicks === this.#cpuTicks);
    this.#cpuTicks = thread.cpuTicks;
    this.#idleLooks = isIdle ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks < mostIdleLooks) return;
    this.stop();
    this.#options.onHung(/[Tt]/u.test(thread.state) ? 'it was stopped' : 'it sleeps and does not answer');
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#owes = true;
    this.#options.ask().then(
      () => {
        this.#isAsked = false;
        this.#owes = false;
      },
      () => {
        // Too late, and still owed: the next look asks again.
        this.#isAsked = false;
      },
    );
  }
}

interface Thread {
  /** As in proc(5): R runs or waits for a processor, D waits for a disk, T is stopped, S sleeps. */
  readonly state: string;
  readonly cpuTicks: number;
}

/** The thread that answers; undefined if the process is gone. */
async function mainThreadOf(pid: number): Promise<Thread | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/task/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // Behind the name, which may hold anything: state, 10 numbers, then the time in user and in system mode.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', cpuTicks: Number(fields[11]) + Number(fields[12]) };
}
