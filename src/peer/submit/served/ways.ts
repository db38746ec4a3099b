/**
 * Which way a job takes that its worker could run on the shared tree: there, or in this machine's files. On the shared tree
 * the system's files are the worker's own; where these were seen to differ, or nothing proves that they do not, the
 * job is shown this machine's instead.
 */
import { BoundedMap } from '../../../core/bounded-map.ts';
import type { PeerName } from '../../../core/schedule/contract.ts';
import type { AttemptRecord } from '../attempt-record.ts';
import type { Submission } from '../submission.ts';

/** Somebody may have installed meanwhile what was missing. */
const believedMs = 600_000;
const mostUnlike = 4_096;

export interface WaysInit {
  /** Workers that can be shown this machine's files. */
  readonly servedWorkers: () => readonly PeerName[];
  readonly now: () => number;
}

export class Ways {
  readonly #init: WaysInit;
  /** By worker and kind of command: until when the worker's system files are taken to differ. */
  readonly #unlike = new BoundedMap<string, number>(mostUnlike);

  constructor(init: WaysInit) {
    this.#init = init;
  }

  /** Whether to show the job this machine's files though the worker has the shared tree. */
  isServed(submission: Submission, peer: PeerName): boolean {
    if (submission.place === undefined) return false;
    const untilMs = this.#unlike.get(keyOf(submission, peer)) ?? 0;
    return submission.needsServing || (untilMs > this.#init.now() && this.#canServe(peer));
  }

  /** The worker's system files differ. @returns whether the job may be tried there again, with those of this machine. */
  differs({ submission, peer, served }: AttemptRecord): boolean {
    if (served !== undefined || !mayChange(submission) || !this.#canServe(peer)) return false;
    this.#unlike.set(keyOf(submission, peer), this.#init.now() + believedMs);
    return true;
  }

  /** On a shared tree nothing proves its result. @returns whether it may be tried again in this machine's files. */
  cannotBeProven({ submission, served }: AttemptRecord): boolean {
    if (served !== undefined || submission.needsServing || !mayChange(submission)) return false;
    if (this.#init.servedWorkers().length === 0) return false;
    submission.needsServing = true;
    return true;
  }

  #canServe(peer: PeerName): boolean {
    return this.#init.servedWorkers().includes(peer);
  }
}

/**
 * Of a command that nobody understands nothing would be seen before it ends, and somebody may wait for a file of it, as on
 * the shared tree one can: it stays there, or runs here.
 */
function mayChange({ place, reading }: Submission): boolean {
  return place !== undefined && reading.kind !== 'other';
}

function keyOf({ demand }: Submission, peer: PeerName): string {
  return `${peer} ${demand.kind}`;
}
