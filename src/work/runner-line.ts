/**
 * Connections to the runner. Each carries one job after the other: to make one is a process there, and here a tenth of what a small
 * job costs. Behind each is a process that waits; those that are not used for a while are closed.
 */
import { connect, type Socket } from 'node:net';
import { type Frame, FrameDecoder, FrameError } from '../wire/frame.ts';

/** A connection that has no job is closed after this time. */
const idleMs = 10_000;

/** A job that is on a connection. */
export interface RunnerLineUser {
  take(frame: Frame): void;
  /** The connection has ended, and its process with it. */
  lost(): void;
}

/** The connections to one runner. */
export class RunnerLines {
  readonly #path: string;
  /** The one that was used last at the end. */
  readonly #idle: { readonly line: RunnerLine; readonly sinceMs: number }[] = [];
  #isSweeping = false;

  /** @param path - of the runner's socket. */
  constructor(path: string) {
    this.#path = path;
  }

  /** A connection without a job. */
  take(): RunnerLine {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return new RunnerLine(connect(this.#path), (line) => this.#rest(line));
      if (idle.line.isOpen) return idle.line;
    }
  }

  #rest(line: RunnerLine): void {
    this.#idle.push({ line, sinceMs: performance.now() });
    this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    setTimeout(() => this.#closeOld(), idleMs).unref();
  }

  #closeOld(): void {
    this.#isSweeping = false;
    const beforeMs = performance.now() - idleMs;
    const isYoung = this.#idle.findIndex(({ sinceMs }) => sinceMs > beforeMs);
    const old = this.#idle.splice(0, isYoung < 0 ? Number.POSITIVE_INFINITY : isYoung);
    for (const { line } of old) line.close();
    if (this.#idle.length > 0) this.#sweepLater();
  }
}

export class RunnerLine {
  readonly #socket: Socket;
  readonly #onFree: (line: RunnerLine) => void;
  readonly #decoder = new FrameDecoder([
    'SPAWN_FAILED',
    'STARTED',
    'STDOUT',
    'STDERR',
    'STDIN_TAKEN',
    'EXIT',
  ]);
  #user: RunnerLineUser | undefined;

  constructor(socket: Socket, onFree: (line: RunnerLine) => void) {
    this.#socket = socket;
    this.#onFree = onFree;
    socket.on('data', (chunk) => this.#receive(chunk));
    // An error is followed by close.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#leave()?.lost());
  }

  get isOpen(): boolean {
    return this.#socket.writable && this.#socket.readable;
  }

  /** Puts a job on it. */
  begin(user: RunnerLineUser, request: Uint8Array): void {
    this.#user = user;
    this.#socket.ref();
    this.#socket.write(request);
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Its job has ended, and the process behind it waits for the next one. */
  free(): void {
    this.#leave();
    // Half closed by a kill that came too late: it takes no other.
    if (!this.isOpen) return;
    // It may have been held up by the last of what the job said.
    this.#socket.resume();
    this.#socket.unref();
    this.#onFree(this);
  }

  /** Half closed: the process behind it ends all that runs, and still tells how that ended. */
  close(): void {
    this.#socket.end();
  }

  #leave(): RunnerLineUser | undefined {
    const user = this.#user;
    this.#user = undefined;
    return user;
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#decoder.push(chunk)) {
        if (this.#user === undefined) throw new FrameError(`a ${frame.type} frame without a job`);
        this.#user.take(frame);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#socket.destroy(); // not our runner's words: whatever it was, it is lost
    }
  }
}
