/** What this machine runs for others, for live views: what runs now, and the newest of what has ended. */
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Ending, PeerName } from '../../core/schedule/contract.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { HostedJob } from './hosted-job.ts';

/** Ended ones that are remembered; each has less than a kilobyte. */
const mostEnded = 1_000;
const longestCommand = 240;

export interface HostedRun {
  readonly number: number;
  readonly submitter: PeerName;
  /** The first bytes of its arguments, each ended by a NUL. */
  readonly command: ByteString;
  readonly cwd: ByteString;
  readonly output: ByteString | undefined;
  readonly fromMs: number;
  /** Undefined while it runs. */
  readonly toMs?: number;
  /** Undefined if it was ended before it came to its own end. */
  readonly ending?: Ending;
}

export class HostedLog {
  readonly #now: () => number;
  readonly #running = new Map<HostedJob, HostedRun>();
  /** By number, in the order of their ends. */
  readonly #ended = new BoundedMap<number, HostedRun>(mostEnded);
  #endedCount = 0;
  #begun = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many have ended so far. */
  get endedCount(): number {
    return this.#endedCount;
  }

  get running(): HostedRun[] {
    return [...this.#running.values()];
  }

  begin(job: HostedJob): void {
    const { peer, offer, argv } = job;
    this.#begun += 1;
    this.#running.set(job, {
      number: this.#begun,
      submitter: peer,
      command: Buffer.from(argv.buffer, argv.byteOffset, Math.min(argv.length, longestCommand)).toString(
        'latin1',
      ),
      cwd: offer.cwd.slice(0, longestCommand),
      output: offer.outputs[0]?.slice(-longestCommand),
      fromMs: this.#now(),
    });
  }

  end(job: HostedJob, ending: Ending | undefined): void {
    const run = this.#running.get(job);
    if (run === undefined) return;
    this.#running.delete(job);
    this.#endedCount += 1;
    this.#ended.set(run.number, { ...run, toMs: this.#now(), ...(ending === undefined ? {} : { ending }) });
  }

  /** Those that ended after so many others and are remembered, in the order of their ends. */
  endedAfter(count: number): readonly HostedRun[] {
    const fresh = this.#endedCount - count;
    return fresh <= 0 ? [] : [...this.#ended.values()].slice(-fresh);
  }
}
