/**
 * The words that the dispatcher, the worker and the code around them share: job, attempt, offer, report.
 * Types only; the decisions stand beside.
 */
import type { LoadReport } from '../load-report.ts';
import type { Reason, RefusalCode, RetryCode } from '../reason.ts';

/** A job of this submitter; unique for the life of the peer. */
export type JobId = number;
/** (job, n): n is given by the submitter, from 1, rising; results of any other n are dropped. */
export type AttemptNumber = number;
/** PeerId as libp2p prints it. */
export type PeerName = string;

/** What matters of a job for placing it. */
export interface JobDemand {
  readonly job: JobId;
  /** Undefined: may travel. Otherwise it runs inline, for this reason. */
  readonly inline?: Reason;
  /** Inline and without waiting for a slot of this machine: queries, probes, interactive commands. */
  readonly unslotted: boolean;
  /** Its outputs are renamed by the submitter, so a second attempt may start at once (class R). */
  readonly rewritable: boolean;
  /** Started below a job that holds a slot on this machine: it never waits (its parent waits for it). */
  readonly nested: boolean;
  /** `--remote`: never inline for want of a slot; it waits. */
  readonly remoteOnly: boolean;
  /** Expected peak memory, bytes; 0 unknown. */
  readonly memoryBytes: number;
  /** Which peers are eligible at all is decided by refusals; this key says for which kind of job a refusal holds (share, toolchain). */
  readonly kind: string;
}

/** How the command of an attempt ended, as its worker saw it. */
export type Ending =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signaled'; readonly signal: number; readonly core: boolean };

export type DispatcherEvent =
  | { readonly type: 'job'; readonly demand: JobDemand }
  /** The wrapper is gone or was interrupted: end it wherever it is. */
  | { readonly type: 'cancel'; readonly job: JobId }
  /** An inline command's socket closed. */
  | { readonly type: 'released'; readonly job: JobId }
  | {
      readonly type: 'accepted';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly report: LoadReport;
    }
  | { readonly type: 'started'; readonly job: JobId; readonly attempt: AttemptNumber }
  | {
      readonly type: 'refused';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly code: RefusalCode;
      readonly report: LoadReport | undefined;
    }
  /** The recalled attempt had not started and is given back. */
  | {
      readonly type: 'returned';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly report?: LoadReport;
    }
  /**
   * The command ended and its result was checked by the code around (view, outputs).
   * `believed` false: it failed and its view is not proven, so it runs again inline (`failed-remotely`).
   */
  | {
      readonly type: 'ended';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly ending: Ending;
      readonly believed: boolean;
      readonly report: LoadReport | undefined;
    }
  /** The attempt, though it may have ended well, is not to be believed, and no other could be: the job runs inline. */
  | {
      readonly type: 'unprovable';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      /** @defaultValue unprovable */
      readonly reason?: 'unprovable' | 'conflict' | 'unwritable' | 'tree-fault' | 'left-outside';
    }
  /** The attempt came to nothing, for a reason of the closed retry table. `confirmed`: its whole process tree is known to be gone. */
  | {
      readonly type: 'failed';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly reason: RetryCode;
      readonly confirmed: boolean;
      /** What kind of job it is from now on: workers that refuse the former may take it. */
      readonly kind?: string;
      /** Unconfirmed: for how long it may still write; by default a whole lease and a margin. */
      readonly graceMs?: number;
    }
  | { readonly type: 'peer-up'; readonly report: LoadReport }
  | { readonly type: 'peer-down'; readonly peer: PeerName; readonly graceMs?: number }
  /** Silent for too long: nothing new for it, and rewritable attempts there start elsewhere. */
  | { readonly type: 'peer-suspect'; readonly peer: PeerName }
  | { readonly type: 'peer-well'; readonly peer: PeerName }
  /** A newer report, by gossip or beat. */
  | { readonly type: 'report'; readonly report: LoadReport }
  /** The peer says that a slot fell free for us. */
  | { readonly type: 'free'; readonly report: LoadReport }
  /**
   * This machine: how many slots inline jobs may hold in all now, less what its owner and its started work for others need.
   * Inline jobs that hold one already are NOT subtracted here: the dispatcher alone subtracts those it granted and were
   * not released, so nothing is counted twice, however old the figure. `inlineSlots(worker)` is this figure.
   */
  | { readonly type: 'own'; readonly freeSlots: number }
  | { readonly type: 'stopping' }
  | { readonly type: 'tick' };

export type DispatcherAction =
  | { readonly type: 'offer'; readonly job: JobId; readonly attempt: AttemptNumber; readonly peer: PeerName }
  /** Ask an accepted attempt that has not started back. */
  | { readonly type: 'recall'; readonly job: JobId; readonly attempt: AttemptNumber; readonly peer: PeerName }
  /** End an attempt and drop whatever it yields. */
  | {
      readonly type: 'abandon';
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly peer: PeerName;
    }
  | { readonly type: 'inline'; readonly job: JobId; readonly reason: Reason }
  /** The result of this attempt is the job's: pass it to the wrapper. Exactly one of finish, inline or dropped ends a job's stay here (an inline one stays until released). */
  | { readonly type: 'finish'; readonly job: JobId; readonly attempt: AttemptNumber }
  | { readonly type: 'dropped'; readonly job: JobId }
  /** Tell this peer how many jobs wait for a slot of it (0: none any more). */
  | { readonly type: 'want'; readonly peer: PeerName; readonly jobs: number }
  /** Count and remember a decision that is not the plain one. */
  | { readonly type: 'note'; readonly job: JobId; readonly reason: Reason; readonly peer?: PeerName }
  /** Call again with `tick` at this time (ms, the same clock as `now`). */
  | { readonly type: 'wake'; readonly atMs: number };

export type WorkerEvent =
  | {
      readonly type: 'offer';
      readonly peer: PeerName;
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly memoryBytes: number;
    }
  | { readonly type: 'recall'; readonly peer: PeerName; readonly job: JobId }
  /** The stream was closed: kill it if it runs, forget it if it waits. */
  | { readonly type: 'cancelled'; readonly peer: PeerName; readonly job: JobId }
  /** The process tree of this job is gone (or could not be started). */
  | { readonly type: 'ended'; readonly peer: PeerName; readonly job: JobId; readonly maxRssBytes: number }
  | { readonly type: 'want'; readonly peer: PeerName; readonly jobs: number }
  | { readonly type: 'peer-down'; readonly peer: PeerName }
  /**
   * Inline jobs of this machine's own wrappers that hold slots here, and that wait for one and can run nowhere else
   * (both are views of the dispatcher): those that wait go before queued jobs of others.
   */
  | { readonly type: 'inline'; readonly running: number; readonly waiting?: number }
  /** Measured: other people's load in cores, and free memory. */
  | { readonly type: 'machine'; readonly load: number; readonly memoryFreeBytes: number }
  | { readonly type: 'leaving' }
  | { readonly type: 'tick' };

export type WorkerAction =
  | { readonly type: 'accept'; readonly peer: PeerName; readonly job: JobId; readonly attempt: AttemptNumber }
  | {
      readonly type: 'refuse';
      readonly peer: PeerName;
      readonly job: JobId;
      readonly attempt: AttemptNumber;
      readonly code: RefusalCode;
    }
  | { readonly type: 'start'; readonly peer: PeerName; readonly job: JobId; readonly attempt: AttemptNumber }
  | { readonly type: 'kill'; readonly peer: PeerName; readonly job: JobId }
  | { readonly type: 'return'; readonly peer: PeerName; readonly job: JobId; readonly attempt: AttemptNumber }
  /** A slot fell free and this submitter has waited longest. */
  | { readonly type: 'free'; readonly peer: PeerName }
  /** Slots, running, queued, state or the slots for inline jobs changed: gossip soon, and tell the dispatcher. */
  | { readonly type: 'changed' }
  /** Call again with `tick` at this time (ms, the same clock as `now`). */
  | { readonly type: 'wake'; readonly atMs: number };
