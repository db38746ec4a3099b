/**
 * Connections whose request is not whole yet. An honest one is whole within milliseconds, so where many wait, or where
 * much of what they sent waits, those that have waited longest are ended; their wrappers run their commands themselves.
 */

/** Connections that may wait together, if the oldest have waited for long. */
const mostWaiting = 256;
const longMs = 1_000;
/** However short they have waited. */
const mostAtAll = 4_096;
/** Bytes that may wait of all of them but the newest: a request alone may have some megabytes. */
const mostBytes = 8 * 1024 * 1024;

interface Waiting {
  readonly sinceMs: number;
  bytes: number;
  readonly end: (why: Error) => void;
}

export class Lobby<Connection> {
  readonly #nowMs: () => number;
  /** In the order of their last bytes: those that go on sending are not the first to go. */
  readonly #waiting = new Map<Connection, Waiting>();
  #bytes = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @param end - ends it; it then leaves. */
  enter(connection: Connection, end: (why: Error) => void): void {
    this.#waiting.set(connection, { sinceMs: this.#nowMs(), bytes: 0, end });
    if (this.#waiting.size <= mostWaiting) return;
    const [[, oldest] = []] = this.#waiting;
    const isLong = oldest !== undefined && this.#nowMs() - oldest.sinceMs > longMs;
    if (isLong || this.#waiting.size > mostAtAll) this.#endOldest('too many requests are not whole');
  }

  /** It has sent so many bytes more; nothing if it has left. */
  add(connection: Connection, bytes: number): void {
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined) return;
    waiting.bytes += bytes;
    this.#bytes += bytes;
    this.#waiting.delete(connection);
    this.#waiting.set(connection, waiting);
    while (this.#bytes - waiting.bytes > mostBytes) this.#endOldest('too much of requests is not whole');
  }

  /** Its request is whole, or it has ended. */
  leave(connection: Connection): void {
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined) return;
    this.#waiting.delete(connection);
    this.#bytes -= waiting.bytes;
  }

  #endOldest(why: string): void {
    const [[connection, oldest] = []] = this.#waiting;
    if (connection === undefined || oldest === undefined) return;
    this.leave(connection);
    oldest.end(new Error(why));
  }
}
