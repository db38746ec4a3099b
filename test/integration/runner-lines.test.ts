/** The connections of a peer to its runner: kept for the next job where nothing is left of the last. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import { type Execution, type Runner, type RunSpec, startRunner } from '../../src/work/runner.ts';
import { RunnerLines } from '../../src/work/runner-line.ts';
import { checkout } from '../rig/child.ts';
import { raw } from '../rig/raw.ts';
import { runSpec } from '../rig/run-spec.ts';
import { until } from '../rig/until.ts';

interface Run {
  readonly execution: Execution;
  stdout: string;
  end: string | undefined;
}

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

  /** @param atEnd - called at once when its end is told. */
  const begin = (script: string, more: Partial<RunSpec> = {}, atEnd = (): void => undefined): Run => {
    const run: Run = {
      execution: runner.run(runSpec(['sh', '-c', script], more), {
        onStarted: () => undefined,
        onOutput: (_, data) => {
          run.stdout += Buffer.from(data).toString();
        },
        onStdinTaken: () => undefined,
        onSpawnFailed: (why) => {
          run.end = why;
          atEnd();
        },
        onExit: ({ ending }) => {
          run.end = JSON.stringify(ending);
          atEnd();
        },
        onLost: () => {
          run.end = 'lost';
        },
      }),
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
    for (const [script, more, isKilled] of [
      ['echo $PPID; sleep 60', {}, true],
      ['echo $PPID; sleep 60 >&- 2>&- &', { backgroundMs: 100 }, false],
      ['', { cwd: '/no/such/place' }, false],
    ] as const satisfies [string, Partial<RunSpec>, boolean][]) {
      let next: Run | undefined;
      // The connection has not ended by then.
      const spoilt = begin(script, more, () => {
        next = begin('echo $PPID; exit 4');
      });
      if (isKilled) {
        await until(() => spoilt.stdout, 10_000, 'it runs');
        spoilt.execution.kill();
      }
      const after = await ended(await until(() => next, 10_000, 'the next begins'));
      assert.equal(after.end, JSON.stringify({ kind: 'exited', status: 4 }), script);
      assert.notEqual(after.stdout, spoilt.stdout);
    }
  });
});

test('a connection is read on where the last job was held up at its end', { timeout: 60_000 }, async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'runner-lines-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = path.join(directory, 'run.sock');
  // A runner that says all of a job at once, so that it ends while it is held up.
  const exit = Buffer.alloc(20);
  exit.writeUInt8(2, 3);
  const said = [encodeFrame('STDOUT', raw('said')), encodeFrame('EXIT', raw(exit))];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const decoder = new FrameDecoder(['ARGV', 'ENV', 'JOB']);
    socket.on('data', (chunk) => {
      for (const { type } of decoder.push(chunk)) if (type === 'JOB') socket.write(Buffer.concat(said));
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.after(() => server.close());
  const lines = new RunnerLines(socketPath);
  for (let job = 1; job <= 3; job += 1) {
    const line = lines.take();
    const heard: string[] = [];
    line.begin(
      {
        take: ({ type }) => {
          heard.push(type);
          if (type === 'STDOUT') line.pause();
          else line.free();
        },
        lost: () => heard.push('lost'),
      },
      Buffer.concat((['ARGV', 'ENV', 'JOB'] as const).map((type) => encodeFrame(type, raw('')))),
    );
    await until(() => heard.length === 2, 5_000, `job ${job} ends`);
    assert.deepEqual([heard, connections], [['STDOUT', 'EXIT'], 1]);
  }
  lines.take().close();
});
