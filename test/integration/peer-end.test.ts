/** How a peer ends: with status 0 where somebody asked for it, and 1 where it was lost, so that it is started again. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
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
