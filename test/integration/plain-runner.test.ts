/** The runner for machines without a C compiler, with real commands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProcess } from '../../src/machine/process-tree.ts';
import type { RunnerExit } from '../../src/wire/runner-messages.ts';
import { createPlainRunner } from '../../src/work/plain-runner.ts';
import type { Execution, Runner, RunSpec } from '../../src/work/runner.ts';
import { assertWithin } from '../rig/quickest.ts';
import { runSpec } from '../rig/run-spec.ts';
import { until } from '../rig/until.ts';

interface Outcome {
  readonly stdout: string;
  readonly exit: RunnerExit | undefined;
  readonly spawnFailed: string | undefined;
}

function isAlive(pid: number): boolean {
  return readProcess(pid)?.hasEnded === false;
}

/** @returns `said`: its first output. */
function run(
  runner: Runner,
  argv: readonly string[],
  overrides: Partial<RunSpec> = {},
): { execution: Execution; said: Promise<string>; outcome: Promise<Outcome> } {
  const spec = runSpec(argv, overrides);
  let execution: Execution | undefined;
  let onSaid = (_text: string): void => undefined;
  const said = new Promise<string>((resolve) => {
    onSaid = resolve;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    let stdout = '';
    execution = runner.run(spec, {
      onStarted: () => undefined,
      onOutput: (_type, data) => {
        stdout += Buffer.from(data).toString();
        onSaid(stdout);
      },
      onStdinTaken: () => undefined,
      onSpawnFailed: (spawnFailed) => resolve({ stdout, exit: undefined, spawnFailed }),
      onExit: (exit) => resolve({ stdout, exit, spawnFailed: undefined }),
      onLost: () => reject(new Error('the plain runner cannot be lost')),
    });
  });
  if (execution === undefined) throw new Error('run() returned nothing');
  return { execution, said, outcome };
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
  await assertWithin(1_000, 'a stop that has nothing to wait for', async () => {
    const start = performance.now();
    await runner.stop();
    return performance.now() - start;
  });
});

test('a command runs below its root only', async () => {
  const runner = createPlainRunner();
  const pwd = (cwd: string, root: string) => run(runner, ['pwd', '-P'], { cwd, root }).outcome;
  assert.equal((await pwd('/usr/bin', '/usr')).stdout, '/usr/bin\n');
  assert.equal((await pwd('/usr', '/usr/bin')).spawnFailed, 'chdir EPERM');
  assert.equal((await pwd('/proc/self/cwd', '/proc')).spawnFailed, 'chdir EPERM');
  assert.equal((await pwd('/no/such', '')).spawnFailed, 'chdir ENOENT');
});

test('a stop ends what runs before it returns', async () => {
  const runner = createPlainRunner();
  const script = 'trap "" TERM; sleep 60 & echo $!; while :; do sleep 1; done';
  const { said, outcome } = run(runner, ['sh', '-c', script]);
  const pid = Number(await said);
  let exit: RunnerExit | undefined;
  void outcome.then((ended) => {
    exit = ended.exit;
  });
  assert.ok(isAlive(pid));
  await runner.stop();
  assert.equal(exit?.ending.kind, 'signaled');
  // Its descriptors are closed a moment before it is gone.
  await until(() => !isAlive(pid), 2_000, 'it has ended');
});

test('what a command leaves in the background is heard to its end, or lives on', async () => {
  const runner = createPlainRunner();
  const late = ['sh', '-c', '(sleep 0.3; echo late) & echo soon'];
  const heard = await run(runner, late, { backgroundMs: 5_000 }).outcome;
  assert.deepEqual([heard.stdout, heard.exit?.left], ['soon\nlate\n', 0]);
  const sleeper = ['sh', '-c', 'sleep 60 & echo $!'];
  const left = await run(runner, sleeper, { backgroundMs: 200 }).outcome;
  const pid = Number(left.stdout);
  try {
    assert.deepEqual([left.exit?.left, isAlive(pid)], [1, true]);
  } finally {
    process.kill(pid, 'SIGKILL');
  }
  const ended = await run(runner, sleeper, { backgroundMs: 0 }).outcome;
  assert.equal(ended.exit?.left, 0);
  await until(() => !isAlive(Number(ended.stdout)), 2_000, 'it has ended');
});
