/**
 * One job of this machine, from its wrapper's request to its end: holds the wrapper's connection, the output that is
 * not passed on yet, stdin, and the attempts. Where and when it runs is the dispatcher's decision.
 */
import type { Reading } from '../../core/command/contract.ts';
import { resolvePath } from '../../core/paths.ts';
import type { Ending, JobDemand, JobId } from '../../core/schedule/contract.ts';
import type { JobView } from '../../core/view/job-view.ts';
import type { WrapperConnection, WrapperRequest } from '../../local/wrapper-connection.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { PassedSignal } from '../../wire/wrapper-messages.ts';
import type { StartTimer } from '../alarm.ts';
import type { AttemptStream } from './attempt.ts';
import { OutputHold } from './output-hold.ts';
import type { ServedPlace } from './served/own-trees.ts';
import { StdinWindow } from './stdin-window.ts';

/** Held at most: less than the window that a worker may fill without being granted more. */
const holdLimitBytes = 768 * 1024;
/** Opaque commands may be in a dialogue: what they say is held back for this long only. */
const holdUnknownMs = 150;

/** Signals that ask for the end: HUP, INT, QUIT, PIPE, TERM. */
const endingSignals: ReadonlySet<number> = new Set([1, 2, 3, 13, 15]);
/** Signals that end no command which does not handle them: CHLD, CONT, TSTP, TTIN, TTOU, URG, WINCH. */
const harmlessSignals: ReadonlySet<number> = new Set([17, 18, 20, 21, 22, 23, 28]);
/** CONT and TSTP, each of which takes back the other one that is still on its way. */
const [continuing, stopping] = [18, 20];

/** The part of a job that is known when it is handed in. */
export interface SubmissionInit {
  readonly id: JobId;
  readonly request: WrapperRequest;
  readonly connection: WrapperConnection;
  readonly reading: Reading;
  readonly demand: JobDemand;
  /** Root of the share in which it works; undefined where it is inline by rule. */
  readonly share: string | undefined;
  /** Where it may be served; undefined: nowhere. */
  readonly place?: ServedPlace | undefined;
  /** Only workers that are shown this machine's files may take it. */
  readonly needsServing?: boolean | undefined;
  /** Files that are to be looked at when it is offered. */
  readonly unseen?: readonly ByteString[] | undefined;
  /** When it was handed in; all that it reads shall be as it was then or later. */
  readonly handedInMs: number;
  readonly listener: SubmissionListener;
  readonly startTimer: StartTimer;
}

export interface SubmissionListener {
  /** The caller is gone, or has ended the job before it began anywhere. */
  onCancel(job: JobId): void;
  /** The command that runs inline has ended. */
  onReleased(job: JobId): void;
}

export class Submission {
  readonly id: JobId;
  readonly request: WrapperRequest;
  readonly reading: Reading;
  readonly demand: JobDemand;
  readonly share: string | undefined;
  readonly place: ServedPlace | undefined;
  readonly unseen: readonly ByteString[];
  readonly handedInMs: number;
  readonly stdin: StdinWindow;
  /** How the command ended where it ran, once that is known and believed. */
  ending: Ending | undefined;
  /** Its newest attempt runs in this machine's own files, and changes nothing here before it is believed. */
  isServed = false;
  /** On a shared tree nothing would prove its result. */
  needsServing: boolean;
  /** What was seen of the share at its hand-in and since; undefined until its first offer. */
  view: JobView | undefined;
  readonly #connection: WrapperConnection;
  readonly #hold: OutputHold;
  #attempt: AttemptStream | undefined;
  readonly #startTimer: StartTimer;
  #cancelHold: (() => void) | undefined;
  /** The last signal that it may have ended by, in whatever way it handles that one. */
  #deadly: number | undefined;
  /** Its command has ended on the worker; what it wrote comes home, or what comes of that is being found out. */
  #hasEnded = false;
  /** Came when it was not known whether the command had begun. */
  #early: PassedSignal[] = [];
  /** What has stopped it, until it is continued. */
  #stop: PassedSignal | undefined;
  readonly #listener: SubmissionListener;
  #place: 'waiting' | 'inline' | 'over' = 'waiting';

  constructor(init: SubmissionInit) {
    this.id = init.id;
    this.request = init.request;
    this.reading = init.reading;
    this.demand = init.demand;
    this.share = init.share;
    this.place = init.place;
    this.needsServing = init.needsServing ?? false;
    this.unseen = init.unseen ?? [];
    this.handedInMs = init.handedInMs;
    this.#connection = init.connection;
    this.#startTimer = init.startTimer;
    this.#listener = init.listener;
    this.stdin = new StdinWindow((takenBytes) => init.connection.stdinTaken(takenBytes));
    this.#hold = new OutputHold(holdLimitBytes, (chunk, receivedBytes) => {
      const attempt = this.#attempt;
      // The credit follows the bytes out of this process: a slow reader slows the worker, and nothing grows here.
      const flushed = (): void => attempt?.granted(receivedBytes);
      if (chunk.data.length === 0) flushed();
      else init.connection.output(chunk.type, chunk.data, flushed);
    });
    init.connection.listen({
      onStdin: (data) => {
        this.stdin.data(data);
        if (this.#attempt?.started) this.#attempt.stdin(data);
      },
      onStdinEnd: () => {
        this.stdin.end();
        if (this.#attempt?.started) this.#attempt.stdinEnd();
      },
      onSignal: (signal) => this.#onSignal(signal),
      onClose: () => {
        const inline = this.#place === 'inline';
        this.#close();
        if (inline) init.listener.onReleased(this.id);
        else init.listener.onCancel(this.id);
      },
    });
  }

  get isInline(): boolean {
    return this.#place === 'inline';
  }

  get over(): boolean {
    return this.#place === 'over';
  }

  /** True if nothing of it has reached the caller: it may run again as if it never had. */
  get replayable(): boolean {
    return !this.#hold.passedOn && !this.stdin.taken;
  }

  /** The files that its words say it will write, absolute. */
  get outputPaths(): ByteString[] {
    return this.reading.outputs.map(({ path }) => resolvePath(this.request.job.cwd, path));
  }

  /** What the command has printed and the caller has not got yet. */
  get heldText(): ByteString {
    return this.#hold.heldText;
  }

  /**
   * True once the caller has sent it a signal that it may have ended by, in whatever way it handles that one: a failure
   * is then the caller's own doing, and no other run would get the signal.
   */
  get signalled(): boolean {
    return this.#deadly !== undefined;
  }

  /** The attempt whose output counts. */
  begin(attempt: AttemptStream): void {
    this.#attempt = attempt;
    this.#hasEnded = false;
    this.#hold.restart();
    // Its caller is stopped, and tells nobody of that twice.
    this.#early = this.#stop === undefined ? [] : [this.#stop];
  }

  /** The worker will run it, sooner or later. */
  accepted(): void {
    // While it was being looked at it could not be given back.
    if (this.#earlyDeadly !== undefined) this.#attempt?.recall();
  }

  /**
   * Its attempt is over or given up, or there is to be another.
   *
   * @returns true if it has died of a signal that came before it had begun anywhere.
   */
  hasDied(): boolean {
    const deadly = this.#earlyDeadly;
    this.#early = [];
    if (deadly === undefined) return false;
    this.#die(deadly.number);
    return true;
  }

  /**
   * It is to run once more: no other run would get the signals that an earlier one was given.
   *
   * @returns true if it has died of one.
   */
  hasDiedBefore(): boolean {
    this.#hasEnded = false;
    if (this.hasDied()) return true;
    if (this.#deadly === undefined) return false;
    this.#hold.restart();
    this.#die(this.#deadly);
    return true;
  }

  /** Its command has ended on the worker. Nobody gets a signal any more, unless it is to run once more. */
  commandEnded(): void {
    this.#hasEnded = true;
  }

  /** The command runs on the worker. */
  started(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    for (const signal of this.#early.splice(0)) attempt.signal(signal);
    if (wantsStdin(this)) {
      const first = this.stdin.begin();
      if (first.data.length > 0) attempt.stdin(first.data);
      if (first.ended) attempt.stdinEnd();
    }
  }

  /** Of the attempt whose output counts. */
  output(type: 'STDOUT' | 'STDERR', data: Uint8Array): void {
    this.#hold.take({ type, data });
    this.#showDialogue();
  }

  /** Of the attempt whose output counts: its command has read so many bytes of the caller's. */
  stdinTaken(totalBytes: number): void {
    this.stdin.advance(totalBytes);
    // Its answer may have come before the word that it has read the question.
    if (this.#hold.holdsOutput) this.#showDialogue();
  }

  #showDialogue(): void {
    if (this.reading.kind === 'other' && this.#mayBeDialogue)
      this.#cancelHold ??= this.#startTimer(holdUnknownMs, () => this.#hold.release());
  }

  /** A served command can run again as long as nobody has seen its output: then only a dialogue is shown at once. */
  get #mayBeDialogue(): boolean {
    const { stdout, stderr } = this.request.job;
    return !this.isServed || stdout === 'tty' || stderr === 'tty' || this.stdin.taken;
  }

  /** Passes the result on to the caller; the last act. */
  finish(ending: Ending): void {
    this.#hold.release();
    this.#close();
    this.#connection.exit(ending);
  }

  /** Lets the wrapper run it; `onReleased` follows when that has ended. */
  inline(reason: string): void {
    this.#clearTimer();
    this.#attempt = undefined;
    this.#place = 'inline';
    this.#connection.inline(reason);
  }

  /** Leaves the wrapper alone: it will run the command itself. */
  drop(): void {
    this.#close();
    this.#connection.drop();
  }

  get #earlyDeadly(): PassedSignal | undefined {
    return this.#early.find(({ number }) => !harmlessSignals.has(number));
  }

  /** As a process does that has not yet set a handler. */
  #die(signal: number): void {
    this.finish({ kind: 'signaled', signal, core: false });
    this.#listener.onCancel(this.id);
  }

  #onSignal(signal: PassedSignal): void {
    if (this.#place !== 'waiting') return;
    const { number } = signal;
    this.#noteStop(signal);
    if (this.#hasEnded) {
      // A process that has ended well takes none; who asks for the end is heard all the same, lest this takes long.
      if (endingSignals.has(number)) this.#die(number);
      return;
    }
    const isDeadly = !harmlessSignals.has(number);
    if (isDeadly) this.#deadly = number;
    if (this.#attempt?.started) {
      this.#attempt.signal(signal);
    } else if (this.#attempt?.mayHaveStarted) {
      // On a shared tree its caller may see that it runs before the word of that is here.
      this.#early.push(signal);
      if (isDeadly) this.#attempt.recall();
    } else if (isDeadly) {
      this.#die(number);
    }
  }

  #noteStop(signal: PassedSignal): void {
    const { number } = signal;
    if (number !== stopping && number !== continuing) return;
    this.#stop = number === stopping ? signal : undefined;
    this.#early = this.#early.filter((early) => early.number !== stopping && early.number !== continuing);
  }

  #close(): void {
    this.#clearTimer();
    this.#place = 'over';
  }

  #clearTimer(): void {
    this.#cancelHold?.();
  }
}

/** Whether the command is to be given the caller's stdin, and not just /dev/null. */
export function wantsStdin(job: { readonly reading: Reading; readonly request: WrapperRequest }): boolean {
  const kind = job.request.job.stdin;
  return job.reading.stdin !== 'never' && kind !== 'null' && kind !== 'closed' && kind !== 'tty';
}

/** For which jobs a refusal that is not `busy` holds: those of the same programs in the same share. */
export function kindOf(reading: Reading, share: string | undefined): string {
  return `${share ?? ''}\x01${reading.programs.join('\x01')}${reading.native ? '\x01native' : ''}`;
}
