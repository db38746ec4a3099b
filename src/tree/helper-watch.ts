/**
 * Notices a helper that answers no more, as one that was stopped by a signal: whoever waits for it would wait for ever.
 *
 * A machine that is merely busy must not cost anybody a job. So a helper is given up only if it owes an answer and does
 * nothing for it though it could: at each of several looks it was stopped or asleep, not waiting for a processor, and had
 * used no processor time since the look before. A disk may hold it up for longer, by one wait after the other; by one that lasts,
 * as for a file server that is gone, for as long as some seconds.
 */
import { readFile } from 'node:fs/promises';

const defaultLookMs = 1_000;
const mostIdleLooks = 3;
const mostHeldLooks = 15;

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
  #seen: Thread | undefined;
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
    const isHeld = thread.state === 'D';
    const isIdle = thread.state !== 'R' && (this.#idleLooks === 0 || !hasRun(thread, this.#seen));
    this.#seen = thread;
    this.#idleLooks = isIdle ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks < (isHeld ? mostHeldLooks : mostIdleLooks)) return;
    this.stop();
    if (isHeld) this.#options.onHung('it waits for a disk or file server that does not answer');
    else
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
  /** How often it has begun to wait: tells one wait from the next. */
  readonly waits: number;
}

/** Whether it did anything since an earlier look. */
function hasRun(now: Thread, before: Thread | undefined): boolean {
  if (now.cpuTicks !== before?.cpuTicks) return true;
  // What comes after the wait for a disk is another one, too.
  return (now.state === 'D' || before.state === 'D') && now.waits !== before.waits;
}

/** The thread that answers; undefined if the process is gone. */
async function mainThreadOf(pid: number): Promise<Thread | undefined> {
  const of = `/proc/${pid}/task/${pid}`;
  let text: string;
  let status: string;
  try {
    [text, status] = await Promise.all([
      readFile(`${of}/stat`, 'latin1'),
      readFile(`${of}/status`, 'latin1'),
    ]);
  } catch {
    return undefined;
  }
  // Behind the name, which may hold anything: state, 10 numbers, then the time in user and in system mode.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const waits = Number(/^voluntary_ctxt_switches:\s*(\d+)/mu.exec(status)?.[1]);
  return { state: fields[0] ?? '', cpuTicks: Number(fields[11]) + Number(fields[12]), waits };
}
