/** Programs of this machine that connect and do not finish what they say: the peer stays small, and others are served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { encodeFrame } from '../../src/wire/frame.ts';
import { check } from '../rig/child.ts';
import { Daemon } from '../rig/daemon.ts';
import { grownMiB } from '../rig/memory.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';

assertOwnNamespace();

/** As many bytes of whole requests as the attack has of halves: what they cost the heap is not the attack's. */
async function useHonestly({ share: cwd, env }: Daemon): Promise<void> {
  const large = Object.fromEntries(['A', 'B', 'C', 'D'].map((name) => [name, 'x'.repeat(100_000)]));
  for (let n = 0; n < 300; n += 1) await check(['swarmrun', 'true'], { cwd, env: { ...env, ...large } });
}

/** Connects so many times, says `begin` on each, and leaves them open. */
async function attack(
  t: TestContext,
  daemon: Daemon,
  { count, begin, mostMiB }: { readonly count: number; readonly begin: Buffer; readonly mostMiB: number },
): Promise<void> {
  const sockets: Socket[] = [];
  let endedCount = 0;
  const beganMs = performance.now();
  const grown = await grownMiB(daemon, async () => {
    for (let n = 0; n < count; n += 1) {
      const socket = connect(daemon.socket);
      sockets.push(socket);
      socket.on('error', () => undefined); // ended by the peer, as it should be
      socket.on('close', () => {
        endedCount += 1;
      });
      await once(socket, 'connect');
      socket.write(begin);
    }
    await daemon.assertWell();
    assert.equal(await check(['swarmrun', 'echo', 'x'], { cwd: daemon.share, env: daemon.env }), 'x\n');
  });
  // Each that is ended lets the attack make another.
  if (performance.now() - beganMs < 15_000) assert.equal(endedCount, 0, 'none is ended in a hurry');
  for (const socket of sockets) socket.destroy();
  t.diagnostic(`${count} connections with ${begin.length} bytes each: memory +${grown.toFixed(1)} MiB`);
  assert.ok(grown <= mostMiB, `memory grew by ${grown.toFixed(1)} MiB`);
}

test('requests of which only the half comes', async (t) => {
  await using daemon = await Daemon.start();
  await useHonestly(daemon);
  const half = encodeFrame('ENV', Buffer.alloc(1024 * 1024, 'A=1\0')).subarray(0, 512 * 1024);
  // 450 MiB are said. The lobby keeps 8 of them, and sockets that wait a piece each.
  const beganMs = performance.now();
  await attack(t, daemon, { count: 900, begin: half, mostMiB: 20 });
  const lines = daemon.said.match(/too much of requests is not whole/g) ?? [];
  const mostLines = 32 + (performance.now() - beganMs) / 1_000;
  assert.ok(lines.length > 0 && lines.length <= mostLines, `${lines.length} lines in the log`);
});

test('long requests that never become whole are read at a bounded rate', async () => {
  await using daemon = await Daemon.start();
  const half = encodeFrame('ENV', Buffer.alloc(4_000_000, 'A=1\0')).subarray(0, 3_500_000);
  const count = 10;
  const sockets: Socket[] = [];
  const beganMs = performance.now();
  for (let n = 0; n < count; n += 1) {
    const socket = connect(daemon.socket);
    sockets.push(socket);
    await new Promise((written) => socket.write(half, written));
  }
  const tookMs = performance.now() - beganMs;
  // As the lobby has it: what is read at once, and then a second; besides, what sockets hold.
  const [burstBytes, perS, heldBytes] = [16 * 2 ** 20, 4 * 2 ** 20, 0.5 * 2 ** 20];
  const leastMs = (1_000 * (count * (half.length - heldBytes) - burstBytes)) / perS;
  assert.ok(tookMs >= leastMs, `${count} of them were read in ${tookMs} ms, not in ${leastMs} or more`);
  assert.equal(await check(['swarmrun', 'echo', 'x'], { cwd: daemon.share, env: daemon.env }), 'x\n');
  for (const socket of sockets) socket.destroy();
});

test('connections that say nothing', async (t) => {
  await using daemon = await Daemon.start();
  await attack(t, daemon, { count: 900, begin: Buffer.alloc(0), mostMiB: 20 });
});
