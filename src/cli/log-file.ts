/** The file that a peer in the background logs to. It rotates by size, so that nobody's words can fill the disk. */
import { basename, dirname } from 'node:path';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';

/** Of one file, and how many older ones are kept. */
const fileSize = '4M';
export const keptFiles = 2;
/** Lines that come faster than the disk takes them are dropped beyond this. */
const mostWaitingBytes = 1024 * 1024;
/** A file that could not be written is tried again after this time. */
const retryMs = 1_000;
const closeMs = 1_000;

/** Path of a log that was rotated away; the higher the index, the older. */
export function rotatedPath(path: string, index: number): string {
  return `${path}.${index}`;
}

export interface LogFileOptions {
  readonly now?: () => number;
  /** Of one file, as `4M`. */
  readonly size?: `${number}${'B' | 'K' | 'M'}`;
}

export class LogFile {
  readonly #path: string;
  readonly #now: () => number;
  readonly #size: string;
  #stream: RotatingFileStream | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #dropped = 0;

  constructor(path: string, options: LogFileOptions = {}) {
    this.#path = path;
    this.#now = options.now ?? (() => performance.now());
    this.#size = options.size ?? fileSize;
  }

  /** True while it cannot be written. */
  get hasFailed(): boolean {
    return this.#now() - this.#failedAtMs < retryMs;
  }

  /** A line, with its newline. Never throws: a disk that is full must not end the peer, which goes on without words. */
  write(line: string): void {
    const stream = this.#stream ?? this.#open();
    if (stream === undefined || stream.writableLength > mostWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) {
      stream.write(
        `${JSON.stringify({ level: 40, time: Date.now(), dropped: this.#dropped, msg: 'lines were dropped' })}\n`,
      );
      this.#dropped = 0;
    }
    stream.write(line);
  }

  /** Writes what waits, as far as that can be done in a moment. */
  async close(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, closeMs).unref();
      stream.once('close', resolve);
      stream.end(resolve);
    });
  }

  #open(): RotatingFileStream | undefined {
    if (this.hasFailed) return undefined;
    const name = basename(this.#path);
    const stream = createStream(
      (index) => (typeof index === 'number' && index > 0 ? rotatedPath(name, index) : name),
      { path: dirname(this.#path), size: this.#size, rotate: keptFiles, mode: 0o600 },
    );
    // The directory is that of the sockets: where it was removed nobody but `start` may make it, with its mode.
    Object.assign(stream, {
      makePath: () => Promise.reject(new Error('the directory of the log was removed')),
    });
    stream.on('error', () => {
      this.#failedAtMs = this.#now();
      if (this.#stream === stream) this.#stream = undefined;
      stream.destroy();
    });
    this.#stream = stream;
    return stream;
  }
}
