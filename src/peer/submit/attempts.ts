/**
 * Makes attempts: offers a job to a worker, hears how it goes there, has the result settled, and tells the dispatcher.
 * What comes of an attempt that was abandoned is dropped.
 */
import { travellingEnvironment, withTerminalWidth } from '../../core/command/environment.ts';
import { isTraced } from '../../core/command/proofs.ts';
import type { RefusalCode } from '../../core/reason.ts';
import type { DispatcherEvent, PeerName } from '../../core/schedule/contract.ts';
import { learnMemory, type MemoryLedger } from '../../core/schedule/memory.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { type ByteString, joinNul } from '../../wire/bytes.ts';
import { type Frame, FrameError } from '../../wire/frame.ts';
import { type JobResult, type Refused } from '../../wire/job-messages.ts';
import { describeEnding } from '../explain/ending.ts';
import type { Ledger } from '../explain/ledger.ts';
import type { Refusals } from '../explain/refusals.ts';
import { type AttemptListener, AttemptStream } from './attempt.ts';
import type { AttemptRecord } from './attempt-record.ts';
import { hadEffect } from './failing.ts';
import type { Offers, PreparedOffer } from './offers.ts';
import type { Ways } from './served/ways.ts';
import type { InlineReason } from './settlement.ts';
import type { Settling } from './settling.ts';
import type { Submission } from './submission.ts';

export interface AttemptsInit {
  readonly openJob: (peer: PeerName) => JobChannel;
  readonly offers: Pick<Offers, 'prepare' | 'accepted' | 'refused' | 'explain' | 'carried'>;
  readonly ways: Pick<Ways, 'differs' | 'cannotBeProven'>;
  readonly settling: Pick<Settling, 'settle' | 'discard'>;
  readonly memory: MemoryLedger;
  readonly ledger: Ledger;
  readonly refusals: Refusals;
  /** For how long a command of a worker that was just lost may still write. */
  readonly graceMs: (peer: PeerName) => number;
  /** A job to that peer began or ended. */
  readonly watch: (peer: PeerName, on: boolean) => void;
  readonly tell: (event: DispatcherEvent) => void;
  /** Leaves a job to its wrapper, which runs it. */
  readonly drop: (submission: Submission) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

const served = { served: true } as const;

/** Refusals of workers whose programs or libraries are not those of this machine. */
const ofSystem: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['toolchain', 'untraced']);

export class Attempts {
  readonly #init: AttemptsInit;

  constructor(init: AttemptsInit) {
    this.#init = init;
  }

  /** Offers the job to the attempt's worker. Never rejects. */
  async make(record: AttemptRecord): Promise<void> {
    const { submission, peer } = record;
    try {
      if (submission.stdin.taken) return this.#unprovable(record, 'an earlier attempt has read its input');
      const prepared = await this.#init.offers.prepare(record);
      if (record.state === 'abandoned') return;
      if (prepared.kind === 'refused') return this.#refused(record, prepared.refused);
      if (prepared.kind === 'inline') return this.#unprovenOnShare(record, prepared.detail);
      this.#send(record, prepared);
    } catch (error) {
      record.stream?.abandon();
      // A word of the attempt itself may have ended it meanwhile.
      if (record.state === 'abandoned') return;
      this.#init.log('an offer could not be made', { job: submission.id, peer, error: String(error) });
      this.#failed(record, { reason: 'lost-peer', confirmed: true }, String(error));
    }
  }

  /** Ends it wherever it is, and removes what it wrote under hidden names. */
  abandon(record: AttemptRecord): void {
    record.state = 'abandoned';
    record.stream?.abandon();
    this.discard(record);
  }

  /** Removes what it wrote under hidden names. */
  discard(record: AttemptRecord): void {
    this.#init.settling.discard(record).catch((error: unknown) => {
      const { submission, peer } = record;
      this.#init.log('what an attempt left could not be removed', {
        job: submission.id,
        peer,
        error: String(error),
      });
    });
  }

  #send(record: AttemptRecord, { argv, offer }: Extract<PreparedOffer, { kind: 'offer' }>): void {
    const { submission, peer } = record;
    const stream = new AttemptStream(this.#init.openJob(peer), this.#listenerOf(record));
    record.stream = stream;
    record.state = 'offered';
    this.#init.watch(peer, true);
    submission.begin(stream);
    const { files, refresh } = offer.view;
    const how = offer.served === undefined ? { counts: [files.length, refresh.length] as const } : served;
    this.#init.ledger.step(submission.id, 'viewed', { peer, ...how });
    stream.offer(joinNul(argv), joinNul(environmentOf(submission)), offer);
  }

  #listenerOf(record: AttemptRecord): AttemptListener {
    const { submission, number: attempt, peer } = record;
    const { offers, refusals, tell, watch, ledger } = this.#init;
    const job = submission.id;
    return {
      onAccepted: ({ report }) => {
        ledger.step(job, 'accepted', { peer });
        refusals.taken(peer, submission.demand.kind);
        offers.accepted(record);
        submission.accepted();
        tell({ type: 'accepted', job, attempt, report });
      },
      onRefused: (refused) => {
        if (submission.hasDied()) return;
        void offers
          .explain(record, refused)
          .then((explained) => this.#refused(record, explained))
          .catch((error: unknown) => this.#fault(submission, error));
      },
      onStarted: () => {
        ledger.step(job, 'started', { peer });
        submission.started();
        tell({ type: 'started', job, attempt });
      },
      onOutput: (type, data) => submission.output(type, data),
      onStdinTaken: (totalBytes) => submission.stdinTaken(totalBytes),
      onWritten: (frame) => {
        submission.commandEnded();
        return this.#takeWritten(record, frame);
      },
      onResult: (result) => {
        submission.commandEnded();
        this.#settle(record, result).catch((error: unknown) => this.#fault(submission, error));
      },
      onOver: () => watch(peer, false),
      onReturned: () => {
        if (submission.hasDied()) return;
        ledger.step(job, 'returned', { peer });
        tell({ type: 'returned', job, attempt });
      },
      onLost: (why) => {
        if (submission.hasDied()) return;
        ledger.detail(job, why);
        this.#lost(record);
      },
    };
  }

  #refused(record: AttemptRecord, refused: Refused): void {
    if (record.state === 'abandoned') return;
    const { submission, number, peer } = record;
    if (ofSystem.has(refused.code) && this.#init.ways.differs(record))
      return this.#serveInstead(record, refused.detail);
    if (refused.detail) this.#init.ledger.detail(submission.id, refused.detail);
    this.#init.refusals.note(peer, submission.demand.kind, refused);
    this.#init.offers.refused(record, refused);
    const { code, report } = refused;
    this.#init.tell({ type: 'refused', job: submission.id, attempt: number, code, report });
  }

  /** The stream ended without its last word. */
  #lost(record: AttemptRecord): void {
    const { peer } = record;
    // That no word of its start came does not mean that it has not begun.
    this.#failed(record, { reason: 'lost-peer', confirmed: false, graceMs: this.#init.graceMs(peer) });
    this.abandon(record);
  }

  /** No machine but this one can be shown to yield the right result. */
  #unprovable(record: AttemptRecord, detail: string, reason?: InlineReason): void {
    const { submission, number } = record;
    this.#init.ledger.detail(submission.id, detail);
    if (submission.hasDiedBefore()) return;
    const why = reason === undefined ? {} : { reason };
    this.#init.tell({ type: 'unprovable', job: submission.id, attempt: number, ...why });
  }

  /** Nothing shows that another machine yields the right result with system files of its own. */
  #unprovenOnShare(record: AttemptRecord, detail: string): void {
    if (!this.#init.ways.cannotBeProven(record)) return this.#unprovable(record, detail);
    this.#serveInstead(record, detail, `${record.submission.demand.kind}\x01served`);
  }

  /** It comes to nothing on the shared tree, and is tried again in this machine's files. */
  #serveInstead(record: AttemptRecord, detail: string | undefined, kind?: string): void {
    const changed = kind === undefined ? {} : { kind };
    this.#failed(record, { reason: 'system-differs', confirmed: true, ...changed }, detail);
  }

  #failed(
    { submission, number: attempt }: AttemptRecord,
    end: Pick<Extract<DispatcherEvent, { type: 'failed' }>, 'reason' | 'confirmed' | 'graceMs' | 'kind'>,
    detail?: string,
  ): void {
    if (detail !== undefined) this.#init.ledger.detail(submission.id, detail);
    if (submission.hasDiedBefore()) return;
    this.#init.tell({ type: 'failed', job: submission.id, attempt, ...end });
  }

  async #settle(record: AttemptRecord, result: JobResult): Promise<void> {
    const { submission } = record;
    // Its mode forbids that, there as here: the caller is told at once.
    if (result.kind === 'spawn-failed' && isSameHere(record, result.detail))
      return this.#unprovable(record, result.detail);
    if (result.kind === 'spawn-failed') {
      const reason = / (?:ENOSPC|EDQUOT)$/.test(result.detail) ? 'no-space-remote' : 'spawn-failed';
      return this.#failed(record, { reason, confirmed: true }, result.detail);
    }
    this.#init.ledger.step(submission.id, 'result', {
      peer: record.peer,
      detail: describeEnding(result.ending),
      ranMs: result.wallMs,
    });
    learnMemory(this.#init.memory, submission.demand.kind, result.maxRssBytes);
    const settlement = await this.#init.settling.settle(record, result);
    if (record.state === 'abandoned') return;
    const { ending, report, left } = result;
    if (left > 0 && record.served === undefined)
      this.#noted(record, 'left-behind', `${left} of its processes live on`);
    if (result.notApart !== undefined) this.#noted(record, 'not-apart', result.notApart);
    switch (settlement.kind) {
      case 'again':
        return this.#failed(record, { reason: settlement.reason, confirmed: true }, settlement.detail);
      case 'inline':
        return settlement.reason === undefined
          ? this.#unprovenOnShare(record, settlement.detail)
          : this.#unprovable(record, settlement.detail, settlement.reason);
      case 'unfit':
        return this.#refused(record, { code: 'toolchain', detail: settlement.detail, report });
      case 'final': {
        submission.ending = ending;
        if (settlement.leftOutside !== undefined) this.#noted(record, 'left-outside', settlement.leftOutside);
        if (settlement.scanCut !== undefined) this.#noted(record, 'scan-cut', settlement.scanCut);
        if (settlement.proven) this.#init.ledger.step(submission.id, 'committed', { peer: record.peer });
        const succeeded = ending.kind === 'exited' && ending.status === 0;
        // A command that left something running has had its effect.
        const believed = succeeded || settlement.proven || hadEffect(record, result);
        const { id: job } = submission;
        if (settlement.detail !== undefined && (settlement.proven || !believed))
          this.#init.ledger.detail(job, settlement.detail);
        return this.#init.tell({ type: 'ended', job, attempt: record.number, ending, believed, report });
      }
    }
  }

  /** What is to be known of its end, though it counts. */
  #noted(
    { submission, peer }: AttemptRecord,
    reason: 'left-behind' | 'left-outside' | 'not-apart' | 'scan-cut',
    detail: string,
  ): void {
    const { ledger } = this.#init;
    ledger.note(submission.id, reason, peer);
    ledger.detail(submission.id, detail);
  }

  async #takeWritten(record: AttemptRecord, frame: Frame): Promise<void> {
    const { served, submission } = record;
    if (served !== undefined) return await served.written.take(frame);
    if (isTraced(submission.reading))
      throw new FrameError(`a ${frame.type} frame of a command that is traced`);
    record.carried ??= this.#init.offers.carried();
    await record.carried.files.take(frame);
  }

  #fault(submission: Submission, error: unknown): void {
    this.#init.log('internal fault: its wrapper runs a command', {
      job: submission.id,
      error: String(error),
    });
    this.#init.drop(submission);
  }
}

/** Whether what kept a command from being started there would do so here. */
function isSameHere({ served }: AttemptRecord, detail: string): boolean {
  return detail === 'exec EACCES' || (served !== undefined && detail.startsWith('exec '));
}

function environmentOf({ request, reading }: Submission): readonly ByteString[] {
  const travelling = travellingEnvironment(request.environment);
  const { stdin, stderr, columns } = request.job;
  return reading.kind !== 'other' && stdin === 'tty' && stderr === 'tty'
    ? withTerminalWidth(travelling, columns)
    : travelling;
}
