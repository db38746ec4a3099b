/**
 * A job's stdin at the submitter: the wrapper is at most one window ahead of what the command has read, and
 * what was sent but not read is kept, so that another attempt gets it too.
 */
export class StdinWindow {
  #unread: Buffer = Buffer.alloc(0);
  #takenBytes = 0;
  #asked = false;
  #ended = false;
  readonly #ask: (takenBytes: number) => void;

  /** @param ask - tells the wrapper how much was taken; the first call asks for stdin. */
  constructor(ask: (takenBytes: number) => void) {
    this.#ask = ask;
  }

  /** True once the command has read from it: another run would miss that. */
  get taken(): boolean {
    return this.#takenBytes > 0;
  }

  /** An attempt began. @returns what it must be sent first, and whether that is all. */
  begin(): { data: Uint8Array; ended: boolean } {
    if (!this.#asked) {
      this.#asked = true;
      this.#ask(0);
    }
    return { data: this.#unread, ended: this.#ended };
  }

  data(data: Uint8Array): void {
    this.#unread = Buffer.concat([this.#unread, data]);
  }

  end(): void {
    this.#ended = true;
  }

  /** The command of the current attempt has read so many bytes in all. */
  advance(totalBytes: number): void {
    const step = totalBytes - this.#takenBytes;
    if (step <= 0 || step > this.#unread.length) return;
    this.#unread = this.#unread.subarray(step);
    this.#takenBytes = totalBytes;
    this.#ask(totalBytes);
  }
}
