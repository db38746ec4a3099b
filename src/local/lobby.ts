/**
 * Connections whose request is not whole yet. An honest one is whole within milliseconds, so where many wait, or where
 * much of what they sent waits, those that have waited longest are ended; their wrappers run their commands themselves.
 * Long requests are read at a bounded rate, but for those that become whole: to read and throw away is work too.
 */

import { Bucket } from '../core/bucket.ts';

/** Connections that may wait together, if the oldest have waited for long. */
const mostWaiting = 256;
const longMs = 1_000;
/** However short they have waited. */
const mostAtAll = 4_096;
/** Bytes that may wait of all of them but the newest: a request alone may have some megabytes. */
const mostBytes = 8 * 1024 * 1024;
/** What a connection may send without asking: more than most requests are. */
const plainBytes = 64 * 1024;
/** What is read beyond that of all of them; it is given back where the request becomes whole. */
const further = { burst: 16 * 1024 * 1024, perS: 4 * 1024 * 1024 } as const;

interface Waiting {
  readonly sinceMs: number;
  bytes: number;
  /** Taken from what all may send further. */
  takenBytes: number;
  readonly end: (why: Error) => void;
}

export class Lobby<Connection> {
  readonly #nowMs: () => number;
  /** In the order of their last bytes: those that go on sending are not the first to go. */
  readonly #waiting = new Map<Connection, Waiting>();
  readonly #further: Bucket;
  #bytes = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#further = new Bucket(further, nowMs());
  }

  /** @param end - ends it; it then leaves. */
  enter(connection: Connection, end: (why: Error) => void): void {
    this.#waiting.set(connection, { sinceMs: this.#nowMs(), bytes: 0, takenBytes: 0, end });
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

  /** Whether more of it may be read now; if not, it is asked again later. */
  mayRead(connection: Connection): boolean {
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined || waiting.bytes < plainBytes + waiting.takenBytes) return true;
    if (!this.#further.take(plainBytes, this.#nowMs())) return false;
    waiting.takenBytes += plainBytes;
    return true;
  }

  /** Its request is whole, or it has ended. */
  leave(connection: Connection, how: 'whole' | 'ended'): void {
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined) return;
    if (how === 'whole') this.#further.give(waiting.takenBytes);
    this.#waiting.delete(connection);
    this.#bytes -= waiting.bytes;
  }

  #endOldest(why: string): void {
    const [[connection, oldest] = []] = this.#waiting;
    if (connection === undefined || oldest === undefined) return;
    this.leave(connection, 'ended');
    oldest.end(new Error(why));
  }
}
