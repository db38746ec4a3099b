/** The wrapper's end of a local connection, joined in memory to the peer's end with the real codec. */
import assert from 'node:assert/strict';
import type { Ending } from '../../src/core/schedule/contract.ts';
import {
  WrapperConnection,
  type WrapperRequest,
  type WrapperSocket,
} from '../../src/local/wrapper-connection.ts';
import { joinNul } from '../../src/wire/bytes.ts';
import { FrameDecoder, type FrameName } from '../../src/wire/frame.ts';
import {
  encodeWrapperJob,
  parseExit,
  parseInline,
  parseStdinTaken,
} from '../../src/wire/wrapper-messages.ts';

/** A request to run `argv` in `cwd`, with nothing special about it but `job`. */
export function plainRequest(
  argv: readonly string[],
  cwd: string,
  job: Partial<WrapperRequest['job']> = {},
): WrapperRequest {
  return {
    argv,
    environment: ['PATH=/usr/bin:/bin'],
    job: {
      version: 1,
      pid: 4_194_303,
      cwd,
      umask: 0o22,
      stdin: 'null',
      stdout: 'pipe',
      stderr: 'pipe',
      merged: false,
      descriptors: 0,
      surroundings: '',
      blocked: '0',
      ignored: '0',
      rows: 0,
      columns: 0,
      nice: 0,
      limits: '',
      force: '',
      ...job,
    },
  };
}

export class Caller {
  readonly connection: WrapperConnection;
  stdout = '';
  stderr = '';
  /** How much of its stdin the command has taken, as it was told; undefined until stdin was asked for. */
  stdinTakenBytes: number | undefined;
  /** Why it was told to run the command itself. */
  inline: string | undefined;
  ending: Ending | undefined;
  /** The peer ended the connection without a word. */
  isDropped = false;
  /** While set, output stays in the peer. */
  isStalled = false;
  readonly #stalled: (() => void)[] = [];
  readonly #decoder = new FrameDecoder(['INLINE', 'STDIN_TAKEN', 'STDOUT', 'STDERR', 'EXIT']);

  constructor() {
    const socket: WrapperSocket = {
      write: (bytes, flushed) => {
        this.#hear(bytes);
        if (flushed === undefined) return;
        if (this.isStalled) this.#stalled.push(flushed);
        else flushed();
      },
      end: (bytes, flushed) => {
        this.#hear(bytes);
        flushed();
        queueMicrotask(() => this.leave());
      },
      destroy: () => {
        this.isDropped = true;
        queueMicrotask(() => this.leave());
      },
    };
    this.connection = new WrapperConnection(socket);
    // Of any command: which it is, the peer is told by the test.
    const { argv, environment, job } = plainRequest(['x'], '/');
    this.connection.take({ type: 'ARGV', payload: joinNul(argv) });
    this.connection.take({ type: 'ENV', payload: joinNul(environment) });
    this.connection.take({ type: 'JOB', payload: encodeWrapperJob(job) });
  }

  /** True once it has its last word. */
  get isAnswered(): boolean {
    return this.ending !== undefined || this.inline !== undefined || this.isDropped;
  }

  stdin(text: string): void {
    this.connection.take({ type: 'STDIN', payload: Buffer.from(text) });
  }

  stdinEnd(): void {
    this.connection.take({ type: 'STDIN_END', payload: new Uint8Array(0) });
  }

  signal(signal: number): void {
    this.connection.take({ type: 'SIGNAL', payload: Uint8Array.of(signal, 0) });
  }

  /** Its end of the connection is closed: it was killed, or the command that it runs inline has ended. */
  leave(): void {
    this.connection.closed();
  }

  /** Reads what it left unread. */
  goOn(): void {
    this.isStalled = false;
    for (const flushed of this.#stalled.splice(0)) flushed();
  }

  #hear(bytes: Uint8Array): void {
    for (const { type, payload } of this.#decoder.push(bytes)) {
      assert.ok(!this.isAnswered, `a ${type} frame after the last word`);
      this.#take(type, payload);
    }
  }

  #take(type: FrameName, payload: Uint8Array): void {
    if (type === 'STDOUT') this.stdout += Buffer.from(payload).toString();
    else if (type === 'STDERR') this.stderr += Buffer.from(payload).toString();
    else if (type === 'STDIN_TAKEN') this.stdinTakenBytes = parseStdinTaken(payload);
    else if (type === 'INLINE') this.inline = parseInline(payload);
    else this.ending = parseExit(payload);
  }
}
