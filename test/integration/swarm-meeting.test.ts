import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ChannelEnd } from '../../src/swarm/libp2p/channel.ts';
import { Cable } from '../rig/cable.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { assertWithin } from '../rig/quickest.ts';
import { raw } from '../rig/raw.ts';
import { pairOf, SwarmChild, SwarmNode } from '../rig/swarm-node.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

let tags = 0;
/** Tests share one network: each has a service of its own. */
function ownTag(): string {
  tags += 1;
  return `_t${process.pid}x${tags}._udp.local`;
}

test('peers find each other by mDNS only, within two seconds', async () => {
  await assertWithin(2_000, 'they meet', async () => {
    const serviceTag = ownTag();
    await using a = await SwarmNode.start({ serviceTag });
    const startMs = performance.now();
    await using b = await SwarmNode.start({ serviceTag });
    await Promise.all([a.meets(b), b.meets(a)]);
    return performance.now() - startMs;
  });
});

test('peers of another service tag are not found', async () => {
  await using a = await SwarmNode.start({ serviceTag: ownTag() });
  const serviceTag = ownTag();
  await using b = await SwarmNode.start({ serviceTag });
  await using c = await SwarmNode.start({ serviceTag });
  await b.meets(c);
  assert.deepEqual(a.swarm.peers(), []);
});

test('a peer counts with its hello, and says goodbye', async () => {
  const [a, b] = await pairOf();
  await using _b = b;
  assert.equal(b.swarm.peers()[0]?.hello.report.id, a.id);
  await until(() => (b.swarm.rttMs(a.id) ?? 0) > 0, 1000, 'the round trip is known');
  await a.swarm.stop();
  await until(() => b.has('gone'), 1000, 'b sees a go');
  assert.deepEqual(
    b.told.filter(({ what }) => what === 'gone'),
    [{ what: 'gone', id: a.id, why: 'bye' }],
  );
});

test('a peer for which hundreds of small jobs run, one after the other, is not taken for a flood', async () => {
  const [a, b] = await pairOf();
  await using _a = a;
  await using _b = b;
  for (let job = 0; job < 2_000; job += 1) for (const on of [true, false]) a.swarm.watch(b.id, on);
  a.swarm.send(b.id, 'GOSSIP', raw(Buffer.from([7])));
  await until(() => b.has('control') || b.has('gone'), 2_000, 'what was said next is there');
  assert.equal(b.has('gone'), false);
});

test('control frames arrive in order', async () => {
  const [a, b] = await pairOf();
  await using _a = a;
  await using _b = b;
  for (let at = 0; at < 100; at += 1) a.swarm.send(b.id, 'GOSSIP', raw(Buffer.from([at])));
  await until(() => b.told.filter(({ what }) => what === 'control').length === 100, 2000, 'all are there');
  const bytes = b.told.flatMap((each) => (each.what === 'control' ? [...each.frame.payload] : []));
  assert.deepEqual(
    bytes,
    Array.from({ length: 100 }, (_, at) => at),
  );
});

test('when all dial all at once, each pair ends with one peer and no connection too many', async () => {
  const nodes = await Promise.all(Array.from({ length: 6 }, () => SwarmNode.start()));
  try {
    for (const from of nodes) {
      for (const to of nodes) if (to !== from) from.swarm.connectTo(to.id, to.swarm.addresses());
    }
    await Promise.all(nodes.map((node) => node.meets(...nodes.filter((other) => other !== node))));
    await until(
      () => nodes.every((node) => node.swarm.connections === 5),
      5000,
      'one connection a pair is left',
    );
    // Neither end saw the other go.
    for (const node of nodes) {
      assert.equal(node.told.filter(({ what }) => what === 'peer').length, 5);
      assert.ok(!node.has('gone'), node.log.join('\n'));
    }
  } finally {
    await Promise.all(nodes.map((node) => node.swarm.stop()));
  }
});

test('a given address of its own is no harm', async () => {
  await using a = await SwarmNode.start({
    // Below those that the kernel gives to whoever wants any.
    listen: ['/ip4/127.0.0.1/tcp/14911'],
    bootstrap: ['/ip4/127.0.0.1/tcp/14911'],
  });
  await using b = await SwarmNode.start({ bootstrap: a.swarm.addresses() });
  await a.meets(b);
  assert.equal(a.swarm.peers().length, 1);
});

test('a peer that is restarted under its address, with another identity, is back soon', async () => {
  await using first = await SwarmChild.start({ listen: ['/ip4/127.0.0.1/tcp/0'] });
  const [address] = first.addresses;
  assert.ok(address !== undefined);
  await using a = await SwarmNode.start({ bootstrap: [`${address}/p2p/${first.id}`] });
  await a.meets(first);
  first.signal('SIGKILL');
  await until(() => a.has('gone'), 1000, 'it is gone');
  await using second = await SwarmChild.start({ listen: [address] });
  assert.notEqual(second.id, first.id);
  await a.meets(second);
});

test('a killed peer is noticed within 100 ms', async () => {
  await assertWithin(100, 'it is gone', async () => {
    await using child = await SwarmChild.start({});
    await using a = await SwarmNode.start({ bootstrap: child.addresses });
    await a.meets(child);
    const killedMs = performance.now();
    child.signal('SIGKILL');
    await until(() => a.has('gone'), 1000, 'it is gone');
    return performance.now() - killedMs;
  });
});

test('a frozen peer is suspect within three seconds, and well again when it goes on', async () => {
  await using child = await SwarmChild.start({});
  await using a = await SwarmNode.start({ bootstrap: child.addresses });
  await a.meets(child);
  a.swarm.watch(child.id, true);
  await assertWithin(3_000, 'it is suspect', async () => {
    a.told.length = 0;
    const frozenMs = performance.now();
    child.signal('SIGSTOP');
    await until(() => a.has('silence'), 1000, 'it is suspect');
    const tookMs = performance.now() - frozenMs;
    child.signal('SIGCONT');
    await until(() => a.has('well'), 2000, 'it is well');
    assert.ok(!a.has('gone'));
    return tookMs;
  });
});

/** Gives up soon. */
const pulse = { watchedBeatMs: 100, idleBeatMs: 1000, suspectMs: 250, watchedLostMs: 800, idleLostMs: 4000 };

test('a peer that stays frozen is given up', async () => {
  await using child = await SwarmChild.start({});
  await using a = await SwarmNode.start({ bootstrap: child.addresses, pulse });
  await a.meets(child);
  a.swarm.watch(child.id, true);
  child.signal('SIGSTOP');
  await until(
    () => a.told.some((each) => each.what === 'gone' && each.why === 'silent'),
    6000,
    'it is gone for its silence',
  );
});

test('what stood with a peer that has given it up ends when that peer comes again, which is met anew', async () => {
  await using a = await SwarmNode.start({ pulse });
  await using cable = await Cable.to(Number(/tcp\/(\d+)/.exec(a.swarm.addresses()[0] ?? '')?.[1]));
  let end: ChannelEnd | undefined;
  let aheadMs = 0;
  await using b = await SwarmNode.start({
    nowMs: () => performance.now() + aheadMs,
    // By itself it would not notice while this test runs: not even that the other is silent.
    pulse: { ...pulse, suspectMs: 600_000, watchedLostMs: 600_000, idleLostMs: 600_000 },
    bootstrap: [`/ip4/127.0.0.1/tcp/${cable.port}`],
    onJob: (channel) => {
      channel.onEnd = (why) => {
        end = why;
      };
    },
  });
  await Promise.all([a.meets(b), b.meets(a)]);
  a.swarm.openJob(b.id).send('ARGV', Buffer.from('g++\0'));
  await until(() => b.swarm.jobs === 1, 2000, 'the job is there');
  a.swarm.watch(b.id, true);
  b.swarm.watch(a.id, true);
  // It cannot be that both have dialled at once.
  aheadMs = 2_000;
  cable.cut();
  await until(() => a.has('gone'), 5000, 'one end has given the other up');
  assert.ok(b.swarm.isConnected(a.id));
  a.swarm.connectTo(b.id, b.swarm.addresses());
  await until(() => end, 5000, 'the job of the old connection ends');
  assert.equal(end, 'lost');
  // What it had proven, and what was proven to it, is forgotten there: both begin anew.
  await until(() => b.has('gone'), 1000, 'it is gone');
  await Promise.all([a.meets(b), b.meets(a)]);
  assert.ok(b.swarm.isConnected(a.id));
});

test('a peer that somebody mentions is connected to', async () => {
  await using child = await SwarmChild.start({ listen: ['/ip4/127.0.0.1/tcp/0'] });
  await using a = await SwarmNode.start();
  a.swarm.connectTo(child.id, child.addresses);
  await a.meets(child);
  assert.equal(a.swarm.peers()[0]?.id, child.id);
});

test('no address to listen on is an error that says so', async () => {
  await assert.rejects(
    SwarmNode.start({ listen: ['/ip4/192.0.2.1/tcp/4001'] }),
    (error: Error & { code?: string }) => error.code === 'E_LISTEN' && error.message.includes('192.0.2.1'),
  );
});

test('without a route for multicast a peer says so once, and goes on', async () => {
  const program = fileURLToPath(new URL('../rig/swarm-child.js', import.meta.url));
  const child = spawn(
    'unshare',
    [
      '-n',
      'sh',
      '-c',
      'ip link set lo up; exec "$@"',
      'sh',
      process.execPath,
      program,
      JSON.stringify({ serviceTag: ownTag() }),
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  try {
    const [{ addresses, log }] = (await once(child, 'message')) as [{ addresses: string[]; log: string[] }];
    assert.ok(addresses.length > 0);
    assert.equal(log.filter((line) => line.startsWith('multicast does not leave this machine')).length, 1);
  } finally {
    child.kill('SIGKILL');
  }
});
