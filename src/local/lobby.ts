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
const mostBytes = 4 * 1024 * 1024;
/** What a connection may send without asking: more than most requests are. */
const plainBytes = 64 * 1024;
/** What is read beyond that of all of them; it is given back where the request becomes whole. */
const further = { burst: 16 * 1024 * 1024, perS: 4 * 1024 * 1024 } as const;

/** A wrapper that connects and then says nothing is no wrapper. */
const requestTimeoutMs = 10_000;

/** Where many wait, to end one makes room for the next at once: that is better done later. */
type End = (why: string, when: 'now' | 'later') => void;

interface Waiting<Connection> {
  readonly connection: Connection;
  readonly sinceMs: number;
  bytes: number;
  /** Taken from what all may send further. */
  takenBytes: number;
  readonly end: End;
  /** In the order of their last bytes: those that go on sending are not the first to go. */
  before: Waiting<Connection> | undefined;
  after: Waiting<Connection> | undefined;
}

export class Lobby<Connection> {
  readonly #nowMs: () => number;
  /** In the order in which they came. */
  readonly #waiting = new Map<Connection, Waiting<Connection>>();
  #first: Waiting<Connection> | undefined;
  #last: Waiting<Connection> | undefined;
  readonly #further: Bucket;
  #bytes = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#further = new Bucket(further, nowMs());
  }

  /** @param end - it has left, and is to be ended. */
  enter(connection: Connection, end: End): void {
    const nowMs = this.#nowMs();
    const blank = { bytes: 0, takenBytes: 0, before: undefined, after: undefined };
    const waiting: Waiting<Connection> = { connection, sinceMs: nowMs, end, ...blank };
    this.#waiting.set(connection, waiting);
    this.#append(waiting);
    if (this.#waiting.size <= mostWaiting) return;
    const isLong = this.#first !== undefined && nowMs - this.#first.sinceMs > longMs;
    if (isLong || this.#waiting.size > mostAtAll) this.#endFirst('too many requests are not whole');
  }

  /** It has sent so many bytes more; nothing if it has left. */
  add(connection: Connection, bytes: number): void {
    const waiting = this.#waiting.get(connection);
    if (waiting === undefined) return;
    waiting.bytes += bytes;
    this.#bytes += bytes;
    this.#remove(waiting);
    this.#append(waiting);
    while (this.#bytes - waiting.bytes > mostBytes) this.#endFirst('too much of requests is not whole');
  }

  /** Whether more of it may be read now; if not, it is asked again later, and so are all others then. */
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
    this.#remove(waiting);
    this.#bytes -= waiting.bytes;
  }

  /** Call it about once a second: ends those whose request was not whole in time. */
  sweep(): void {
    for (const [connection, { sinceMs, end }] of this.#waiting) {
      if (this.#nowMs() - sinceMs <= requestTimeoutMs) return;
      this.leave(connection, 'ended');
      end(`no whole request came in ${requestTimeoutMs} ms`, 'now');
    }
  }

  #endFirst(why: string): void {
    const first = this.#first;
    if (first === undefined) return;
    this.leave(first.connection, 'ended');
    first.end(why, 'later');
  }

  #append(waiting: Waiting<Connection>): void {
    waiting.before = this.#last;
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.after = waiting;
    this.#last = waiting;
  }

  #remove(waiting: Waiting<Connection>): void {
    const { before, after } = waiting;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    waiting.before = undefined;
    waiting.after = undefined;
  }
}
