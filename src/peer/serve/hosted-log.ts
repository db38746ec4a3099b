/** What this machine runs for others, for live views: what runs now and, while somebody looks, the newest of what has ended. */
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Ending, PeerName } from '../../core/schedule/contract.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { HostedJob } from './hosted-job.ts';

/** Ended ones that are remembered; each has less than a kilobyte. */
const mostEnded = 1_000;
const longestCommand = 240;
/** Live views look every second. One that has not looked for so long is gone, and what was remembered for it too. */
const lookedForMs = 10_000;

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

type Begun = Pick<HostedRun, 'number' | 'fromMs'>;

export class HostedLog {
  readonly #now: () => number;
  readonly #running = new Map<HostedJob, Begun>();
  /** By number, in the order of their ends. */
  readonly #ended = new BoundedMap<number, HostedRun>(mostEnded);
  #endedCount = 0;
  #begun = 0;
  #lookedAtMs: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  begin(job: HostedJob): void {
    this.#begun += 1;
    this.#running.set(job, { number: this.#begun, fromMs: this.#now() });
  }

  end(job: HostedJob, ending: Ending | undefined): void {
    const begun = this.#running.get(job);
    if (begun === undefined) return;
    this.#running.delete(job);
    this.#endedCount += 1;
    this.#forgetUnlessLookedAt();
    if (this.#lookedAtMs === undefined) return;
    const toMs = this.#now();
    this.#ended.set(begun.number, {
      ...runOf(job, begun),
      toMs,
      ...(ending === undefined ? {} : { ending }),
    });
  }

  /**
   * What a live view is shown. What ends from now on is remembered for the next look, if that comes soon.
   *
   * @param endedBefore - how many had ended at the look before.
   * @returns those that run, then those that ended since and are remembered, in the order of their ends; and how many
   * have ended so far.
   */
  look(endedBefore: number): { readonly runs: readonly HostedRun[]; readonly endedCount: number } {
    this.#forgetUnlessLookedAt();
    this.#lookedAtMs = this.#now();
    const fresh = this.#endedCount - endedBefore;
    const running = [...this.#running].map(([job, begun]) => runOf(job, begun));
    const ended = fresh <= 0 ? [] : [...this.#ended.values()].slice(-fresh);
    return { runs: [...running, ...ended], endedCount: this.#endedCount };
  }

  #forgetUnlessLookedAt(): void {
    if (this.#lookedAtMs === undefined || this.#now() - this.#lookedAtMs <= lookedForMs) return;
    this.#lookedAtMs = undefined;
    this.#ended.clear();
  }
}

function runOf({ peer, offer, argv }: HostedJob, begun: Begun): HostedRun {
  const { buffer, byteOffset, length } = argv;
  return {
    ...begun,
    submitter: peer,
    command: Buffer.from(buffer, byteOffset, Math.min(length, longestCommand)).toString('latin1'),
    cwd: offer.cwd.slice(0, longestCommand),
    output: offer.outputs[0]?.slice(-longestCommand),
  };
}
