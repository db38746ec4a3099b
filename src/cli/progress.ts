/** A line on the terminal that tells how long something takes; where nobody looks, nothing is printed. */

/** What is ready sooner needs no word. */
const firstMs = 500;
const everyMs = 1_000;

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Progress {
  readonly #terminal: Terminal;
  readonly #beganMs = performance.now();
  readonly #first: NodeJS.Timeout;
  readonly #every: NodeJS.Timeout;
  #isShown = false;
  /** What is waited for. */
  text: string;

  constructor(text: string, terminal: Terminal = process.stderr) {
    this.text = text;
    this.#terminal = terminal;
    const show = (): void => this.#show();
    this.#first = setTimeout(show, firstMs);
    this.#every = setInterval(show, everyMs);
    this.#first.unref();
    this.#every.unref();
  }

  #show(): void {
    const { isTTY, columns = 80 } = this.#terminal;
    if (isTTY !== true) return;
    const seconds = Math.round((performance.now() - this.#beganMs) / 1000);
    this.#terminal.write(`\r${`${this.text} ${seconds} s`.slice(0, columns - 1)}\u001b[K`);
    this.#isShown = true;
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    clearTimeout(this.#first);
    clearInterval(this.#every);
    if (this.#isShown) this.#terminal.write('\r\u001b[K');
  }
}
