/** A real runner for tests, and a peer of a few lines that joins wrappers to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { joinNul } from '../../src/wire/bytes.ts';
import { type Caller, Link, type ScriptedPeer } from './scripted-peer.ts';

const fromRunner = ['SPAWN_FAILED', 'STARTED', 'STDOUT', 'STDERR', 'STDIN_TAKEN', 'EXIT'] as const;

export class RunnerRig {
  readonly child: ChildProcess;
  readonly socketPath: string;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string) {
    this.child = child;
    this.#directory = directory;
    this.socketPath = path.join(directory, 'runner.sock');
  }

  /** @param before - arguments of `program`, where that is one that starts the runner. */
  static async start(program: string, before: readonly string[] = []): Promise<RunnerRig> {
    const directory = mkdtempSync(path.join(tmpdir(), 'runner-'));
    const child = spawn(program, [...before, path.join(directory, 'runner.sock')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    if (first.toString() !== 'ready\n') throw new Error(`the runner says ${first.toString()}`);
    return new RunnerRig(child, directory);
  }

  connect(): Link {
    return new Link(connect({ path: this.socketPath, allowHalfOpen: true }), fromRunner);
  }

  /** Starts a command; `job` overrides keys of the JOB frame. */
  run(argv: readonly string[], job: Record<string, string> = {}, environment?: readonly string[]): Link {
    const link = this.connect();
    this.runNext(link, argv, job, environment);
    return link;
  }

  /** The same on a connection that has had a job. */
  runNext(
    link: Link,
    argv: readonly string[],
    job: Record<string, string> = {},
    environment?: readonly string[],
  ): void {
    const keys = { cwd: '/', umask: '022', nice: '0', stdin: 'null', stdout: 'pipe', stderr: 'pipe', ...job };
    link.send('ARGV', joinNul(argv));
    link.send('ENV', joinNul(environment ?? ['PATH=/usr/local/bin:/usr/bin:/bin', 'LC_ALL=C']));
    link.send('JOB', joinNul(Object.entries(keys).map(([key, value]) => `${key}=${value}`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.stdin?.end();
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Runs what the next wrapper asks for on the runner, frame for frame. */
export async function join(peer: ScriptedPeer, runner: RunnerRig): Promise<Caller> {
  const caller = await peer.caller();
  const kind = caller.job.get('stdin') ?? '';
  const output = (name: string): string => {
    const value = caller.job.get(name) ?? '';
    return value === 'closed' || value === 'null' ? value : 'pipe';
  };
  const run = runner.run(
    caller.argv,
    {
      cwd: caller.job.get('cwd') ?? '',
      umask: caller.job.get('umask') ?? '',
      stdin: kind === 'closed' || kind === 'null' ? kind : 'pipe',
      stdout: output('stdout'),
      stderr: output('stderr'),
      merged: caller.job.get('merged') ?? '',
      blocked: caller.job.get('blocked') ?? '',
      ignored: caller.job.get('ignored') ?? '',
    },
    caller.environment,
  );
  caller.link.listen((frame) => run.send(frame.type, frame.payload));
  caller.link.socket.on('close', () => run.socket.destroy());
  run.listen((frame) => {
    if (frame.type === 'SPAWN_FAILED') caller.link.send('INLINE', 'spawn-failed');
    else if (frame.type === 'EXIT') {
      caller.link.exit(frame.payload[0] === 1 ? 1 : 0, frame.payload[1] ?? 0);
      run.socket.end();
    } else if (frame.type !== 'STARTED') {
      caller.link.send(frame.type, frame.payload);
      // Output waits for its reader, as it does in a real peer.
      if (caller.link.socket.writableNeedDrain) {
        run.socket.pause();
        caller.link.socket.once('drain', () => run.socket.resume());
      }
    }
  });
  return caller;
}
