/**
 * Holds a job's output back while the job may still have to run again elsewhere: what was passed on cannot be
 * taken back. When the hold is over, or holds too much, output goes on live and a failure is final.
 */
import { type ByteString, fromBytes } from '../../wire/bytes.ts';

export interface OutputChunk {
  readonly type: 'STDOUT' | 'STDERR';
  readonly data: Uint8Array;
}

export class OutputHold {
  readonly #limitBytes: number;
  readonly #pass: (chunk: OutputChunk, receivedBytes: number) => void;
  #held: OutputChunk[] = [];
  #heldBytes = 0;
  #live = false;
  /** Bytes per stream that the caller has; a second attempt's same beginning is skipped. */
  readonly #passed = { STDOUT: 0, STDERR: 0 };
  readonly #skip = { STDOUT: 0, STDERR: 0 };

  /**
   * @param limitBytes - more than this is never held.
   * @param pass - gets what is passed on, and how many bytes of the stream's flow control that stands for.
   */
  constructor(limitBytes: number, pass: (chunk: OutputChunk, receivedBytes: number) => void) {
    this.#limitBytes = limitBytes;
    this.#pass = pass;
  }

  /** True once the caller has seen output: the job cannot start again unnoticed. */
  get passedOn(): boolean {
    return this.#passed.STDOUT + this.#passed.STDERR > 0;
  }

  get holdsOutput(): boolean {
    return this.#heldBytes > 0;
  }

  /** All that is held, of both streams, as it came. */
  get heldText(): ByteString {
    return this.#held.map(({ data }) => fromBytes(data)).join('');
  }

  take(chunk: OutputChunk): void {
    if (!this.#live && this.#heldBytes + chunk.data.length <= this.#limitBytes) {
      this.#held.push(chunk);
      this.#heldBytes += chunk.data.length;
      return;
    }
    this.release();
    this.#deliver(chunk);
  }

  /** From now on output is passed on as it comes. */
  release(): void {
    this.#live = true;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const chunk of held) this.#deliver(chunk);
  }

  /** Another attempt begins: what is held is dropped; what was passed on will be skipped in the new one's output. */
  restart(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#skip.STDOUT = this.#passed.STDOUT;
    this.#skip.STDERR = this.#passed.STDERR;
  }

  #deliver(chunk: OutputChunk): void {
    const skipped = Math.min(this.#skip[chunk.type], chunk.data.length);
    this.#skip[chunk.type] -= skipped;
    const data = skipped === 0 ? chunk.data : chunk.data.subarray(skipped);
    this.#passed[chunk.type] += data.length;
    this.#pass({ type: chunk.type, data }, chunk.data.length);
  }
}
