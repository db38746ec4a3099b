/**
 * Runs commands with Node alone, for machines on which there is no C compiler to build the runner. It cannot do all
 * that the runner can: one pipe for both outputs, terminals, signal masks and bytes that are no UTF-8 are not to be had
 * (the last are refused, so that such a job runs elsewhere or inline), and it ends what it started by process group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants as fsConstants, openSync, readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBelow } from '../core/paths.ts';
import type { Ending } from '../core/schedule/contract.ts';
import { type ByteString, fromBytes, toBytes } from '../wire/bytes.ts';
import { parseStrings } from '../wire/wrapper-messages.ts';
import type { Execution, RunListener, Runner, RunSpec } from './runner.ts';

const killAfterMs = 250;
const stopTimeoutMs = 3_000;

export function createPlainRunner(): Runner {
  const running = new Map<Execution, Promise<void>>();
  return {
    pid: process.pid,
    socketPath: undefined,
    run: (spec, listener) => {
      const over = deferred();
      const execution = execute(spec, {
        ...listener,
        onSpawnFailed: (why) => {
          running.delete(execution);
          over.resolve();
          listener.onSpawnFailed(why);
        },
        onExit: (exit) => {
          running.delete(execution);
          over.resolve();
          listener.onExit(exit);
        },
      });
      running.set(execution, over.promise);
      return execution;
    },
    // Killed process groups end in killAfterMs at the latest, but for what waits for a dead file server.
    stop: async () => {
      for (const execution of running.keys()) execution.kill();
      await Promise.race([Promise.all(running.values()), sleep(stopTimeoutMs, undefined, { ref: false })]);
    },
  };
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Of what did not start. */
const nothing: Execution = {
  stdin: () => undefined,
  stdinEnd: () => undefined,
  signal: () => undefined,
  renew: () => undefined,
  kill: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};

function execute(spec: RunSpec, listener: RunListener): Execution {
  const child = spawnAs(spec);
  if (typeof child === 'string') {
    setImmediate(() => listener.onSpawnFailed(child));
    return nothing;
  }
  child.once('error', (error: NodeJS.ErrnoException) =>
    listener.onSpawnFailed(`exec ${error.code ?? 'EIO'}`),
  );
  const { pid } = child;
  if (pid === undefined) return nothing;
  setPriority(pid, Math.min(19, spec.nice));
  queueMicrotask(() => listener.onStarted({ pid, notApart: 0 }));
  child.stdout?.on('data', (data: Buffer) => listener.onOutput('STDOUT', data));
  child.stderr?.on('data', (data: Buffer) => listener.onOutput('STDERR', data));
  child.stdin?.on('error', () => undefined); // the command does not read it: nothing to tell anybody
  const group = new Group(child, pid, spec.leaseMs);
  child.once('exit', () => group.mindBackground(spec.backgroundMs));
  child.once('close', (status, signal) => {
    const ending: Ending =
      signal === null
        ? { kind: 'exited', status: status ?? 1 }
        : { kind: 'signaled', signal: constants.signals[signal], core: false };
    listener.onExit({
      ending,
      maxRssBytes: 0,
      userMs: 0,
      systemMs: 0,
      left: group.left,
      hasLapsed: group.hasLapsed,
    });
  });
  return control(child, group, listener);
}

/** Starts a command as the leader of a process group; or says why not, as where Node would alter one of its bytes. */
function spawnAs(spec: RunSpec): ChildProcess | string {
  const [program = '', ...rest] = parseStrings('ARGV', spec.argv).map(asText);
  const environment = parseStrings('ENV', spec.environment).map(asText);
  const cwd = asText(spec.cwd);
  if ([...rest, ...environment].includes(undefined) || program === undefined || cwd === undefined)
    return 'exec EILSEQ';
  const place = openDirectory(cwd, spec.root);
  if (typeof place === 'string') return place;
  // Spawning is synchronous, so nobody else sees this mask.
  const umask = process.umask(spec.umask);
  const child = spawn(program, rest as string[], {
    cwd: `/proc/self/fd/${place}`,
    detached: true,
    env: Object.fromEntries(
      (environment as string[]).map((entry) => [
        entry.slice(0, entry.indexOf('=', 1)),
        entry.slice(entry.indexOf('=', 1) + 1),
      ]),
    ),
    stdio: [spec.stdin === 'pipe' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  process.umask(umask);
  closeSync(place);
  return child;
}

/** A descriptor of a directory below `root` (empty: anywhere), whatever is put in its place from now on; or why not. */
function openDirectory(cwd: string, root: ByteString): number | string {
  let place: number;
  try {
    place = openSync(cwd, fsConstants.O_DIRECTORY);
  } catch (error) {
    return `chdir ${(error as NodeJS.ErrnoException).code ?? 'EIO'}`;
  }
  const real = fromBytes(readlinkSync(`/proc/self/fd/${place}`, 'buffer'));
  if (root === '' || isBelow(root, real)) return place;
  closeSync(place);
  return 'chdir EPERM';
}

function control(child: ChildProcess, group: Group, listener: RunListener): Execution {
  let takenBytes = 0;
  return {
    stdin: (data) => {
      child.stdin?.write(data, () => {
        takenBytes += data.length;
        listener.onStdinTaken(takenBytes);
      });
    },
    stdinEnd: () => child.stdin?.end(),
    renew: () => group.renew(),
    signal: ({ number, toGroup }) => group.pass(number, toGroup),
    kill: () => group.end(),
    pause: () => group.pause(),
    resume: () => group.resume(),
  };
}

/** The process group of a command, which outlives it where something was left in the background. */
class Group {
  readonly #child: ChildProcess;
  readonly #pid: number;
  readonly #leaseMs: number;
  #lease: NodeJS.Timeout | undefined;
  /** Processes that hold its output open and are left alone; that they are there is known, not how many. */
  left: 0 | 1 = 0;
  hasLapsed = false;
  #ending = false;
  #askedToEnd = false;

  constructor(child: ChildProcess, pid: number, leaseMs: number) {
    this.#child = child;
    this.#pid = pid;
    this.#leaseMs = leaseMs;
    this.renew();
    child.once('close', () => clearTimeout(this.#lease));
  }

  /** As this runs in the peer itself, a lease tells only of a peer that runs and hears nothing. */
  renew(): void {
    clearTimeout(this.#lease);
    if (this.#leaseMs === 0) return;
    this.#lease = setTimeout(() => {
      this.hasLapsed = true;
      this.resume();
      this.signal('SIGKILL');
    }, this.#leaseMs);
  }

  signal(signal: NodeJS.Signals | number, target = -this.#pid): void {
    try {
      process.kill(target, signal);
    } catch {
      // It has ended, and its group with it.
    }
  }

  pass(number: number, toGroup: boolean): void {
    const { SIGTERM, SIGINT, SIGHUP, SIGQUIT } = constants.signals;
    if ([SIGTERM, SIGINT, SIGHUP, SIGQUIT].includes(number)) this.#askedToEnd = true;
    this.signal(number, toGroup ? -this.#pid : this.#pid);
  }

  /** The command has ended: what is left gets some time to say what it has to say. */
  mindBackground(backgroundMs: number): void {
    if (backgroundMs === 0 || this.#askedToEnd) {
      this.end();
      return;
    }
    const { stdout, stderr } = this.#child;
    const timer = setTimeout(() => {
      this.left = 1;
      stdout?.destroy();
      stderr?.destroy();
    }, backgroundMs);
    this.#child.once('close', () => clearTimeout(timer));
  }

  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    // 'close' waits until all that it said is read.
    this.resume();
    this.signal('SIGTERM');
    setTimeout(() => this.signal('SIGKILL'), killAfterMs).unref();
  }

  pause(): void {
    if (this.#ending) return;
    this.#child.stdout?.pause();
    this.#child.stderr?.pause();
  }

  resume(): void {
    this.#child.stdout?.resume();
    this.#child.stderr?.resume();
  }
}

/** A byte string as text, if Node would turn it into the same bytes again. */
function asText(bytes: string): string | undefined {
  const text = toBytes(bytes).toString('utf8');
  return fromBytes(Buffer.from(text, 'utf8')) === bytes ? text : undefined;
}
