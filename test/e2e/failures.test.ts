/** What becomes of commands that fail on a worker: whose failure it is, and how often they ran. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

const soon = { timeoutMs: 30_000 };

async function lastJob(swarm: SwarmRig) {
  const job = (await swarm.explainJobs('m1')).at(-1);
  assert.ok(job, 'the peer knows of a job');
  return { ...job, codes: job.reasons.map(({ reason }) => reason) };
}

test('an opaque command that fails', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  const shell = (script: string) => swarm.exec('m1', ['swarmrun', 'sh', '-c', script], soon);

  await t.test('is not run again if it left a file', async () => {
    const first = await shell('if [ -e flag ]; then echo PASS; exit 0; fi; : >flag; exit 1');
    assert.deepEqual([first.status, first.stdout.toString()], [1, '']);
    assert.equal((await lastJob(swarm)).place, 'm2');
    assert.equal((await shell('mkdir d || exit 9; exit 3')).status, 3);
    assert.equal((await lastJob(swarm)).place, 'm2');
  });

  await t.test('is not run again if it took a file away', async () => {
    await swarm.check('m1', ['touch', 'gone']);
    assert.equal((await shell('rm gone || exit 9; exit 4')).status, 4);
    assert.equal((await lastJob(swarm)).place, 'm2');
  });

  await t.test('is not run again if it ran for more than a second, or died of a signal', async () => {
    assert.equal((await shell('sleep 1.2; exit 7')).status, 7);
    const { place, details } = await lastJob(swarm);
    assert.equal(place, 'm2');
    assert.match(details.join(), /it failed and ran for \d+ ms/);
    assert.equal((await shell('kill -SEGV $$')).signal, 'SIGSEGV');
    assert.equal((await lastJob(swarm)).place, 'm2');
  });

  await t.test('is run again here if it had no effect, and why says so', async () => {
    await swarm.check('m1', ['mkdir', '-p', 'quiet']);
    const fail = async () => {
      const { status } = await swarm.exec(
        'm1',
        ['sh', '-c', 'sleep 0.1; cd quiet && swarmrun sh -c "exit 5"'],
        soon,
      );
      assert.equal(status, 5);
      return await lastJob(swarm);
    };
    let job = await fail();
    // On a machine with much else to do it may run for more than a second.
    for (let rounds = 1; rounds < 10 && /ran for/.test(job.details.join()); rounds += 1) job = await fail();
    const { place, codes, details } = job;
    assert.deepEqual([place, codes], ['inline', ['failed-remotely']]);
    assert.match(details.join(), /failed within \d+ ms and is not seen to have changed anything/);
  });
});

/** Long enough at work to be met in it. */
const many =
  'n=0; while [ $n -lt 3000 ]; do echo "int f$n(int a) { return a * $n + 1; }"; n=$((n+1)); done >many.c';

test('a compiler that lacks memory or space on a worker', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, ownRoots: ['/tmp'] });
  await swarm.check('m1', ['sh', '-c', `${many}; cp many.c many.cc`]);
  const compile = async (...command: string[]) => {
    await swarm.check('m1', ['rm', '-f', 'many.o']);
    const ended = await swarm.exec('m1', ['swarmrun', ...command, '-o', 'many.o'], soon);
    assert.deepEqual([ended.status, ended.stderr.toString()], [0, '']);
    await swarm.check('m1', ['test', '-s', 'many.o']);
    return await lastJob(swarm);
  };
  /** Kills the first process on the worker by which this program compiles; no other of it, such as one that tells its version. */
  const killer = (name: string) =>
    swarm.start(
      'm2',
      ['sh', '-c', `until p=$(pgrep -f '^[^ ]*${name} .*many'); do :; done; kill -KILL $p`],
      soon,
    );

  await t.test(
    'is run elsewhere or here when /tmp is full there, and the worker gets no more of the kind',
    async () => {
      await swarm.check('m2', ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', '/tmp']);
      const first = await compile('gcc', '-c', 'many.c');
      await swarm.check('m2', ['umount', '/tmp']);
      assert.deepEqual([first.codes[0], first.place], ['no-space-remote', 'inline']);
      assert.match(first.details.join(), /No space left on device/);
      const second = await compile('gcc', '-c', 'many.c');
      assert.deepEqual([second.codes, second.place], [['own-slot'], 'inline']);
    },
  );

  await t.test('is run elsewhere or here when the part of gcc that compiles is killed', async () => {
    const killing = killer('cc1plus');
    const { codes, place } = await compile('g++', '-c', 'many.cc');
    assert.equal((await killing.ended).status, 0);
    assert.deepEqual([codes[0], place], ['oom-killed', 'inline']);
  });

  await t.test('is run elsewhere or here when clang is killed', async () => {
    const killing = killer('clang');
    const { codes, place } = await compile('clang', '-c', 'many.c');
    assert.equal((await killing.ended).status, 0);
    assert.deepEqual([codes[0], place], ['oom-killed', 'inline']);
  });
});

test('after a command that changed more than is told of one, the next one sees all there anew, once', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  const run = async (script: string) => {
    await swarm.check('m1', ['swarmrun', 'sh', '-c', script], soon);
    return await lastJob(swarm);
  };
  await swarm.check('m1', ['sh', '-c', 'mkdir many; touch many/held; sleep 0.3']);
  const wide = await run('cd many && seq 4100 | xargs touch');
  assert.deepEqual([wide.place, wide.codes], ['m2', ['scan-cut']]);
  assert.match(wide.details.join(), /more than 4000 files and directories changed/);
  // Opening a file under a lease is refused, which shows that the worker opens it.
  const lease =
    '$SIG{IO} = "IGNORE"; open F, "<", $ARGV[0] or die; fcntl F, 1024, 1 or die; $| = 1; print "held"; <STDIN>';
  const holder = spawn('perl', ['-e', lease, path.join(swarm.share, 'many/held')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill());
  await once(holder.stdout, 'data');
  const held = await run('true');
  assert.deepEqual([held.place, [...new Set(held.codes)]], ['inline', ['stale-view', 'unprovable']]);
  assert.match(held.details.join(), /many.* cannot be looked at: EAGAIN/);
  holder.stdin.end();
  await once(holder, 'exit');
  for (let at = 0; at < 2; at += 1) {
    const { place, codes } = await run('true');
    assert.deepEqual([place, codes], ['m2', []]);
  }
});
