/**
 * Traces compilers, linkers and their like: each runs with a library that writes down every file name that it looks up
 * (src/native/swarmtrace). What they read and searched is then known, whatever they say of it themselves.
 */
import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { joinNul, toBytes } from '../wire/bytes.ts';

/** Where the records begin, see src/native/swarmtrace; the used bytes and the job's directory come before. */
export const recordsAt = 4096;
/** Room for some 250,000 names. Only what is written takes memory. */
const traceBytes = 16 * 1024 * 1024;
/** A trace of most jobs is read by one call. */
const pieceBytes = 64 * 1024;
/** Of a longer one the memory is given back. */
const keptBytes = 1024 * 1024;
const tryTimeoutMs = 5_000;
/** A try that was killed or late says nothing of the library. */
const mostTries = 3;

/** The trace of one job. */
export interface Trace {
  readonly path: string;
  /** The job's environment, so that its programs are traced. */
  environmentOf(environment: Uint8Array): Uint8Array;
  /**
   * What was written down until now, see readTrace in core.
   *
   * @throws Error if there was more than there is room for
   */
  records(): string;
}

export class Tracer {
  /** Holds nothing but the traces and a link to the library. */
  readonly directory: string;
  readonly #library: string;
  /** Traces that no job writes to. */
  readonly #free: TraceFile[] = [];
  readonly #all = new Map<string, TraceFile>();

  private constructor(library: string, directory: string) {
    this.#library = library;
    this.directory = directory;
  }

  /**
   * A tracer, or why programs cannot be traced on this machine.
   *
   * @param packageRoot - where `bin/swarmtrace.so` lies.
   * @param directory - of ours alone; the tracer makes one in it.
   */
  static async open(packageRoot: string, directory: string): Promise<Tracer | string> {
    const library = join(packageRoot, 'bin', 'swarmtrace.so');
    if (!existsSync(library)) return `there is no ${library}; install gcc or clang and build again`;
    const own = join(directory, `trace-${process.pid}`);
    // The loader takes both for the end of a name.
    if (/[\s:]/.test(own)) return `the directory ${own} has a space or a colon in its name`;
    rmSync(own, { recursive: true, force: true });
    mkdirSync(own, { mode: 0o700 });
    const link = join(own, 'swarmtrace.so');
    symlinkSync(library, link);
    const tracer = new Tracer(link, own);
    let trace: Trace;
    try {
      trace = tracer.begin('/');
    } catch (error) {
      tracer.close();
      return whyNoTrace(error);
    }
    let failure = await failureOf(link, trace.path);
    for (let n = 1; n < mostTries && failure?.isAnswer === false; n += 1)
      failure = await failureOf(link, trace.path);
    const why = failure?.why ?? nothingIn(trace);
    tracer.end(trace);
    if (why === undefined) return tracer;
    tracer.close();
    return `${library} does not work here: ${why}`;
  }

  /** @param cwd - of the job. */
  begin(cwd: string): Trace {
    const file = this.#free.pop() ?? this.#make();
    file.begin(cwd);
    return file;
  }

  /** No process of the job is left, and its trace has been read. */
  end({ path }: Trace): void {
    const file = this.#all.get(path);
    if (file === undefined) return;
    file.clear();
    this.#free.push(file);
  }

  #make(): TraceFile {
    const file = new TraceFile(join(this.directory, String(this.#all.size)), this.#library);
    this.#all.set(file.path, file);
    return file;
  }

  close(): void {
    for (const file of this.#all.values()) file.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** @param error - of the file system, as a trace was made. */
function whyNoTrace(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'EFBIG'
    ? `no file may be as long as a trace, ${traceBytes} bytes; raise the limit (ulimit -f) and start the peer again`
    : `no trace can be made: ${message}`;
}

/** @returns why a program cannot be run with the library. */
function failureOf(library: string, trace: string): Promise<{ why: string; isAnswer: boolean } | undefined> {
  return new Promise((resolve) => {
    const options = {
      env: { LD_PRELOAD: library, BUILDSWARM_TRACE: trace, LC_ALL: 'C' },
      timeout: tryTimeoutMs,
      cwd: '/',
    };
    execFile('/bin/sh', ['-c', ':'], options, (error, _stdout, stderr) => {
      if (error === null && stderr === '') return resolve(undefined);
      const why = stderr.trim() || (error?.message ?? '');
      // Exited with a status: so it will the next time.
      resolve({ why, isAnswer: error === null || typeof error.code === 'number' });
    });
  });
}

function nothingIn(trace: Trace): string | undefined {
  return trace.records().startsWith('h') ? undefined : 'it writes nothing down';
}

/** One that is used for one job after the other, and stays open: to make it anew took half a millisecond a job. */
class TraceFile implements Trace {
  readonly path: string;
  readonly #library: string;
  readonly #descriptor: number;
  /** The directory that its head names; undefined: it has none. */
  #cwd: string | undefined;

  constructor(path: string, library: string) {
    this.path = path;
    this.#library = library;
    this.#descriptor = openSync(path, 'w+', 0o600);
    ftruncateSync(this.#descriptor, traceBytes);
  }

  begin(cwd: string): void {
    if (cwd === this.#cwd) return;
    this.#cwd = cwd;
    writeSync(this.#descriptor, this.#emptied(recordsAt), 0, recordsAt, 0);
  }

  /** What it begins with where it holds no records, and zeros. */
  #emptied(bytes: number): Buffer {
    const emptied = Buffer.alloc(bytes);
    emptied.writeBigUInt64LE(BigInt(recordsAt));
    toBytes(this.#cwd ?? '').copy(emptied, 8, 0, recordsAt - 9);
    return emptied;
  }

  environmentOf(environment: Uint8Array): Uint8Array {
    const variables = joinNul([`LD_PRELOAD=${this.#library}`, `BUILDSWARM_TRACE=${this.path}`]);
    return Buffer.concat([variables, environment]);
  }

  records(): string {
    const { piece, usedBytes } = this.#read();
    if (usedBytes <= piece.length) return piece.toString('latin1', recordsAt, usedBytes);
    if (usedBytes > traceBytes) throw new Error('the command looked up more names than a trace holds');
    const records = Buffer.allocUnsafe(usedBytes - recordsAt);
    readSync(this.#descriptor, records, 0, records.length, recordsAt);
    return records.toString('latin1');
  }

  /** Nothing but zeros must lie where records will: a place that was taken and not filled is known by that. */
  clear(): void {
    const { usedBytes } = this.#read(8);
    if (usedBytes > keptBytes) {
      ftruncateSync(this.#descriptor, 0);
      ftruncateSync(this.#descriptor, traceBytes);
      this.#cwd = undefined;
    } else {
      // All that begins it too: what a job did to it must not meet the next one.
      const bytes = Math.max(usedBytes, recordsAt);
      writeSync(this.#descriptor, this.#emptied(bytes), 0, bytes, 0);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Its beginning. */
  #read(bytes = pieceBytes): { readonly piece: Buffer; readonly usedBytes: number } {
    const piece = Buffer.allocUnsafe(bytes);
    readSync(this.#descriptor, piece, 0, bytes, 0);
    return { piece, usedBytes: Number(piece.readBigUInt64LE()) };
  }
}
