/**
 * Runs commands by way of the runner (`bin/swarmexec`): a small process that forks in a fraction of the time that this
 * large one would need, sees the whole tree of a command to its end, and ends everything when this process is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { SwarmError } from '../core/swarm-error.ts';
import { encodeData, encodeFrame, type Frame } from '../wire/frame.ts';
import {
  encodeRunnerJob,
  parseRunnerExit,
  parseSpawnFailed,
  parseStarted,
  type RunnerExit,
  type RunnerJob,
  type Started,
} from '../wire/runner-messages.ts';
import { encodeSignal, type PassedSignal, parseStdinTaken } from '../wire/wrapper-messages.ts';
import { type RunnerLine, RunnerLines } from './runner-line.ts';

/** What to run. ARGV and ENV come as the payloads that travelled. */
export interface RunSpec extends RunnerJob {
  readonly argv: Uint8Array;
  readonly environment: Uint8Array;
}

/** Exactly one of onSpawnFailed, onExit and onLost comes, last. */
export interface RunListener {
  onStarted(started: Started): void;
  onOutput(type: 'STDOUT' | 'STDERR', data: Uint8Array): void;
  onStdinTaken(totalBytes: number): void;
  /** It was never started: `STAGE ERRNO`, such as `exec ENOENT`. */
  onSpawnFailed(why: string): void;
  onExit(exit: RunnerExit): void;
  /** The runner itself was lost; what the command does is unknown. */
  onLost(): void;
}

export interface Execution {
  stdin(data: Uint8Array): void;
  stdinEnd(): void;
  signal(signal: PassedSignal): void;
  /** There was a word of its submitter: its lease begins anew. */
  renew(): void;
  /** Ends the whole process tree: TERM, then KILL. `onExit` (or onLost) still comes. */
  kill(): void;
  /** Stops reading output; the command then blocks when the pipes are full. */
  pause(): void;
  resume(): void;
}

export interface Runner {
  readonly pid: number;
  /** Where it is reached; undefined where it is part of this process. */
  readonly socketPath: string | undefined;
  run(spec: RunSpec, listener: RunListener): Execution;
  /** Ends the runner and everything that it runs. */
  stop(): Promise<void>;
}

const startTimeoutMs = 5_000;

/**
 * Starts the runner.
 *
 * @param executable - path of `swarmexec`.
 * @param socketPath - where it shall listen; in a directory of ours alone.
 * @param onLost - called when the runner ends though nobody stopped it.
 * @param afterKill - a command that it starts when this process has ended without stopping it.
 * @throws SwarmError `E_RUNNER` if it does not come up.
 */
export async function startRunner(
  executable: string,
  socketPath: string,
  onLost: (why: string) => void,
  afterKill: readonly string[] = [],
): Promise<Runner> {
  const child = spawn(executable, [socketPath, ...afterKill], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  await ready(child, executable);
  let stopping = false;
  child.once('exit', (status, signal) => {
    if (!stopping) onLost(`the runner ended unasked (${signal ?? `status ${status}`})`);
  });
  child.unref();
  const lines = new RunnerLines(socketPath);
  return {
    pid: child.pid ?? 0,
    socketPath,
    run: (spec, listener) => execute(lines.take(), spec, listener),
    stop: async () => {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.ref();
      child.stdin?.end('stop\n');
      await gone;
    },
  };
}

async function ready(child: ChildProcess, executable: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(
        new SwarmError(
          'E_RUNNER',
          `The runner ${executable} did not start: ${why}; build it with \`npm run build\`.`,
        ),
      );
    };
    const timer = setTimeout(() => fail(`no word in ${startTimeoutMs} ms`), startTimeoutMs);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (status) => fail(`it ended with status ${status}`));
    child.stdout?.once('data', () => {
      clearTimeout(timer);
      child.removeAllListeners('exit');
      child.removeAllListeners('error');
      resolve();
    });
  });
}

function execute(line: RunnerLine, spec: RunSpec, listener: RunListener): Execution {
  let state: 'runs' | 'killed' | 'ended' = 'runs';
  const end = (stays: boolean): void => {
    if (stays) line.free();
    else line.close();
    state = 'ended';
  };
  const take = (frame: Frame): void => {
    if (state === 'ended') return;
    switch (frame.type) {
      case 'STARTED':
        listener.onStarted(parseStarted(frame.payload));
        break;
      case 'STDOUT':
      case 'STDERR':
        listener.onOutput(frame.type, frame.payload);
        break;
      case 'STDIN_TAKEN':
        listener.onStdinTaken(parseStdinTaken(frame.payload));
        break;
      case 'SPAWN_FAILED': {
        const why = parseSpawnFailed(frame.payload);
        end(false);
        listener.onSpawnFailed(why);
        break;
      }
      case 'EXIT': {
        const { exit, stays } = parseRunnerExit(frame.payload);
        end(stays);
        listener.onExit(exit);
        break;
      }
      default:
        break;
    }
  };
  const lost = (): void => {
    if (state === 'ended') return;
    state = 'ended';
    listener.onLost();
  };
  const request = [
    encodeFrame('ARGV', spec.argv),
    encodeFrame('ENV', spec.environment),
    encodeFrame('JOB', encodeRunnerJob(spec)),
  ];
  line.begin({ take, lost }, Buffer.concat(request));
  const write = (bytes: Uint8Array): void => {
    if (state === 'runs') line.write(bytes);
  };
  return {
    stdin: (data) => encodeData('STDIN', data).forEach(write),
    stdinEnd: () => write(encodeFrame('STDIN_END')),
    renew: () => write(encodeFrame('BEAT')),
    signal: (signal) => write(encodeFrame('SIGNAL', encodeSignal(signal))),
    kill: () => {
      if (state !== 'runs') return;
      state = 'killed';
      line.resume();
      line.close();
    },
    // Nobody grants credit to a command that is being killed: what it still says must be read all the same.
    pause: () => {
      if (state === 'runs') line.pause();
    },
    resume: () => {
      if (state === 'runs') line.resume();
    },
  };
}
