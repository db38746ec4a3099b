/** All that the submitter knows of one attempt of one job. Each part that works on an attempt is handed this object. */
import type { AttemptNumber, PeerName } from '../../core/schedule/contract.ts';
import type { SessionId } from '../../core/tree/contract.ts';
import type { AttemptView } from '../../core/view/job-view.ts';
import type { WrittenFiles } from '../../tree/receive-written.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { AttemptStream } from './attempt.ts';
import type { Carried } from './carried.ts';
import type { AttemptPlan } from './job-tree.ts';
import type { OwnTree } from './served/own-tree.ts';
import type { Submission } from './submission.ts';

/** What an attempt in this machine's own files was offered with. */
export interface ServedAttempt {
  readonly tree: OwnTree;
  /** Of its worker with the tree. */
  readonly session: SessionId;
  readonly generation: number;
  readonly preparedMs: number;
  /** What it has written, so far as it has come. */
  readonly written: WrittenFiles;
  /** It is over: the tree need not be kept for it. May be called again. */
  readonly leave: () => void;
}

/** What an attempt was offered with. */
export interface OfferedAttempt {
  readonly plan: AttemptPlan;
  readonly view: AttemptView;
  /** Number of the newest file written in place that the offer tells of. */
  readonly writtenUpTo: number;
}

export class AttemptRecord {
  readonly submission: Submission;
  readonly number: AttemptNumber;
  readonly peer: PeerName;
  /**
   * `preparing`: its offer is being put together; `offered`: it has a stream to its worker; `abandoned`: whatever still
   * comes of it is dropped.
   */
  state: 'preparing' | 'offered' | 'abandoned' = 'preparing';
  offered: OfferedAttempt | undefined;
  /** Undefined for one on a shared tree. */
  served: ServedAttempt | undefined;
  /** Of one on a shared tree: what it left outside, once some of that has come. */
  carried: Carried | undefined;
  stream: AttemptStream | undefined;
  /** Hidden names under which it may have written, and that were neither committed nor removed. */
  leftovers: readonly ByteString[] = [];

  constructor(submission: Submission, number: AttemptNumber, peer: PeerName) {
    this.submission = submission;
    this.number = number;
    this.peer = peer;
  }
}
