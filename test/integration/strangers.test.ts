/** Attacks of strangers on a peer as users run it, replayed; each was seen to work once. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { encodeBeat, encodeBeatAck } from '../../src/wire/control-messages.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { Attacker } from '../rig/attacker.ts';
import { check, checkout, run } from '../rig/child.ts';
import { Daemon } from '../rig/daemon.ts';
import { grownMiB } from '../rig/memory.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

const buildswarm = path.join(checkout, 'bin/buildswarm');
const mayMount = process.getuid?.() === 0 && readFileSync('/proc/filesystems', 'utf8').includes('autofs');

test('no path that a stranger names makes this machine mount what it offers', {
  skip: mayMount ? false : 'autofs can be mounted by root only',
}, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'automount-'));
  const net = path.join(folder, 'net');
  const log = path.join(folder, 'asked');
  const automounter = path.join(folder, 'automounter');
  mkdirSync(net);
  writeFileSync(log, '');
  symlinkSync(net, path.join(folder, 'link'));
  execFileSync('cc', ['-Wall', '-O1', '-o', automounter, path.join(checkout, 'test/rig/automounter.c')]);
  try {
    await using daemon = await Daemon.start([automounter, net, log]);
    await using evil = await Attacker.meet(daemon.address);
    // They are looked at in their order: when the last one is found, so are the others.
    evil.becomeMember(daemon.share);
    evil.tellShares([
      `/proc/self/root${net}/by-proc/x`,
      `/proc/1/root${net}/by-process/x`,
      `/proc/self/cwd/..${net}/by-cwd/x`,
      `/dev/fd/0/..${net}/by-dev/x`,
      `${folder}/link/by-link/x`,
      `${net}/by-name/x`,
      daemon.share,
    ]);
    await until(() => evil.heard.includes('"seen":true'), 10_000, 'all is looked at');
    assert.equal(readFileSync(log, 'utf8'), '', 'nothing was to be mounted');
    await daemon.assertWell();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('beats of a stranger that reads no answers cost no memory, however often it comes again', async (t) => {
  await using daemon = await Daemon.start();
  const beats = Buffer.concat(Array.from({ length: 4_000 }, () => encodeFrame('BEAT', encodeBeat(1))));
  // What any peer costs that comes and goes is not the attack's: code is compiled, the heap finds its size.
  for (let polite = 0; polite < 40; polite += 1) {
    await using _guest = await Attacker.meet(daemon.address);
  }
  let connections = 0;
  let sentBytes = 0;
  const grown = await grownMiB(daemon, async () => {
    // So many does the gate let one host make in 8 s; it knows no bound for this machine itself.
    const endMs = performance.now() + 8_000;
    while (performance.now() < endMs && connections < 28) {
      await using evil = await Attacker.meet(daemon.address);
      connections += 1;
      evil.stopReading();
      sentBytes += await evil.flood(beats, endMs - performance.now());
    }
  });
  t.diagnostic(
    `${(sentBytes / 2 ** 20).toFixed(1)} MiB of beats on ${connections} connections: memory +${grown.toFixed(1)} MiB`,
  );
  assert.ok(grown <= 20, `memory grew by ${grown.toFixed(1)} MiB`);
  assert.match(daemon.said, /too many beats/);
  await daemon.assertWell();
});

test('streams whose protocol is never agreed on are few', async (t) => {
  await using daemon = await Daemon.start();
  const attack = async (): Promise<void> => {
    await using evil = await Attacker.meet(daemon.address);
    for (let opened = 0; opened < 4_000 && evil.connection.status === 'open'; opened += 1) {
      await evil.openRawStream();
      if (opened % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // To refuse them costs too.
    await until(() => evil.connection.status !== 'open', 5_000, 'the connection is ended');
    await daemon.assertWell();
  };
  // What a young process grows by itself, its code and its heap, is not the attack's.
  await attack();
  const grown = await grownMiB(daemon, async () => {
    for (let times = 0; times < 3; times += 1) await attack();
  });
  t.diagnostic(`3 times 4000 streams: memory +${grown.toFixed(1)} MiB`);
  assert.ok(grown <= 10, `memory grew by ${grown.toFixed(1)} MiB`);
});

test('pings are answered, and too many of them end the connection', async () => {
  await using daemon = await Daemon.start();
  await using evil = await Attacker.meet(daemon.address);
  const ping = (times: number): void => {
    for (let sent = 0; sent < times && evil.connection.status === 'open'; sent += 1) evil.ping();
  };
  const [few, many] = [20_000_001, 20_000_002];
  const beat = (number: number) => evil.control.send(encodeFrame('BEAT', encodeBeat(number)));
  const isAnswered = (number: number): boolean =>
    evil.heard.includes(encodeFrame('BEAT_ACK', encodeBeatAck(number)).toString('latin1'));
  ping(50);
  beat(few);
  await until(() => isAnswered(few), 10_000, 'what comes after a few is answered');
  ping(200);
  beat(many);
  await until(
    () => evil.connection.status !== 'open' || isAnswered(many),
    10_000,
    'it is ended, or answered',
  );
  assert.equal(isAnswered(many), false, 'what comes after many is not read');
  await daemon.assertWell();
});

test('what a stranger calls itself does not reach a terminal as it is, and its slots are not counted', async () => {
  await using daemon = await Daemon.start();
  const name = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\nowned';
  await using evil = await Attacker.meet(daemon.address, { name, slots: 4_000 });
  evil.tellShares([daemon.share]);
  await until(() => /not a member of a share/.test(daemon.said), 10_000, 'its member file was looked for');
  const said = async (...args: string[]): Promise<string> =>
    await check([buildswarm, ...args], { env: daemon.env });
  const texts = [daemon.said, (await run([buildswarm, 'doctor'], { env: daemon.env })).stdout.toString()];
  for (const command of ['status', 'status --json', 'why', 'why --json', 'metrics', 'peers'])
    texts.push(await said(...command.split(' ')));
  for (const text of texts) {
    // oxlint-disable-next-line no-control-regex -- these are what is looked for
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    assert.doesNotMatch(text, /^owned/m);
  }
  assert.match(await said('status'), /u001b/, 'it is shown');
  // Own slots come and go with the load of this machine, up to its cores.
  const counted = /of (\d+) slots? used; build with -j(\d+)\n/.exec(await said('status'))?.slice(1) ?? [];
  for (const slots of [...counted, await said('slots')])
    assert.ok(Number(slots) <= availableParallelism(), slots);
  assert.equal(counted.length, 2);
});
