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
  readFileSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { joinNul, toBytes } from '../wire/bytes.ts';

/** Where the records begin; the used bytes and the job's directory come before. */
const recordsAt = 4096;
/** Room for some 250,000 names. Only what is written takes memory. */
const traceBytes = 16 * 1024 * 1024;
const tryTimeoutMs = 5_000;
/** A try that was killed or late says nothing of the library. */
const mostTries = 3;

/** The trace of one job. */
export interface Trace {
  readonly path: string;
  /** The job's environment, so that its programs are traced. */
  environmentOf(environment: Uint8Array): Uint8Array;
}

export class Tracer {
  /** Holds nothing but the traces and a link to the library. */
  readonly directory: string;
  readonly #library: string;
  /** Traces that no job writes to. */
  readonly #free: string[] = [];
  #count = 0;

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
    const trace = tracer.begin('/');
    let failure = await failureOf(link, trace.path);
    for (let n = 1; n < mostTries && failure?.isAnswer === false; n += 1)
      failure = await failureOf(link, trace.path);
    const why = failure?.why ?? nothingIn(trace.path);
    tracer.end(trace);
    if (why === undefined) return tracer;
    tracer.close();
    return `${library} does not work here: ${why}`;
  }

  /** @param cwd - of the job. */
  begin(cwd: string): Trace {
    const path = this.#free.pop() ?? join(this.directory, String(this.#count++));
    const descriptor = openSync(path, 'w', 0o600);
    try {
      const head = Buffer.alloc(recordsAt);
      head.writeBigUInt64LE(BigInt(recordsAt));
      toBytes(cwd).copy(head, 8, 0, recordsAt - 9);
      writeSync(descriptor, head);
      ftruncateSync(descriptor, traceBytes);
    } finally {
      closeSync(descriptor);
    }
    const variables = joinNul([`LD_PRELOAD=${this.#library}`, `BUILDSWARM_TRACE=${path}`]);
    return { path, environmentOf: (environment) => Buffer.concat([variables, environment]) };
  }

  /** No process of the job is left, and its trace has been read. */
  end({ path }: Trace): void {
    this.#free.push(path);
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
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

function nothingIn(trace: string): string | undefined {
  const first = readFileSync(trace).toString('latin1', recordsAt, recordsAt + 1);
  return first === 'h' ? undefined : 'it writes nothing down';
}
