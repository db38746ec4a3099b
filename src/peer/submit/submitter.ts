/**
 * The submitter's side: turns wrappers' requests into jobs, feeds the dispatcher, and carries out what it decides.
 */
import { travellingEnvironment } from '../../core/command/environment.ts';
import { type Reason, reasons } from '../../core/reason.ts';
import type {
  AttemptNumber,
  DispatcherAction,
  DispatcherEvent,
  JobDemand,
  JobId,
  PeerName,
} from '../../core/schedule/contract.ts';
import { createMemoryLedger, expectedMemory, learnMemory } from '../../core/schedule/memory.ts';
import type { WrapperConnection, WrapperRequest } from '../../local/wrapper-connection.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { joinNul, toText } from '../../wire/bytes.ts';
import type { JobResult, Refused } from '../../wire/job-messages.ts';
import type { Ledger } from '../explain/ledger.ts';
import { Refusals } from '../explain/refusals.ts';
import { Attempt } from './attempt.ts';
import { InlineWatch } from './inline-watch.ts';
import { kindOf, Submission } from './submission.ts';
import type { SubmitterTree } from './submitter-tree.ts';

export interface SubmitterInit {
  readonly now: () => number;
  /** Feeds the dispatcher's state machine and returns what it wants done. */
  readonly decide: (event: DispatcherEvent) => readonly DispatcherAction[];
  /** Runs tasks one after the other, see ./turns.ts. */
  readonly turns: (task: () => void) => void;
  readonly openJob: (peer: PeerName) => JobChannel;
  readonly want: (peer: PeerName, jobs: number) => void;
  readonly wake: (atMs: number) => void;
  readonly tree: SubmitterTree;
  readonly ledger: Ledger;
  /** True if a process with this id was started, directly or not, by a job that holds a slot here. */
  readonly isNested: (pid: number) => boolean;
  /** Called after each step: jobs may have begun to hold or to wait for slots of this machine. */
  readonly inlineChanged: () => void;
  /** For how long a command of a worker that was just lost may still write. */
  readonly graceMs: (peer: PeerName) => number;
  /** A job to that peer began or ended. */
  readonly watch: (peer: PeerName, on: boolean) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

/** An attempt that is being made, or stands. */
interface Slot {
  readonly number: AttemptNumber;
  abandoned: boolean;
  attempt: Attempt | undefined;
}

interface Entry {
  readonly submission: Submission;
  slot: Slot | undefined;
}

export class Submitter {
  readonly #init: SubmitterInit;
  readonly #jobs = new Map<JobId, Entry>();
  readonly #watch = new InlineWatch((job) => this.#listener.onReleased(job));
  readonly #memory = createMemoryLedger();
  readonly refusals = new Refusals();
  #lastJob = 0;

  constructor(init: SubmitterInit) {
    this.#init = init;
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
    this.#lastJob += 1;
    const id = this.#lastJob;
    const handedInMs = this.#init.now();
    const command = toText(request.argv.join(' ').slice(0, 500));
    this.#init.ledger.open(id, command, toText(request.job.cwd), handedInMs);
    this.#init.tree.read(request).then(
      ({ reading, share, inline, unslotted, detail }) => {
        const demand: JobDemand = {
          job: id,
          ...(inline === undefined ? {} : { inline }),
          unslotted,
          rewritable: reading.rename !== undefined,
          nested: inline === undefined || !unslotted ? this.#init.isNested(request.job.pid) : false,
          remoteOnly: request.job.force === 'remote',
          memoryBytes: expectedMemory(this.#memory, kindOf(reading, share)),
          kind: kindOf(reading, share),
        };
        this.#open(
          new Submission({
            id,
            request,
            connection,
            reading,
            demand,
            share,
            handedInMs,
            listener: this.#listener,
          }),
          detail,
        );
      },
      (error: unknown) => {
        this.#init.log('a command could not be read; its wrapper runs it', { job: id, error: String(error) });
        connection.drop();
      },
    );
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
      this.#init.ledger.close(job, 'inline', 'ended', this.#init.now());
      this.#watch.delete(job);
      const entry = this.#jobs.get(job);
      if (entry !== undefined) this.#remove(entry);
      this.apply({ type: 'released', job });
    },
  };

  #open(submission: Submission, detail: string | undefined): void {
    if (submission.over) {
      // Its wrapper died while the command was read: there is nobody to hold a slot for, nor to give one back.
      this.#init.ledger.close(submission.id, '', 'cancelled', this.#init.now());
      this.#init.tree.close(submission);
      return;
    }
    this.#jobs.set(submission.id, { submission, slot: undefined });
    if (submission.demand.inline !== undefined && detail !== undefined) {
      this.#init.ledger.detail(submission.id, detail);
    }
    this.apply({ type: 'job', demand: submission.demand });
  }

  #act(action: DispatcherAction): void {
    switch (action.type) {
      case 'want':
        return this.#init.want(action.peer, action.jobs);
      case 'wake':
        return this.#init.wake(action.atMs);
      case 'note':
        return this.#init.ledger.note(action.job, {
          atMs: this.#init.now(),
          reason: action.reason,
          ...(action.peer === undefined ? {} : { peer: action.peer }),
        });
      default:
        break;
    }
    const entry = this.#jobs.get(action.job);
    if (entry === undefined) return;
    switch (action.type) {
      case 'offer':
        void this.#offer(entry, action.attempt, action.peer);
        break;
      case 'recall':
        if (entry.slot?.number === action.attempt) entry.slot.attempt?.recall();
        break;
      case 'abandon':
        if (entry.slot?.number === action.attempt) this.#abandon(entry);
        break;
      case 'inline':
        this.#inline(entry, action.reason);
        break;
      case 'finish':
        this.#finish(entry, action.attempt);
        break;
      case 'dropped':
        this.#abandon(entry);
        this.#init.ledger.close(action.job, '', 'cancelled', this.#init.now());
        this.#remove(entry);
        break;
      default:
        action satisfies never;
    }
  }

  #remove(entry: Entry): void {
    this.#jobs.delete(entry.submission.id);
    this.#init.tree.close(entry.submission);
  }

  #abandon(entry: Entry): void {
    if (entry.slot === undefined) return;
    entry.slot.abandoned = true;
    entry.slot.attempt?.abandon();
    void this.#init.tree.forget(entry.submission, entry.slot.number);
    entry.slot = undefined;
  }

  #inline(entry: Entry, reason: Reason): void {
    const { submission } = entry;
    this.#abandon(entry);
    this.#init.ledger.note(submission.id, { atMs: this.#init.now(), reason });
    if (!submission.demand.unslotted && !submission.demand.nested) {
      this.#watch.add(submission.id, submission.request.job.pid);
    }
    submission.inline(`${reason}: ${reasons[reason]}`.slice(0, 250));
  }

  async #offer(entry: Entry, number: AttemptNumber, peer: PeerName): Promise<void> {
    const { submission } = entry;
    const slot: Slot = { number, abandoned: false, attempt: undefined };
    // Returned, lost or not begun: nothing that it wrote under hidden names is wanted.
    if (entry.slot !== undefined) void this.#init.tree.forget(submission, entry.slot.number);
    entry.slot = slot;
    let channel: JobChannel | undefined;
    try {
      if (submission.stdin.taken)
        return this.#unprovable(entry, slot, 'an earlier attempt has read its input');
      const prepared = await this.#init.tree.prepare(submission, number, peer);
      if (slot.abandoned) {
        void this.#init.tree.forget(submission, number);
        if (!this.#jobs.has(submission.id)) this.#init.tree.close(submission);
        return;
      }
      if (prepared.kind === 'refused') return this.#refused(entry, slot, peer, prepared.refused);
      if (prepared.kind === 'inline') return this.#unprovable(entry, slot, prepared.detail);
      channel = this.#init.openJob(peer);
      const attempt: Attempt = new Attempt(number, peer, channel, {
        onAccepted: ({ report }) => {
          this.refusals.taken(peer, submission.demand.kind);
          this.#init.tree.accepted(submission, number, peer);
          this.apply({ type: 'accepted', job: submission.id, attempt: number, report });
        },
        onRefused: (refused) =>
          void this.#init.tree
            .explain(submission, refused)
            .then((told) => this.#refused(entry, slot, peer, told)),
        onStarted: () => {
          submission.started();
          this.apply({ type: 'started', job: submission.id, attempt: number });
        },
        onOutput: (type, data) => submission.output(attempt, type, data),
        onStdinTaken: (totalBytes) => submission.stdin.advance(totalBytes),
        onResult: (result) => {
          this.#settle(entry, slot, peer, result).catch((error: unknown) => this.#fault(submission, error));
        },
        onOver: () => this.#init.watch(peer, false),
        onReturned: () => this.apply({ type: 'returned', job: submission.id, attempt: number }),
        onLost: (why) => {
          this.#init.ledger.detail(submission.id, why);
          this.#lost(entry, slot);
        },
      });
      slot.attempt = attempt;
      this.#init.watch(peer, true);
      submission.begin(attempt);
      attempt.offer(
        joinNul(prepared.argv),
        joinNul(travellingEnvironment(submission.request.environment)),
        prepared.offer,
      );
    } catch (error) {
      channel?.abort();
      slot.attempt?.abandon();
      if (slot.abandoned) return;
      this.#init.log('an offer could not be made', { job: submission.id, peer, error: String(error) });
      this.#init.ledger.detail(submission.id, String(error));
      this.apply({
        type: 'failed',
        job: submission.id,
        attempt: number,
        reason: 'lost-peer',
        confirmed: true,
      });
    }
  }

  #refused(entry: Entry, slot: Slot, peer: PeerName, refused: Refused): void {
    if (slot.abandoned) return;
    const { submission } = entry;
    if (refused.detail) this.#init.ledger.detail(submission.id, refused.detail);
    this.refusals.note(peer, submission.demand.kind, refused);
    this.#init.tree.refused(submission, slot.number, refused);
    this.apply({
      type: 'refused',
      job: submission.id,
      attempt: slot.number,
      code: refused.code,
      report: refused.report,
    });
  }

  /** No machine but this one can be shown to yield the right result. */
  #unprovable(entry: Entry, slot: Slot, detail: string): void {
    this.#init.ledger.detail(entry.submission.id, detail);
    this.apply({ type: 'unprovable', job: entry.submission.id, attempt: slot.number });
  }

  /** The stream ended without its last word. */
  #lost(entry: Entry, slot: Slot): void {
    if (slot.abandoned) return;
    const { submission } = entry;
    if (submission.signalled) {
      // The caller asked for the end; what the worker does is its own clean-up now.
      return this.#drop(submission);
    }
    this.apply({
      type: 'failed',
      job: submission.id,
      attempt: slot.number,
      reason: 'lost-peer',
      // That no word of its start came does not mean that it has not begun.
      confirmed: false,
      graceMs: this.#init.graceMs(slot.attempt?.peer ?? ''),
    });
  }

  #drop(submission: Submission): void {
    submission.drop();
    this.apply({ type: 'cancel', job: submission.id });
  }

  #fault(submission: Submission, error: unknown): void {
    this.#init.log('internal fault: its wrapper runs a command', {
      job: submission.id,
      error: String(error),
    });
    this.#drop(submission);
  }

  async #settle(entry: Entry, slot: Slot, peer: PeerName, result: JobResult): Promise<void> {
    const { submission } = entry;
    const base = { job: submission.id, attempt: slot.number };
    if (result.kind === 'spawn-failed') {
      this.#init.ledger.detail(submission.id, result.detail);
      this.apply({ type: 'failed', ...base, reason: 'spawn-failed', confirmed: true });
      return;
    }
    learnMemory(this.#memory, submission.demand.kind, result.maxRssBytes);
    const verdict = await this.#init.tree.settle(submission, slot.number, peer, result);
    if (slot.abandoned) return;
    if (verdict.kind === 'again') {
      this.#init.ledger.detail(submission.id, verdict.detail);
      this.apply({ type: 'failed', ...base, reason: verdict.reason, confirmed: true });
      return;
    }
    if (verdict.kind === 'inline') {
      this.#unprovable(entry, slot, verdict.detail);
      return;
    }
    if (verdict.kind === 'unfit') {
      this.#refused(entry, slot, peer, { code: 'toolchain', detail: verdict.detail, report: result.report });
      return;
    }
    submission.ending = result.ending;
    const good = result.ending.kind === 'exited' && result.ending.status === 0;
    this.apply({
      type: 'ended',
      ...base,
      ending: result.ending,
      believed: good || verdict.proven || submission.signalled || !submission.replayable,
      report: result.report,
    });
  }

  #finish(entry: Entry, number: AttemptNumber): void {
    const { submission, slot } = entry;
    const ending = submission.ending;
    if (ending === undefined || slot === undefined) {
      throw new Error(`internal: job ${submission.id} finished by attempt ${number}, which has no ending`);
    }
    this.#init.ledger.close(
      submission.id,
      slot.attempt?.peer ?? '',
      ending.kind === 'exited' ? `exited ${ending.status}` : `signal ${ending.signal}`,
      this.#init.now(),
    );
    this.#remove(entry);
    submission.finish(ending);
  }
}
