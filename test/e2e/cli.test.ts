/** The command line of `buildswarm`, as people use it: start, status, slots, share, run, why, stop. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Explanation } from '../../src/wire/cli-messages.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { assertTraceFormat, type Trace } from '../rig/trace-format.ts';
import { until } from '../rig/until.ts';

test('buildswarm on the command line', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 3 });
  const say = (...argv: string[]) => swarm.exec('m1', ['buildswarm', ...argv]);

  await t.test('status fits 80 columns and names peers, slots and the -j to use', async () => {
    await swarm.untilSees('m1', 1);
    const { status, stdout } = await say('status');
    const text = stdout.toString();
    assert.equal(status, 0);
    assert.ok(
      text.split('\n').every((line) => line.length <= 80),
      text,
    );
    assert.match(text, /^m1 \(me\) .* 0\/3 /m);
    assert.match(text, /^m2 .* 0\/3 /m);
    assert.match(text, /2 peers, 0 of 6 slots used; build with -j7/);
  });

  await t.test('status --json has the promised shape', async () => {
    const value = JSON.parse((await say('status', '--json')).stdout.toString()) as Record<string, unknown>;
    assert.deepEqual(
      ['version', 'self', 'peers', 'jobs'].filter((key) => !(key in value)),
      [],
    );
    const [peer] = value['peers'] as Record<string, unknown>[];
    const keys =
      'id name addresses slots running queued load memoryFreeBytes ageMs rttMs state reasons doneForMe doneByMe';
    assert.deepEqual(
      keys.split(' ').filter((key) => !(key in (peer ?? {}))),
      [],
    );
    assert.deepEqual(Object.keys(value['jobs'] as object), [
      'running',
      'queued',
      'done',
      'remote',
      'inline',
      'failed',
      'retried',
    ]);
  });

  await t.test('slots is one number', async () => {
    assert.equal((await say('slots')).stdout.toString(), '7\n');
  });

  await t.test('run --remote and --local force the place; 127 and statuses are as in a shell', async () => {
    const where = async (...argv: string[]) => (await say('run', ...argv)).stdout.toString().trim();
    assert.equal(await where('--remote', '--', 'hostname'), 'm2');
    assert.equal(await where('--local', 'hostname'), 'm1');
    assert.equal((await say('run', 'sh', '-c', 'exit 7')).status, 7);
    assert.equal((await say('run', '--local', 'no-such-command')).status, 127);
    assert.equal((await say('run', '--local', 'sh', '-c', 'kill -TERM $$')).signal, 'SIGTERM');
  });

  await t.test('why tells the reason of a job that stayed here', async () => {
    await swarm.check('m1', ['swarmrun', 'g++', '--version']);
    const said = async (...argv: string[]) => (await say('why', ...argv)).stdout.toString();
    assert.match(await said(), /query: the command only asks the tool about itself/);
    assert.match(await said('--here', '--last', '1'), /g\+\+ --version\n.*\n.*query: .*because of --version/);
    assert.match(await said('99999'), /Nothing is known of job 99999/);
    assert.equal((await say('why', '99999')).status, 1);
    const reason = await say('why', 'query');
    assert.equal(reason.status, 0);
    assert.match(
      reason.stdout.toString(),
      /^query: the command only asks .*\n[1-9]\d* of the last \d+ jobs had it; the newest:\njob \d+: g\+\+ --version\n/,
    );
    assert.match(await said('outside-share'), /\ncure: .*\n0 of the last \d+ jobs had it\.\n$/);
  });

  await t.test('why tells of the job that wrote a file, step by step', async () => {
    await swarm.check('m1', ['sh', '-c', 'echo "int a;" >why.c; swarmrun gcc -c why.c -o why.o']);
    const { stdout } = await say('why', 'why.o');
    assert.match(stdout.toString(), /gcc -c why\.c -o why\.o\n(?:.*\n)+.*considered: m\d/);
    assert.match(stdout.toString(), /outputs are in place/);
    const { jobs } = JSON.parse((await say('why', 'why.o', '--json')).stdout.toString()) as {
      jobs: Pick<Explanation, 'outputs' | 'steps'>[];
    };
    assert.deepEqual(jobs[0]?.outputs, [join(swarm.share, 'why.o')]);
    const result = jobs[0]?.steps.find(({ kind }) => kind === 'result');
    assert.ok((result?.ranMs ?? 0) > 0, 'its worker has told how long it ran');
    assert.match((await say('why', 'no-such.o')).stdout.toString(), /Nothing is known of a job that writes/);
  });

  await t.test('a second start says that one runs, and leaves its log as it was', async () => {
    const before = (await say('logs')).stdout.toString();
    const { status, stderr } = await say('start');
    assert.equal(status, 1);
    assert.match(stderr.toString(), /^buildswarm: A peer is running already on .*`buildswarm stop`/);
    assert.ok((await say('logs')).stdout.toString().startsWith(before));
    assert.doesNotMatch((await say('logs')).stdout.toString(), /running already/);
  });

  await t.test('logs prints what the peer has logged, and goes on with it', async () => {
    assert.match((await say('logs')).stdout.toString(), /^[\d:.]+ info {2}ready id=/m);
    const [line = ''] = (await say('logs', '--json')).stdout.toString().split('\n');
    assert.equal(typeof (JSON.parse(line) as { time: unknown }).time, 'number');
    const following = swarm.start('m1', ['buildswarm', 'logs', '-f']);
    let said = '';
    following.child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => said.includes(' ready id='), 10_000, 'it has printed what was there');
    const garbage = `require('net').connect(process.env.XDG_RUNTIME_DIR + '/buildswarm/peer.sock').end('garbage'.repeat(9))`;
    await swarm.check('m1', [process.execPath, '-e', garbage]);
    await until(() => said.includes('a local connection was ended'), 10_000, 'it has printed what came');
    following.signalGroup('SIGKILL');
    await following.ended;
  });

  await t.test('trace writes what a build did, which adds up to the counts of status', async () => {
    const before = (await swarm.status('m1')).jobs;
    const makefile = `all: program
\t./program
program: main.o twice.o
\t$(CC) -o $@ $^
%.o: %.c
\t$(CC) -c -o $@ $<
`;
    const sources = {
      Makefile: makefile,
      'twice.c': 'int twice(int a) { return 2 * a; }\n',
      'main.c': 'int twice(int);\nint main(void) { return twice(1) + 1; }\n',
    };
    await mkdir(join(swarm.share, 'traced'));
    for (const [name, text] of Object.entries(sources))
      await writeFile(join(swarm.share, 'traced', name), text);
    const build = "swarmrun gcc --version >version; exec make -s -C traced -j2 CC='swarmrun gcc'";
    const { status, stdout } = await say('trace', '-o', 'trace.json', '--', 'sh', '-c', build);
    assert.equal(status, 2, 'as make ends when the program that it made ends with 3');
    const [, here = ''] =
      /^4 jobs in [\d.]+ s, ([1-4]) of them here; .* of 6 slots; advised: -j7$/m.exec(stdout.toString()) ??
      [];
    assert.notEqual(here, '', stdout.toString());
    const { jobs: after } = await swarm.status('m1');
    assert.deepEqual([after.inline - before.inline, after.remote - before.remote], [+here, 4 - +here]);
    const trace = JSON.parse(await readFile(join(swarm.share, 'trace.json'), 'utf8')) as Trace;
    const rows = assertTraceFormat(trace);
    const runs = trace.traceEvents.filter(({ ph, cat }) => ph === 'X' && cat === 'run');
    assert.equal(runs.length, 4);
    assert.equal(runs.filter(({ pid }) => rows.get(pid)?.startsWith('m1')).length, +here);
  });

  await t.test('metrics prints figures for Prometheus', async () => {
    const { stdout } = await say('metrics');
    assert.match(stdout.toString(), /^buildswarm_jobs_done_total\{place="remote"\} [1-9]\d*$/m);
    assert.match(stdout.toString(), /^buildswarm_peer_slots\{peer="m2",id="\w+"\} \d+$/m);
    assert.equal((await say('metrics', '--port', 'x')).status, 2);
    const serving = swarm.start('m1', ['buildswarm', 'metrics', '--port', '9464']);
    const ask = `fetch('http://127.0.0.1:9464/metrics').then(async (answer) => console.log(answer.status, await answer.text()))`;
    const served = await until(
      async () => {
        const { status, stdout } = await swarm.exec('m1', [process.execPath, '-e', ask]);
        return status === 0 && stdout.toString();
      },
      10_000,
      'they are served on a port',
    );
    assert.match(served, /^200 (?:.*\n)*buildswarm_jobs_done_total\{place="remote"\} [1-9]/);
    serving.signalGroup('SIGKILL');
    await serving.ended;
  });

  await t.test('usage errors have status 2 and say what would be right', async () => {
    for (const argv of [
      ['status', '--no-such'],
      ['help', 'no-such'],
      ['no-such'],
      ['start', '--slots', 'many'],
      ['start', '--peer', 'm2:4001'],
      ['why', '--last', 'many'],
      ['why', '--last', '5001'],
      ['why', '--last', '0'],
    ]) {
      const { status, stderr } = await say(...argv);
      assert.equal(status, 2, argv.join(' '));
      assert.notEqual(stderr.toString(), '', argv.join(' '));
    }
    assert.match(
      (await say('help', 'statsu')).stderr.toString(),
      /^error: unknown command 'statsu'\n\(Did you mean status\?\)\n\(--help/,
    );
    assert.match((await say('help', 'why')).stdout.toString(), /^Usage: buildswarm why /);
    assert.match((await say('help')).stdout.toString(), /^Usage: buildswarm \[options\] \[command\]/);
    assert.match(
      (await say('trace', '-o', '/no-such/t.json')).stderr.toString(),
      /^buildswarm: \/no-such\/t\.json cannot be written: no such file or directory; give another one with -o\.$/m,
    );
    assert.match(
      (await say('trace', 'no-such-command')).stderr.toString(),
      /^buildswarm: no-such-command could not be started: no such file or directory\.$/m,
    );
    assert.match(
      (await say('start', '--slots', 'many')).stderr.toString(),
      /--slots or BUILDSWARM_SLOTS: "many" is not a number of slots/,
    );
    for (const command of ['start', 'daemon', 'stop', 'status', 'slots', 'share', 'run', 'why']) {
      assert.equal((await say(command, '--help')).status, 0, command);
    }
  });

  await t.test('a second start says that a peer is running already', async () => {
    const { status, stderr } = await say('start');
    assert.equal(status, 1);
    assert.match(stderr.toString(), /A peer is running already/);
  });

  await t.test('share makes a share once, and says where it is', async () => {
    const outside = join(swarm.share, '..', `other-${process.pid}`);
    await swarm.check('m1', ['mkdir', '-p', outside]);
    const first = await say('share', outside);
    assert.equal(first.status, 0, first.stderr.toString());
    assert.match(first.stdout.toString(), /is a share/);
    assert.equal((await say('share', outside)).status, 0);
    assert.equal((await say('share', join(outside, 'missing'))).status, 1);
    await rm(outside, { recursive: true, force: true });
  });

  await t.test('stop waits for what runs for others, and takes nothing new', async () => {
    const job = swarm.start('m1', ['swarmrun', 'sh', '-c', 'until [ -e go ]; do sleep 0.05; done']);
    await until(async () => (await swarm.status('m2')).self.running === 1, 5_000, 'm2 runs the job');
    const stopped = swarm.start('m2', ['buildswarm', 'stop']);
    await until(
      async () => (await swarm.status('m1')).peers[0]?.state === 'refusing',
      5_000,
      'm1 hears that m2 leaves',
    );
    await swarm.check('m1', ['touch', 'go']);
    assert.equal((await job.ended).status, 0);
    assert.equal((await stopped.ended).status, 0);
    assert.equal((await swarm.exec('m2', ['buildswarm', 'status'])).status, 69);
    assert.equal((await swarm.status('m1')).jobs.retried, 0);
  });

  await t.test('without a peer: 69 and a sentence, and swarmrun runs its command here', async () => {
    await swarm.check('m1', ['buildswarm', 'stop']);
    const { status, stderr } = await say('status');
    assert.equal(status, 69);
    assert.match(stderr.toString(), /No peer is running on this machine .*buildswarm start/);
    assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n');
  });

  await t.test('start gives the peer no descriptor of its caller', async () => {
    // The reader of a pipe that the peer kept open would wait for ever.
    const ended = await swarm.exec('m1', ['sh', '-c', '(buildswarm start 7>&1 20>&1; echo started) | cat'], {
      timeoutMs: 20_000,
    });
    assert.equal(ended.stdout.toString(), 'started\n');
  });
});

test('a peer is found where its caller has another run-time directory than it was started with', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 1, slots: 1 });
  // Below /run/user.
  const sh = async (script: string) => await swarm.exec('m1', ['sh', '-c', script]);
  for (const other of ['unset XDG_RUNTIME_DIR', 'export XDG_RUNTIME_DIR=/nowhere']) {
    assert.equal((await sh(`${other}; buildswarm slots`)).stdout.toString(), '1\n', other);
    const asked = await sh(`${other}; BUILDSWARM_DEBUG=1 swarmrun hostname`);
    assert.match(asked.stderr.toString(), /the peer says so \(no-peers/, other);
    const again = await sh(`${other}; buildswarm start`);
    assert.match(again.stderr.toString(), /A peer is running already on \/run\/user\//m, other);
  }
  const relative = await sh('BUILDSWARM_SOCKET=x buildswarm status');
  assert.match(relative.stderr.toString(), /BUILDSWARM_SOCKET: the socket path "x" is not absolute/);
});
