/**
 * Connections that are heard no more and are ended later. To end one costs about as much as to take the next one, which
 * a program that floods a peer makes at once for each that ends: so it gets few ends, and makes few.
 */

/** Less than wrappers wait for a silent peer: the command of one among them still begins. */
const mostMs = 15_000;
/** Each holds a descriptor, and what the kernel keeps of its bytes. */
const mostConnections = 1_024;

export class Dismissed<Connection> {
  readonly #nowMs: () => number;
  readonly #end: (connection: Connection) => void;
  /** Since when each is here; the oldest first. */
  readonly #sinceMs = new Map<Connection, number>();

  constructor(nowMs: () => number, end: (connection: Connection) => void) {
    this.#nowMs = nowMs;
    this.#end = end;
  }

  add(connection: Connection): void {
    this.#sinceMs.set(connection, this.#nowMs());
    if (this.#sinceMs.size > mostConnections) this.#endFirst();
  }

  /** It has ended by itself. */
  leave(connection: Connection): void {
    this.#sinceMs.delete(connection);
  }

  /** Call it about once a second. */
  sweep(): void {
    for (const [connection, sinceMs] of this.#sinceMs) {
      if (this.#nowMs() - sinceMs < mostMs) return;
      this.#sinceMs.delete(connection);
      this.#end(connection);
    }
  }

  #endFirst(): void {
    const [first] = this.#sinceMs.keys();
    if (first === undefined) return;
    this.#sinceMs.delete(first);
    this.#end(first);
  }
}
