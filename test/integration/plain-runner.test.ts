/** The runner for machines without a C compiler, with real commands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinNul } from '../../src/wire/bytes.ts';
import type { RunnerExit } from '../../src/wire/runner-messages.ts';
import { createPlainRunner } from '../../src/work/plain-runner.ts';
import type { Execution, Runner, RunSpec } from '../../src/work/runner.ts';
import { until } from '../rig/until.ts';

interface Outcome {
  readonly stdout: string;
  readonly exit: RunnerExit | undefined;
  readonly spawnFailed: string | undefined;
}

function run(
  runner: Runner,
  argv: readonly string[],
  overrides: Partial<RunSpec> = {},
): { execution: Execution; started: Promise<number>; outcome: Promise<Outcome> } {
  const spec: RunSpec = {
    argv: joinNul(argv),
    environment: joinNul(['PATH=/usr/bin:/bin', 'LC_ALL=C']),
    cwd: '/',
    umask: 0o22,
    nice: 0,
    stdin: 'null',
    stdout: 'pipe',
    stderr: 'pipe',
    merged: false,
    blocked: '0',
    ignored: '0',
    rows: 0,
    columns: 0,
    ...overrides,
  };
  let execution: Execution | undefined;
  let onStarted = (_pid: number): void => undefined;
  const started = new Promise<number>((resolve) => {
    onStarted = resolve;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    let stdout = '';
    execution = runner.run(spec, {
      onStarted,
      onOutput: (_type, data) => {
        stdout += Buffer.from(data).toString();
      },
      onStdinTaken: () => undefined,
      onSpawnFailed: (spawnFailed) => resolve({ stdout, exit: undefined, spawnFailed }),
      onExit: (exit) => resolve({ stdout, exit, spawnFailed: undefined }),
      onLost: () => reject(new Error('the plain runner cannot be lost')),
    });
  });
  if (execution === undefined) throw new Error('run() returned nothing');
  return { execution, started, outcome };
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH: nobody is there
  }
}

test('a command has its output and its end told', async () => {
  const runner = createPlainRunner();
  const said = await run(runner, ['sh', '-c', 'echo $0; exit 3', 'word']).outcome;
  assert.equal(said.stdout, 'word\n');
  assert.deepEqual(said.exit?.ending, { kind: 'exited', status: 3 });
  const { execution, outcome } = run(runner, ['cat'], { stdin: 'pipe' });
  execution.stdin(Buffer.from('in and out'));
  execution.stdinEnd();
  assert.equal((await outcome).stdout, 'in and out');
});

test('a command that cannot be started is told so, and a stop does not wait for it', async () => {
  const runner = createPlainRunner();
  assert.equal((await run(runner, ['/no/such/program']).outcome).spawnFailed, 'exec ENOENT');
  assert.equal((await run(runner, ['printf', '\xff']).outcome).spawnFailed, 'exec EILSEQ');
  const start = performance.now();
  await runner.stop();
  assert.ok(performance.now() - start < 1_000, 'stop() waited for commands that never began');
});

test('a stop ends what runs before it returns', async () => {
  const runner = createPlainRunner();
  const { started, outcome } = run(runner, ['sh', '-c', 'trap "" TERM; sleep 60 & wait; sleep 60']);
  const pid = await started;
  let exit: RunnerExit | undefined;
  void outcome.then((said) => {
    exit = said.exit;
  });
  await runner.stop();
  assert.equal(exit?.ending.kind, 'signaled');
  // An orphan that was killed counts until its new parent has seen that.
  await until(() => !isThere(-pid), 2_000, 'the process group is gone');
});
