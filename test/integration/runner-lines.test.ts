/** The connections of a peer to its runner: kept for the next job where nothing is left of the last, with the real runner. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { joinNul } from '../../src/wire/bytes.ts';
import { type Execution, type Runner, type RunSpec, startRunner } from '../../src/work/runner.ts';
import { checkout } from '../rig/child.ts';
import { until } from '../rig/until.ts';

interface Run {
  readonly execution: Execution;
  stdout: string;
  end: string | undefined;
}

const spec: Omit<RunSpec, 'argv' | 'environment'> = {
  cwd: '/',
  root: '',
  umask: 0o22,
  nice: 0,
  limits: '',
  backgroundMs: 0,
  leaseMs: 0,
  stdin: 'null',
  stdout: 'pipe',
  stderr: 'pipe',
  merged: false,
  blocked: '0',
  ignored: '0',
  rows: 0,
  columns: 0,
};

describe('connections to the runner', { timeout: 60_000 }, () => {
  let directory: string;
  let runner: Runner;

  before(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'runner-lines-'));
    const executable = path.join(checkout, 'bin/swarmexec');
    runner = await startRunner(executable, path.join(directory, 'run.sock'), () => undefined);
  });
  after(async () => {
    await runner.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const begin = (script: string, more: Partial<RunSpec> = {}): Run => {
    const argv = joinNul(['sh', '-c', script]);
    const environment = joinNul([`PATH=${process.env['PATH']}`]);
    const run: Run = {
      execution: runner.run(
        { ...spec, argv, environment, ...more },
        {
          onStarted: () => undefined,
          onOutput: (_, data) => {
            run.stdout += Buffer.from(data).toString();
            if (script.includes('# hold')) run.execution.pause();
          },
          onStdinTaken: () => undefined,
          onSpawnFailed: (why) => {
            run.end = why;
          },
          onExit: ({ ending }) => {
            run.end = JSON.stringify(ending);
          },
          onLost: () => {
            run.end = 'lost';
          },
        },
      ),
      stdout: '',
      end: undefined,
    };
    return run;
  };
  const ended = async (run: Run): Promise<Run> => {
    await until(() => run.end, 10_000, 'the job ends');
    return run;
  };
  const parentOf = async (more: Partial<RunSpec> = {}): Promise<string> =>
    (await ended(begin('echo $PPID', more))).stdout;

  it('take one job after the other, and as many as run at once have one each', async () => {
    const first = await parentOf();
    assert.equal(await parentOf({ stdin: 'pipe' }), first);
    const both = [begin('echo $PPID; sleep 0.2'), begin('echo $PPID; sleep 0.2')];
    await Promise.all(both.map(ended));
    assert.equal(new Set(both.map(({ stdout }) => stdout)).size, 2);
    assert.ok(both.some(({ stdout }) => stdout === first));
  });

  it('take another where the job was killed, left something or could not be started', async () => {
    for (const spoil of [
      async () => {
        const run = begin('echo $PPID; sleep 60');
        await until(() => run.stdout, 10_000, 'it runs');
        run.execution.kill();
        assert.match((await ended(run)).end ?? '', /signaled/);
        return run.stdout;
      },
      async () => (await ended(begin('echo $PPID; sleep 60 >&- 2>&- &', { backgroundMs: 100 }))).stdout,
    ]) {
      const spoilt = await spoil();
      const next = await ended(begin('echo $PPID; exit 4'));
      assert.equal(next.end, JSON.stringify({ kind: 'exited', status: 4 }));
      assert.notEqual(next.stdout, spoilt);
    }
    assert.match((await ended(begin('', { cwd: '/no/such/place' }))).end ?? '', /chdir ENOENT/);
    assert.match((await ended(begin('exit 5'))).end ?? '', /5/);
  });

  it('are read on where the last job was held up at its end', async () => {
    const held = begin('echo $PPID # hold');
    const waits = setInterval(() => held.execution.resume(), 20);
    await ended(held);
    clearInterval(waits);
    assert.equal(await parentOf(), held.stdout);
  });
});
