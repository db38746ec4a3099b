/**
 * The submitter's side: turns wrappers' requests into jobs, feeds the dispatcher, and carries out what it decides.
 */
import { type Reason, reasons } from '../../core/reason.ts';
import type { ConsideredPeer } from '../../core/schedule/consider.ts';
import type {
  AttemptNumber,
  DispatcherAction,
  DispatcherEvent,
  JobDemand,
  JobId,
  PeerName,
} from '../../core/schedule/contract.ts';
import { createMemoryLedger, expectedMemory } from '../../core/schedule/memory.ts';
import type { WrapperConnection, WrapperRequest } from '../../local/wrapper-connection.ts';
import { toText } from '../../wire/bytes.ts';
import { type StartTimer, startTimer } from '../alarm.ts';
import { describeEnding } from '../explain/ending.ts';
import { Refusals } from '../explain/refusals.ts';
import { AttemptRecord } from './attempt-record.ts';
import { Attempts, type AttemptsInit } from './attempts.ts';
import type { InlineOutputs } from './inline-outputs.ts';
import { InlineWatch } from './inline-watch.ts';
import type { JobWrites } from './job-writes.ts';
import type { ReadRequest, RequestReader } from './reading.ts';
import { kindOf, Submission } from './submission.ts';

export interface SubmitterInit
  extends Pick<
    AttemptsInit,
    'openJob' | 'offers' | 'ways' | 'settling' | 'ledger' | 'graceMs' | 'watch' | 'log'
  > {
  readonly now: () => number;
  /** Feeds the dispatcher's state machine and returns what it wants done. */
  readonly decide: (event: DispatcherEvent) => readonly DispatcherAction[];
  /** Runs tasks one after the other, see ../turns.ts. */
  readonly turns: (task: () => void) => void;
  readonly reader: Pick<RequestReader, 'read'>;
  readonly inlineOutputs: Pick<InlineOutputs, 'note'>;
  readonly writes: JobWrites;
  /** The peers that a decision of a job just now was made between. */
  readonly consider: (job: JobId) => readonly ConsideredPeer[];
  readonly want: (peer: PeerName, jobs: number) => void;
  readonly wake: (atMs: number) => void;
  /** True if a process with this id was started, directly or not, by a job that holds a slot here. */
  readonly isNested: (pid: number) => boolean;
  /** Called after each step: jobs may have begun to hold or to wait for slots of this machine. */
  readonly inlineChanged: () => void;
  /** @defaultValue those of this machine, by its /proc */
  readonly inlineProcesses?: InlineProcesses;
  readonly startTimer?: StartTimer;
}

/** Of the paths that a job writes, `why` knows these first characters. */
const longestOutputs = 1_000;

type InlineProcesses = Pick<InlineWatch, 'add' | 'delete' | 'pids'>;

/** A job that has not ended. */
interface OpenJob {
  readonly submission: Submission;
  /** The newest, whatever became of it. */
  attempt: AttemptRecord | undefined;
}

type JobAction = Exclude<DispatcherAction, { type: 'want' | 'wake' | 'note' }>;

export class Submitter {
  readonly #init: SubmitterInit;
  readonly #attempts: Attempts;
  readonly #jobs = new Map<JobId, OpenJob>();
  readonly #watch: InlineProcesses;
  readonly #memory = createMemoryLedger();
  readonly refusals = new Refusals();
  #lastJob = 0;

  constructor(init: SubmitterInit) {
    this.#init = init;
    this.#watch = init.inlineProcesses ?? new InlineWatch();
    this.#attempts = new Attempts({
      ...init,
      memory: this.#memory,
      refusals: this.refusals,
      tell: (event) => this.apply(event),
      drop: (submission) => this.#drop(submission),
    });
  }

  get inlinePids(): Iterable<number> {
    return this.#watch.pids;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Jobs that are queued here or run elsewhere. */
  get remoteSize(): number {
    return [...this.#jobs.values()].filter(({ submission }) => !submission.isInline).length;
  }

  /** A wrapper has handed in a command. */
  accept(request: WrapperRequest, connection: WrapperConnection): void {
    const { ledger, reader, log } = this.#init;
    this.#lastJob += 1;
    const id = this.#lastJob;
    const handedInMs = this.#init.now();
    ledger.open(id, toText(request.argv.join(' ').slice(0, 500)), toText(request.job.cwd));
    reader
      .read(request)
      .then((read) => {
        const { reading, share, place, needsServing, unseen, detail } = read;
        const demand = this.#demandOf(id, request, read);
        this.#open(
          new Submission({
            id,
            request: { ...request, argv: read.argv },
            connection,
            reading,
            demand,
            share,
            place,
            needsServing,
            unseen,
            handedInMs,
            listener: this.#listener,
            startTimer: this.#init.startTimer ?? startTimer,
          }),
          detail,
        );
      })
      // Whatever went wrong, a wrapper that is let go runs its command.
      .catch((error: unknown) => {
        log('a command could not be taken in; its wrapper runs it', { job: id, error: String(error) });
        ledger.detail(id, String(error));
        ledger.close(id, 'inline', 'left to its wrapper');
        connection.drop();
      });
  }

  /** Feeds an event to the dispatcher and does what it says. */
  apply(event: DispatcherEvent): void {
    this.#init.turns(() => {
      for (const action of this.#init.decide(event)) this.#act(action);
      this.#init.inlineChanged();
    });
  }

  readonly #listener = {
    onCancel: (job: JobId): void => {
      if (this.#jobs.has(job)) this.apply({ type: 'cancel', job });
    },
    onReleased: (job: JobId): void => {
      const open = this.#jobs.get(job);
      // Its process has ended before, and another one of it held the socket.
      if (open === undefined) return;
      this.#init.ledger.close(job, 'inline', 'ended');
      this.#init.inlineOutputs.note(open.submission);
      this.#watch.delete(job);
      this.#remove(job);
      this.apply({ type: 'released', job });
    },
  };

  #demandOf(
    job: JobId,
    request: WrapperRequest,
    { reading, share, inline, needsServing, unslotted }: ReadRequest,
  ): JobDemand {
    const direct = needsServing === true ? undefined : share;
    const kind = kindOf(reading, direct);
    return {
      job,
      ...(inline === undefined ? {} : { inline }),
      unslotted,
      // What is served changes nothing here before it is believed.
      rewritable: reading.rename !== undefined || direct === undefined,
      nested: inline === undefined || !unslotted ? this.#init.isNested(request.job.pid) : false,
      remoteOnly: request.job.force === 'remote',
      memoryBytes: expectedMemory(this.#memory, kind),
      kind,
    };
  }

  #open(submission: Submission, detail: string | undefined): void {
    if (submission.over) {
      // Its wrapper died while the command was read: there is nobody to hold a slot for, nor to give one back.
      this.#init.ledger.close(submission.id, '', 'cancelled');
      return;
    }
    this.#jobs.set(submission.id, { submission, attempt: undefined });
    this.#init.writes.begin(submission.id, submission.outputPaths);
    this.#tellRead(submission, detail);
    this.apply({ type: 'job', demand: submission.demand });
  }

  #tellRead({ id, demand: { inline }, outputPaths }: Submission, detail: string | undefined): void {
    const { ledger } = this.#init;
    if (outputPaths.length > 0) ledger.writes(id, toText(outputPaths.join('\n').slice(0, longestOutputs)));
    if (inline === undefined) ledger.step(id, 'read');
    else ledger.step(id, 'read', detail === undefined ? { reason: inline } : { reason: inline, detail });
  }

  #remove(job: JobId): void {
    this.#jobs.delete(job);
    this.#init.writes.end(job, this.#init.now());
  }

  #act(action: DispatcherAction): void {
    switch (action.type) {
      case 'want':
        return this.#init.want(action.peer, action.jobs);
      case 'wake':
        return this.#init.wake(action.atMs);
      case 'note':
        return this.#init.ledger.note(action.job, action.reason, action.peer);
      default: {
        const job = this.#jobs.get(action.job);
        if (job !== undefined) this.#actOn(job, action);
      }
    }
  }

  #actOn(job: OpenJob, action: JobAction): void {
    const isUndecided = action.type === 'offer' || action.type === 'abandon' || action.type === 'inline';
    if (isUndecided && (job.submission.over || job.submission.hasDiedBefore()))
      return this.#dead(job, action);
    switch (action.type) {
      case 'offer':
        return this.#offer(job, action.attempt, action.peer);
      case 'recall':
        if (job.attempt?.number === action.attempt) job.attempt.stream?.recall();
        return;
      case 'abandon':
        if (job.attempt?.number === action.attempt) this.#abandon(job);
        return;
      case 'inline':
        return this.#inline(job, action.reason);
      case 'finish':
        return this.#finish(job, action.attempt);
      case 'dropped':
        this.#abandon(job);
        this.#init.ledger.close(action.job, '', 'cancelled');
        this.#remove(action.job);
        return;
    }
  }

  /** The dispatcher hears of its end next; of what it takes to run here it tells nothing more then. */
  #dead(job: OpenJob, { type, job: id }: JobAction): void {
    this.#abandon(job);
    if (type !== 'inline') return;
    this.#init.ledger.close(id, '', 'cancelled');
    this.#remove(id);
  }

  #offer(job: OpenJob, number: AttemptNumber, peer: PeerName): void {
    // Returned, lost or not begun: nothing that the last one wrote under hidden names is wanted.
    if (job.attempt !== undefined) this.#attempts.discard(job.attempt);
    job.attempt = new AttemptRecord(job.submission, number, peer);
    const { ledger, consider } = this.#init;
    ledger.step(job.submission.id, 'offered', { peer, considered: consider(job.submission.id) });
    void this.#attempts.make(job.attempt);
  }

  #abandon(job: OpenJob): void {
    if (job.attempt !== undefined) this.#attempts.abandon(job.attempt);
    job.attempt = undefined;
  }

  #inline(job: OpenJob, reason: Reason): void {
    const { submission } = job;
    this.#abandon(job);
    // A command that stays by its own words was not compared with any peer.
    const considered = submission.demand.inline === undefined ? this.#init.consider(submission.id) : [];
    this.#init.ledger.inline(submission.id, reason, considered);
    if (!submission.demand.unslotted && !submission.demand.nested) {
      this.#watch.add(submission.id, submission.request.job.pid, () =>
        this.#listener.onReleased(submission.id),
      );
    }
    submission.inline(`${reason}: ${reasons[reason]}`.slice(0, 250));
  }

  #drop(submission: Submission): void {
    submission.drop();
    this.apply({ type: 'cancel', job: submission.id });
  }

  #finish({ submission, attempt }: OpenJob, number: AttemptNumber): void {
    const { ending } = submission;
    if (ending === undefined || attempt === undefined) {
      throw new Error(`internal: job ${submission.id} finished by attempt ${number}, which has no ending`);
    }
    this.#init.ledger.close(submission.id, attempt.peer, describeEnding(ending));
    // It was written here, as by a command that ran here.
    if (submission.isServed) this.#init.inlineOutputs.note(submission);
    this.#remove(submission.id);
    submission.finish(ending);
  }
}
