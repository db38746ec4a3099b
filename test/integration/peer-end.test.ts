/** How a peer ends: with status 0 where somebody asked for it, and 1 where it was lost, so that it is started again. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { check, checkout } from '../rig/child.ts';
import { Daemon } from '../rig/daemon.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

test('a peer that is asked to end does so with status 0', async () => {
  await using daemon = await Daemon.start();
  process.kill(daemon.pid, 'SIGINT');
  assert.equal((await daemon.ended).status, 0, daemon.said);
});

test('a peer that loses its runner ends with status 1', async () => {
  await using daemon = await Daemon.start();
  process.kill(daemon.runnerPid() ?? 0, 'SIGKILL');
  assert.equal((await daemon.ended).status, 1, daemon.said);
  assert.match(daemon.said, /the runner ended unasked \(SIGKILL\)/);
});

for (const [when, isThen] of [
  ['before it has said a word', () => true],
  ['when it is ready and the peer is not', (daemon: Daemon) => existsSync(daemon.runnerSocket)],
] as const) {
  test(`a peer whose runner dies ${when} says so, and ends with status 1`, async () => {
    await using daemon = await Daemon.launch();
    let runner: number | undefined;
    // No pause between two looks: the time that is looked for is short.
    while (runner === undefined || !isThen(daemon)) {
      assert.doesNotMatch(daemon.said, /"ready"/, 'the peer was ready too soon for this test');
      runner = daemon.runnerPid();
      await turn();
    }
    process.kill(runner, 'SIGKILL');
    assert.equal((await daemon.ended).status, 1, daemon.said);
    assert.match(daemon.said, /buildswarm: .*runner/);
    assert.doesNotMatch(daemon.said, /TypeError|internal fault|"ready"/);
  });
}

test('a fault in a callback that nobody catches is logged and counted, and the peer goes on', async () => {
  // No quotation marks and spaces: they mean something in NODE_OPTIONS.
  const throwing = 'process.on(`SIGUSR2`,()=>{throw(new(Error)(`boom`))})';
  await using daemon = await Daemon.start(['env', `NODE_OPTIONS=--import=data:text/javascript,${throwing}`]);
  process.kill(daemon.pid, 'SIGUSR2');
  await until(() => /internal fault/.test(daemon.said), 5_000, 'the fault is logged');
  assert.match(daemon.said, /Error: boom/);
  const status = await check([path.join(checkout, 'bin/buildswarm'), 'status'], { env: daemon.env });
  assert.match(status, /fault of its own once/);
  await daemon.assertWell();
});

test('a peer of which a part does not end ends all the same, with status 1', async () => {
  await using daemon = await Daemon.start();
  const runner = daemon.runnerPid() ?? 0;
  process.kill(runner, 'SIGSTOP');
  process.kill(daemon.pid, 'SIGINT');
  try {
    await until(() => daemon.hasExited, 8_000, 'the peer has ended');
  } finally {
    // It holds the peer's stderr open.
    process.kill(runner, 'SIGKILL');
  }
  assert.equal((await daemon.ended).status, 1, daemon.said);
  assert.match(daemon.said, /not all of it came to its end/);
});

test('a peer in the foreground runs with the same settings of Node as one in the background', async () => {
  await using daemon = await Daemon.start();
  const folder = mkdtempSync(path.join(tmpdir(), 'background-'));
  const env = { XDG_RUNTIME_DIR: folder, HOME: folder };
  const program = path.join(checkout, 'bin/buildswarm');
  await check([program, 'start', '--no-mdns', '--listen', '/ip4/127.0.0.1/tcp/0'], { env });
  try {
    const [socket = ''] = readdirSync(path.join(folder, 'buildswarm')).filter((name) =>
      name.startsWith('run-'),
    );
    const background = flagsOf(Number(/\d+/.exec(socket)?.[0]));
    assert.ok(background.includes('--max-semi-space-size=4'), background.join(' '));
    assert.deepEqual(flagsOf(daemon.pid), background);
    const arenas = [daemon.pid, Number(/\d+/.exec(socket)?.[0])].map(arenasOf);
    assert.deepEqual(arenas, ['2', '2'], 'few arenas of malloc');
  } finally {
    await check([program, 'stop', '--now'], { env });
    rmSync(folder, { recursive: true, force: true });
  }
});

function arenasOf(pid: number): string | undefined {
  return /(?:^|\0)MALLOC_ARENA_MAX=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1];
}

/** What Node was told by its command line. */
function flagsOf(pid: number): string[] {
  const [, ...rest] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return rest.slice(
    0,
    rest.findIndex((word) => word.endsWith('bin/buildswarm')),
  );
}
