/** A file that the kernel writes anew for whoever reads it, as those of /proc: to open it each time costs more than to read it. */
import { closeSync, openSync, readSync } from 'node:fs';

/** For all of them, as each is read at once; grows to what the largest needs. */
let buffer = Buffer.allocUnsafeSlow(8 * 1024);

export class HeldFile {
  readonly #path: string;
  #descriptor: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** What it holds now. @throws Error if it cannot be read; then the next call opens it anew. */
  read(): string {
    this.#descriptor ??= openSync(this.#path, 'r');
    try {
      return readWhole(this.#descriptor);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readWhole(descriptor: number): string {
  for (let bytes = 0; ; ) {
    const more = readSync(descriptor, buffer, bytes, buffer.length - bytes, bytes);
    bytes += more;
    if (more === 0) return buffer.toString('latin1', 0, bytes);
    if (bytes < buffer.length) continue;
    const larger = Buffer.allocUnsafeSlow(2 * buffer.length);
    buffer.copy(larger);
    buffer = larger;
  }
}
