/**
 * A job that another peer has put to this one: its stream, its command while that runs, and how much of its output may
 * flow. Decides nothing.
 */
import { getSystemErrorName } from 'node:util';
import type { LoadReport } from '../../core/load-report.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { sendWritten } from '../../tree/send-written.ts';
import type { LeftByJob } from '../../tree/tree-job.ts';
import {
  type Frame,
  FrameError,
  type FrameName,
  type Payload,
  type PayloadArguments,
} from '../../wire/frame.ts';
import {
  encodeAccepted,
  encodeRefused,
  encodeResult,
  type JobFacts,
  type Offer,
  parseCredit,
} from '../../wire/job-messages.ts';
import { outputWindowBytes } from '../../wire/limits.ts';
import type { RunnerExit } from '../../wire/runner-messages.ts';
import { encodeStdinTaken, parseSignal } from '../../wire/wrapper-messages.ts';
import type { Execution, Runner, RunSpec } from '../../work/runner.ts';
import type { Trace } from '../../work/tracer.ts';
import type { StartTimer } from '../alarm.ts';
import type { Refusal, WholeOffer } from './contract.ts';

/** How much nicer than the owner's own work a job for others runs. */
const nice = 5;
/** So long after its acceptance a job has usually started. */
const acceptedMs = 5;

/** How a command came to its end; nothing of it runs any more, unless the runner was lost with it. */
export type RunEnd =
  | { readonly kind: 'ended'; readonly exit: RunnerExit; readonly wallMs: number }
  /** Killed, as nothing had been heard of its submitter for too long. */
  | { readonly kind: 'lapsed' }
  | { readonly kind: 'spawn-failed'; readonly why: string };

type EndedRun = Extract<RunEnd, { kind: 'ended' }>;

export class HostedJob {
  readonly peer: PeerName;
  readonly offer: Offer;
  readonly argv: Uint8Array;
  readonly environment: Uint8Array;
  /** What it looks up is written there, if its submitter wants to know. */
  trace: Trace | undefined;
  /** Why what it leaves in places for what is temporary stays there; of an opaque command on a shared tree. */
  notApart: string | undefined;
  readonly #channel: JobChannel;
  #execution: Execution | undefined;
  #pid: number | undefined;
  #creditBytes = outputWindowBytes;
  #renewedMs = 0;
  readonly #gone = new AbortController();
  /** That it was accepted is said with what comes next, or soon by itself: a packet less. */
  #unsaid: Payload<'ACCEPTED'> | undefined;
  #cancelSaying: (() => void) | undefined;

  constructor(peer: PeerName, channel: JobChannel, { offer, argv, environment }: WholeOffer) {
    this.peer = peer;
    this.offer = offer;
    this.argv = argv;
    this.environment = environment;
    this.#channel = channel;
  }

  /** Whether its command runs under a lease. */
  get isLeased(): boolean {
    return this.#execution !== undefined && this.offer.leaseMs > 0;
  }

  /** Process id of its command, once that was started. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Aborted when its stream has ended: nobody waits for what it wrote. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** @param later - calls back after some time. */
  accept(report: LoadReport, later: StartTimer): void {
    this.#unsaid = encodeAccepted({ report });
    this.#cancelSaying = later(acceptedMs, () => this.#sayAccepted());
  }

  refuse(refusal: Refusal, report: LoadReport): void {
    this.#say('REFUSED', encodeRefused({ ...refusal, report }));
    this.#channel.close();
  }

  /** It has not begun and shall run elsewhere. */
  giveBack(): void {
    this.#say('RETURNED');
    this.#channel.close();
  }

  /** The command never ran. */
  failToSpawn(detail: string, report: LoadReport): void {
    this.#say('RESULT', encodeResult({ kind: 'spawn-failed', detail, report }));
    this.#channel.close();
  }

  /** `left`: processes that it left, where it was not the runner that saw them. */
  finish(
    { exit, wallMs, left = exit.left }: EndedRun & { readonly left?: number | undefined },
    facts: JobFacts,
    report: LoadReport,
  ): void {
    const { ending, maxRssBytes, userMs, systemMs } = exit;
    this.#say(
      'RESULT',
      encodeResult({
        kind: 'ended',
        ending,
        maxRssBytes,
        userMs,
        systemMs,
        wallMs,
        left,
        report,
        ...facts,
      }),
    );
    this.#channel.close();
  }

  /** Ends the stream without a word: the submitter tries elsewhere. */
  abort(): void {
    this.#forgetUnsaid();
    this.#channel.abort();
  }

  /** Its stream has ended: nothing that is sent arrives any more. */
  lose(): void {
    this.#forgetUnsaid();
    this.#gone.abort(new Error('the submitter has ended the stream'));
  }

  /** Sends what a served command has written. @throws Error if the submitter is gone */
  async sendWritten(left: LeftByJob): Promise<void> {
    await sendWritten(left, this.#channel, this.#gone.signal);
  }

  /**
   * @param instead - what is run in other words than those of the offer.
   * @param onEnd - called once, when nothing of the command runs any more.
   */
  run(
    { runner, now }: { readonly runner: Pick<Runner, 'run'>; readonly now: () => number },
    instead: Partial<RunSpec>,
    onEnd: (end: RunEnd) => void,
  ): void {
    const { argv, offer, trace } = this;
    const environment = trace?.environmentOf(this.environment) ?? this.environment;
    const startedAtMs = now();
    this.#renewedMs = startedAtMs;
    this.#execution = runner.run(
      { ...offer, root: offer.share, argv, environment, nice: nice + offer.nice, ...instead },
      {
        onStarted: ({ pid, notApart }) => {
          this.#pid = pid;
          if (notApart > 0) this.notApart = `mount namespace: ${getSystemErrorName(-notApart)}`;
          this.#say('STARTED');
        },
        onOutput: (type, data) => this.#output(type, data),
        onStdinTaken: (totalBytes) => this.#say('STDIN_TAKEN', encodeStdinTaken(totalBytes)),
        onSpawnFailed: (why) => onEnd({ kind: 'spawn-failed', why }),
        onExit: (exit) =>
          onEnd(
            exit.hasLapsed
              ? { kind: 'lapsed' }
              : { kind: 'ended', exit, wallMs: Math.round(now() - startedAtMs) },
          ),
        onLost: () => onEnd({ kind: 'spawn-failed', why: 'the runner was lost' }),
      },
    );
  }

  /** @param wordMs - when its submitter was last heard. */
  renew(wordMs: number): void {
    if (wordMs <= this.#renewedMs) return;
    this.#renewedMs = wordMs;
    this.#execution?.renew();
  }

  kill(): void {
    this.#execution?.kill();
  }

  /** What its submitter says to the command. @throws FrameError if it has no place here. */
  take(frame: Frame): void {
    switch (frame.type) {
      case 'STDIN':
        this.#execution?.stdin(frame.payload);
        break;
      case 'STDIN_END':
        this.#execution?.stdinEnd();
        break;
      case 'SIGNAL':
        this.#execution?.signal(parseSignal(frame.payload));
        break;
      case 'CREDIT': {
        const before = this.#creditBytes;
        this.#creditBytes += parseCredit(frame.payload);
        if (before <= 0 && this.#creditBytes > 0) this.#execution?.resume();
        break;
      }
      default:
        throw new FrameError(`a ${frame.type} frame from a submitter`);
    }
  }

  #say<Type extends FrameName>(type: Type, ...payload: PayloadArguments<Type>): void {
    this.#sayAccepted();
    this.#channel.send(type, ...payload);
  }

  #sayAccepted(): void {
    const accepted = this.#unsaid;
    this.#forgetUnsaid();
    if (accepted !== undefined) this.#channel.send('ACCEPTED', accepted);
  }

  #forgetUnsaid(): void {
    this.#unsaid = undefined;
    this.#cancelSaying?.();
    this.#cancelSaying = undefined;
  }

  #output(type: 'STDOUT' | 'STDERR', data: Uint8Array): void {
    this.#say(type, data);
    this.#creditBytes -= data.length;
    if (this.#creditBytes <= 0) this.#execution?.pause();
  }
}
