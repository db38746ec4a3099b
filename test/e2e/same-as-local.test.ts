import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Ended, RunOptions } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** Runs a command with and without swarmrun; both must end alike. Returns how. */
async function assertSame(
  swarm: SwarmRig,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const local = await swarm.exec('m1', argv, options);
  const remote = await swarm.exec('m1', ['swarmrun', ...argv], options);
  const told = ({ status, signal, stderr }: Ended): object => ({
    status,
    signal,
    stderr: stderr.toString('latin1'),
  });
  assert.deepEqual(told(remote), told(local), argv.join(' '));
  assert.equal(remote.stdout.length, local.stdout.length);
  assert.ok(remote.stdout.equals(local.stdout), `stdout of ${argv.join(' ')}`);
  return remote;
}

/** The remote machine that runs a job now. */
async function busy(swarm: SwarmRig): Promise<Host | undefined> {
  for (const host of swarm.lan.hosts.slice(1)) {
    if ((await swarm.jobs(host)).some((line) => line.endsWith('sleep 3'))) return host;
  }
  return undefined;
}

test('swarmrun CMD ends as CMD ends: statuses, signals, output, input', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 4 });
  const { jobs: before } = await swarm.status('m1');

  await t.test('every exit status from 0 to 255', async () => {
    const script = 'for n in $(seq 0 255); do swarmrun sh -c "exit $n"; echo $?; done';
    const told = await swarm.check('m1', ['sh', '-c', script]);
    assert.equal(told, Array.from({ length: 256 }, (_, status) => `${status}\n`).join(''));
  });

  for (const signal of ['SEGV', 'KILL', 'TERM', 'INT', 'ABRT']) {
    await t.test(`death by SIG${signal}`, async () => {
      const ended = await assertSame(swarm, ['sh', '-c', `ulimit -c 0; kill -${signal} $$`]);
      assert.equal(ended.signal, `SIG${signal}`);
    });
  }

  await t.test('50 MB on stdout', async () => {
    await assertSame(swarm, ['sh', '-c', 'yes 0123456789abcde | head -c 50000000']);
  });

  await t.test('bytes that are no text, on both streams', async () => {
    await assertSame(swarm, [
      'sh',
      '-c',
      `head -c 100000 ${process.execPath}; head -c 70000 ${process.execPath} >&2`,
    ]);
  });

  await t.test('10 MB on stdin', async () => {
    const stdin = Buffer.alloc(10_000_000, 'swarm');
    const ended = await assertSame(swarm, ['sha256sum'], { stdin });
    assert.match(ended.stdout.toString(), new RegExp(createHash('sha256').update(stdin).digest('hex')));
  });

  await t.test('stdin that the command does not read is left to the next one', async () => {
    await assertSame(swarm, ['sh', '-c', 'swarmrun true; cat'], { stdin: 'for the second\n' });
  });

  await t.test('arguments, environment, directory and umask', async () => {
    const folder = path.join(swarm.share, 'a b');
    await swarm.check('m1', ['mkdir', folder]);
    const script = 'printf "<%s>" "$@"; pwd; umask; env | grep ^SWARM_TEST; echo $PWD';
    const env = { SWARM_TEST_ONE: 'a\nb', SWARM_TEST_EMPTY: '' };
    await assertSame(swarm, ['sh', '-c', script, 'sh', '', ' ', '*', "'", '\n', '-x', 'é'], {
      cwd: folder,
      env,
    });
    await assertSame(swarm, ['sh', '-c', 'umask 027; swarmrun sh -c umask']);
  });

  await t.test('a program that is not there, and one that cannot be run', async () => {
    await writeFile(path.join(swarm.share, 'not-executable'), 'text');
    for (const program of ['no-such-program', './not-executable', '/']) {
      const local = await swarm.exec('m1', ['sh', '-c', `exec ${program}`]);
      const remote = await swarm.exec('m1', ['swarmrun', program]);
      assert.equal(remote.status, local.status, program);
    }
  });

  const after = await swarm.status('m1');
  assert.ok(
    after.jobs.remote - before.remote >= 8,
    `${after.jobs.remote - before.remote} succeeded remotely`,
  );
});

test('without a peer, or told so, swarmrun runs the command here', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  for (const name of ['FORCE_INLINE', 'FORCE_LOCAL']) {
    const told = await swarm.check('m1', ['swarmrun', 'hostname'], { env: { [name]: '' } });
    assert.equal(told, 'm1\n', name);
  }
  assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm2\n');
  await swarm.stopPeer('m2');
  assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n', 'alone');
  await swarm.stopPeer('m1');
  assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n', 'no peer');
  await assertSame(swarm, ['sh', '-c', 'exit 7']);
});

test('a job whose worker loses its power ends as if nothing had happened', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3 });
  const running = swarm.start('m1', ['swarmrun', 'sh', '-c', 'sleep 3; echo done; exit 3']);
  const worker = await until(() => busy(swarm), 5000, 'it runs on a worker');
  await swarm.lan.crash(worker);
  const start = performance.now();
  const ended = await running.ended;
  t.diagnostic(
    `ended ${(performance.now() - start).toFixed(0)} ms after the power was cut; the job itself takes 3000`,
  );
  assert.equal(ended.stdout.toString(), 'done\n');
  assert.equal(ended.status, 3);
});

test('a job whose own peer is killed is run again by the wrapper', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const running = swarm.start('m1', ['swarmrun', 'sh', '-c', 'sleep 3; hostname; exit 3']);
  await until(() => busy(swarm), 5000, 'it runs on a worker');
  await swarm.killPeer('m1');
  const ended = await running.ended;
  assert.equal(ended.stdout.toString(), 'm1\n');
  assert.equal(ended.status, 3);
  await until(async () => (await swarm.jobs('m2')).length === 0, 5000, 'the worker has ended its attempt');
});
