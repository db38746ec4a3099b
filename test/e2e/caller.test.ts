/** What a command has of its caller besides words and environment: limits, niceness, terminal; and one that is missing. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

test('a command elsewhere is as its caller', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const say = (script: string): Promise<string> => swarm.check('m1', ['bash', '-c', script]);

  await t.test('it has its resource limits', async () => {
    const limits = 'ulimit -S -v; ulimit -n; ulimit -c; ulimit -s; ulimit -H -f';
    const set = 'ulimit -S -v 2000000; ulimit -n 321; ulimit -c 0; ulimit -s 4096; ulimit -f 7000';
    assert.equal(
      await say(`${set}; swarmrun --remote bash -c "hostname; ${limits}"`),
      'm2\n2000000\n321\n0\n4096\n7000\n',
    );
  });

  await t.test('where a worker cannot have them, it runs elsewhere', async () => {
    await swarm.stopPeer('m2');
    // Root without its capabilities is as anybody.
    const limited = ['setpriv', '--bounding-set=-sys_resource', '--inh-caps=-sys_resource', 'bash', '-c'];
    await swarm.check('m2', [...limited, 'ulimit -f 3000000; exec buildswarm start --slots 2']);
    await swarm.untilSees('m1', 1);
    const script = 'truncate -s 4G large && echo x >>large; stat -c %s large; rm large';
    assert.equal(await say(`swarmrun --remote sh -c '${script}'`), `${2 ** 32 + 2}\n`);
    assert.match(await say('buildswarm why --last 1'), /fsize EPERM/);
    assert.equal(await say('ulimit -f 3000000; swarmrun --remote hostname'), 'm2\n');
    await swarm.stopPeer('m2');
    await swarm.startPeer('m2');
    await swarm.untilSees('m1', 1);
  });

  await t.test('it is nicer than the worker says by as much as its caller is nicer', async () => {
    assert.equal(await say('nice -n 7 swarmrun --remote nice'), '12\n');
    assert.equal(await say('swarmrun --remote nice'), '5\n');
  });

  await t.test('it sees the XDG_RUNTIME_DIR of its caller', async () => {
    const set = 'export BUILDSWARM_SOCKET=$XDG_RUNTIME_DIR/buildswarm/peer.sock XDG_RUNTIME_DIR=/run/other';
    const job = 'swarmrun --remote sh -c \'hostname; echo "$XDG_RUNTIME_DIR"\'';
    assert.equal(await say(`${set}; ${job}`), 'm2\n/run/other\n');
  });

  await t.test('gcc fits its lines to the width of the terminal', async () => {
    const long = `int f(void) { int a = 1 ${'+ 1 '.repeat(60)}; int unused = a; return 0; }\n`;
    await writeFile(path.join(swarm.share, 'long.c'), long);
    const before = (await swarm.status('m1')).jobs.remote;
    const compile = 'gcc -Wall -MD -fdiagnostics-color=never -c long.c';
    const said = await say(`script -qec 'stty cols 70; swarmrun ${compile}; echo; ${compile}' /dev/null`);
    assert.equal((await swarm.status('m1')).jobs.remote, before + 1);
    const [there = '', here] = said.split('\r\n\r\n').map((text) => text.trim());
    assert.equal(there, here);
    assert.match(there, /unused/);
    // The beginning of the line is cut off, to show its end.
    assert.doesNotMatch(there, /int f\(void\)/);
  });

  await t.test('one that is missing, or may not be executed, is said at once', async () => {
    await writeFile(path.join(swarm.share, 'plain'), 'no program', { mode: 0o644 });
    assert.equal(await say('swarmrun no-such-command 2>/dev/null; echo $?'), '127\n');
    assert.match(await say('buildswarm why'), /no-command/);
    assert.equal(await say('swarmrun ./no-such-command 2>/dev/null; echo $?'), '127\n');
    assert.match(await say('buildswarm why'), /no-command/);
    assert.equal(await say('swarmrun ./plain 2>/dev/null; echo $?'), '126\n');
    assert.doesNotMatch(await say('buildswarm why --last 3'), /spawn-failed|lost-peer/);
  });
});
