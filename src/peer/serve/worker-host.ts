/**
 * The worker's side: takes offers from other peers, carries out what the worker's state machine decides, runs
 * commands and sends their output and end. One libp2p stream a job; its closing is the cancellation.
 */

import type { LoadReport } from '../../core/load-report.ts';
import type { JobId, PeerName, WorkerAction, WorkerEvent } from '../../core/schedule/contract.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { type Frame, FrameError } from '../../wire/frame.ts';
import {
  encodeAccepted,
  encodeRefused,
  encodeResult,
  type Fetch,
  type JobFacts,
  type Offer,
  parseCredit,
  parseFetch,
  parseOffer,
} from '../../wire/job-messages.ts';
import { memberFrameBytes, outputWindowBytes } from '../../wire/limits.ts';
import type { RunnerExit } from '../../wire/runner-messages.ts';
import { encodeStdinTaken, parseSignal } from '../../wire/wrapper-messages.ts';
import type { Execution, Runner } from '../../work/runner.ts';
import { Bucket } from '../trust/stranger-budget.ts';
import type { Refusal, WorkPlace } from './work-place.ts';

/** A stranger's stream that was refused is reset after this time. */
const turnedAwayMs = 1_000;
/** How much nicer than the owner's own work a job for others runs. */
const nice = 5;

interface HostedJob {
  readonly peer: PeerName;
  readonly offer: Offer;
  readonly channel: JobChannel;
  readonly argv: Uint8Array;
  readonly environment: Uint8Array;
  execution: Execution | undefined;
  creditBytes: number;
  startedAtMs: number;
  pid: number | undefined;
  /** True from the moment in which the state machine was told of it until it is told of its end. */
  admitted: boolean;
}

export interface WorkerHostInit {
  readonly runner: Runner;
  readonly now: () => number;
  /** Feeds the worker's state machine and returns what it wants done. */
  readonly decide: (event: WorkerEvent) => readonly WorkerAction[];
  readonly report: () => LoadReport;
  readonly tellFree: (peer: PeerName) => void;
  readonly changed: () => void;
  readonly wake: (atMs: number) => void;
  /** A job for that peer began or ended. */
  readonly watch: (peer: PeerName, on: boolean) => void;
  /** Runs tasks one after the other, see ./turns.ts. */
  readonly turns: (task: () => void) => void;
  /** The checks around a job: member, share, view before; facts of outputs after. */
  readonly place: WorkPlace;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class WorkerHost {
  readonly #init: WorkerHostInit;
  readonly #jobs = new Map<string, HostedJob>();
  readonly #courtesy: Bucket;
  /** Jobs done for others since the start, by peer. */
  readonly doneFor = new Map<PeerName, number>();

  constructor(init: WorkerHostInit) {
    this.#init = init;
    this.#courtesy = new Bucket({ burst: 32, perS: 8 }, init.now());
  }

  /** Process ids of the commands that run for others now. */
  get pids(): number[] {
    return [...this.#jobs.values()].flatMap((job) => (job.pid === undefined ? [] : [job.pid]));
  }

  /** A peer has opened a stream for a job. */
  open(peer: PeerName, channel: JobChannel): void {
    const { place } = this.#init;
    const standing = place.standing(peer);
    if (standing === 'stranger') return this.#turnAway(channel);
    if (standing === 'member') channel.limit(memberFrameBytes);
    else {
      // It has been one: what it sends waits, at most one window, until that is shown again.
      channel.pause();
      place.proveAgain(peer).then(
        (isMember) => {
          if (!isMember) return this.#turnAway(channel);
          channel.limit(memberFrameBytes);
          channel.resume();
        },
        () => this.#turnAway(channel),
      );
    }
    let argv: Uint8Array | undefined;
    let environment: Uint8Array | undefined;
    let job: HostedJob | undefined;
    channel.onFrame = (frame) => {
      if (job !== undefined) return this.#take(job, frame);
      if (frame.type === 'FETCH') return this.#send(peer, channel, parseFetch(frame.payload));
      if (frame.type === 'ARGV') argv = frame.payload;
      else if (frame.type === 'ENV') environment = frame.payload;
      else if (frame.type === 'OFFER' && argv !== undefined && environment !== undefined) {
        job = {
          peer,
          offer: parseOffer(frame.payload),
          channel,
          argv,
          environment,
          execution: undefined,
          creditBytes: outputWindowBytes,
          startedAtMs: 0,
          pid: undefined,
          admitted: false,
        };
        this.#offered(job);
      } else throw new FrameError(`a ${frame.type} frame before the offer was whole`);
    };
    channel.onEnd = () => {
      if (job !== undefined) this.#gone(job);
    };
  }

  /** A submitter does not see an output that was made here. */
  #send(peer: PeerName, channel: JobChannel, fetch: Fetch): void {
    this.#init.place.sendOutput(peer, channel, fetch).catch((error: unknown) => {
      this.#init.log('an output could not be sent', { peer, path: fetch.path, error: String(error) });
      channel.abort();
    });
  }

  /** Feeds an event to the state machine and does what it says. */
  apply(event: WorkerEvent): void {
    this.#init.turns(() => {
      for (const action of this.#init.decide(event)) this.#act(action);
    });
  }

  /** Ends everything that runs here, and forgets what waits. */
  endAll(): void {
    for (const job of this.#jobs.values()) job.channel.abort();
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Nothing of what it sends is read; the first few are told why. */
  #turnAway(channel: JobChannel): void {
    if (!this.#courtesy.take(1, this.#init.now())) {
      channel.abort();
      return;
    }
    const detail = 'no member file of yours is on any share here';
    channel.send('REFUSED', encodeRefused({ code: 'not-member', detail }));
    channel.close();
    // It may never close its end.
    setTimeout(() => channel.abort(), turnedAwayMs).unref();
  }

  #offered(job: HostedJob): void {
    const key = keyOf(job.peer, job.offer.job);
    if (this.#jobs.has(key)) {
      this.#refuse(job, { code: 'busy', detail: 'an earlier attempt of this job is still here' });
      return;
    }
    this.#jobs.set(key, job);
    this.#init.watch(job.peer, true);
    this.#init.place
      .prepare(job.peer, job.offer, job.argv, job.environment)
      .then(
        (refusal) => this.#checked(job, refusal),
        (error: unknown) => this.#checked(job, { code: 'stale-view', detail: String(error).slice(0, 1_000) }),
      )
      .catch((error: unknown) => this.#broken(job, error));
  }

  #checked(job: HostedJob, refusal: Refusal | undefined): void {
    const { peer, offer } = job;
    if (this.#jobs.get(keyOf(peer, offer.job)) !== job) return;
    if (refusal !== undefined) {
      this.#remove(job);
      this.#refuse(job, refusal);
      return;
    }
    job.admitted = true;
    this.apply({
      type: 'offer',
      peer,
      job: offer.job,
      attempt: offer.attempt,
      memoryBytes: offer.memoryBytes,
    });
  }

  /** An answer that cannot be sent; the submitter sees a lost stream, and tries elsewhere. */
  #broken(job: HostedJob, error: unknown): void {
    this.#init.log('a job could not be answered', { job: job.offer.job, error: String(error) });
    job.channel.abort();
    this.#gone(job);
  }

  #refuse(job: HostedJob, refusal: Refusal): void {
    job.channel.send('REFUSED', encodeRefused({ ...refusal, report: this.#init.report() }));
    job.channel.close();
  }

  #act(action: WorkerAction): void {
    if (action.type === 'free') return this.#init.tellFree(action.peer);
    if (action.type === 'changed') return this.#init.changed();
    if (action.type === 'wake') return this.#init.wake(action.atMs);
    const key = keyOf(action.peer, action.job);
    const job = this.#jobs.get(key);
    if (job === undefined) return;
    switch (action.type) {
      case 'accept':
        job.channel.send('ACCEPTED', encodeAccepted({ report: this.#init.report() }));
        break;
      case 'refuse':
        this.#remove(job);
        this.#refuse(job, { code: action.code, detail: '' });
        break;
      case 'start':
        this.#start(job);
        break;
      case 'kill':
        job.execution?.kill();
        break;
      case 'return':
        this.#remove(job);
        job.channel.send('RETURNED');
        job.channel.close();
        break;
      default:
        action satisfies never;
    }
  }

  #start(job: HostedJob): void {
    const { offer } = job;
    job.startedAtMs = this.#init.now();
    job.execution = this.#init.runner.run(
      {
        argv: job.argv,
        environment: job.environment,
        cwd: offer.cwd,
        umask: offer.umask,
        nice,
        stdin: offer.stdin,
        stdout: offer.stdout,
        stderr: offer.stderr,
        merged: offer.merged,
        blocked: offer.blocked,
        ignored: offer.ignored,
        rows: offer.rows,
        columns: offer.columns,
      },
      {
        onStarted: (pid) => {
          job.pid = pid;
          job.channel.send('STARTED');
        },
        onOutput: (type, data) => {
          job.channel.send(type, data);
          job.creditBytes -= data.length;
          if (job.creditBytes <= 0) job.execution?.pause();
        },
        onStdinTaken: (totalBytes) => job.channel.send('STDIN_TAKEN', encodeStdinTaken(totalBytes)),
        onSpawnFailed: (why) => this.#over(job, { kind: 'spawn-failed', why }),
        onExit: (exit) => this.#over(job, { kind: 'ended', exit }),
        onLost: () => this.#over(job, { kind: 'spawn-failed', why: 'the runner was lost' }),
      },
    );
  }

  #over(
    job: HostedJob,
    end: { kind: 'ended'; exit: RunnerExit } | { kind: 'spawn-failed'; why: string },
  ): void {
    const { peer, offer } = job;
    const here = this.#remove(job);
    // The slot first: the next job starts while this one's result is made out.
    this.apply({
      type: 'ended',
      peer,
      job: offer.job,
      maxRssBytes: end.kind === 'ended' ? end.exit.maxRssBytes : 0,
    });
    if (!here) {
      // Cancelled, and now nothing writes any more: what it left under hidden names is nobody's.
      this.#init.place.discard(offer);
      return;
    }
    if (end.kind === 'spawn-failed') {
      const report = this.#init.report();
      job.channel.send('RESULT', encodeResult({ kind: 'spawn-failed', detail: end.why, report }));
      job.channel.close();
      return;
    }
    this.doneFor.set(peer, (this.doneFor.get(peer) ?? 0) + 1);
    const send = (facts: JobFacts): void => {
      const { ending, maxRssBytes, userMs, systemMs } = end.exit;
      const wallMs = Math.round(this.#init.now() - job.startedAtMs);
      const report = this.#init.report();
      job.channel.send(
        'RESULT',
        encodeResult({ kind: 'ended', ending, maxRssBytes, userMs, systemMs, wallMs, report, ...facts }),
      );
      job.channel.close();
    };
    this.#init.place
      .look(peer, offer)
      .then(send, (error: unknown) => {
        this.#init.log('the outputs of a job could not be looked at', {
          job: offer.job,
          error: String(error),
        });
        send({ outputs: [] });
      })
      .catch((error: unknown) => this.#broken(job, error));
  }

  /** @returns false if it was removed before. */
  #remove(job: HostedJob): boolean {
    const key = keyOf(job.peer, job.offer.job);
    if (this.#jobs.get(key) !== job) return false;
    this.#jobs.delete(key);
    this.#init.watch(job.peer, false);
    return true;
  }

  #take(job: HostedJob, frame: Frame): void {
    switch (frame.type) {
      case 'STDIN':
        job.execution?.stdin(frame.payload);
        break;
      case 'STDIN_END':
        job.execution?.stdinEnd();
        break;
      case 'SIGNAL':
        job.execution?.signal(parseSignal(frame.payload));
        break;
      case 'CREDIT': {
        const before = job.creditBytes;
        job.creditBytes += parseCredit(frame.payload);
        if (before <= 0 && job.creditBytes > 0) job.execution?.resume();
        break;
      }
      case 'RECALL':
        if (job.admitted) this.apply({ type: 'recall', peer: job.peer, job: job.offer.job });
        break;
      default:
        throw new FrameError(`a ${frame.type} frame from a submitter`);
    }
  }

  /** The submitter has closed the stream, or is lost. */
  #gone(job: HostedJob): void {
    if (!this.#remove(job)) return;
    if (!job.admitted) return;
    this.apply({ type: 'cancelled', peer: job.peer, job: job.offer.job });
    // The state machine waits for `ended`, which comes when the tree is gone.
    job.execution?.kill();
  }
}

function keyOf(peer: PeerName, job: JobId): string {
  return `${peer} ${job}`;
}
