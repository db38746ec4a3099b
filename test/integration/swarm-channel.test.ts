import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ChannelEnd, JobChannel } from '../../src/swarm/libp2p/channel.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { assertWithin } from '../rig/quickest.ts';
import { raw } from '../rig/raw.ts';
import { pairOf, SwarmChild, SwarmNode } from '../rig/swarm-node.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

const MiB = 1024 * 1024;

/** A worker that answers each OFFER by a RESULT with the same bytes. */
function echo(channel: JobChannel): void {
  channel.limit(Number.POSITIVE_INFINITY);
  channel.onFrame = (frame) => {
    if (frame.type !== 'OFFER') return;
    channel.send('RESULT', raw(frame.payload));
    channel.close();
  };
}

interface Heard {
  frames: Frame[];
  end: ChannelEnd | undefined;
}

function listen(channel: JobChannel): Heard {
  const heard: Heard = { frames: [], end: undefined };
  channel.limit(Number.POSITIVE_INFINITY);
  channel.onFrame = (frame) => heard.frames.push(frame);
  channel.onEnd = (why) => {
    heard.end = why;
  };
  return heard;
}

test('a job goes there and its result comes back, then the channel is closed', async () => {
  const [a, b] = await pairOf({}, { onJob: echo });
  await using _a = a;
  await using _b = b;
  const channel = a.swarm.openJob(b.id);
  const heard = listen(channel);
  channel.send('ARGV', Buffer.from('g++\0'));
  channel.send('OFFER', raw(Buffer.from('{"job":1}')));
  await until(() => heard.end, 2000, 'it ends');
  assert.equal(heard.end, 'closed');
  assert.deepEqual(
    heard.frames.map(({ type, payload }) => [type, Buffer.from(payload).toString()]),
    [['RESULT', '{"job":1}']],
  );
  assert.equal(channel.send('CREDIT', raw(Buffer.alloc(4))), false);
});

test('a channel to nobody ends as lost', async () => {
  await using a = await SwarmNode.start();
  const heard = listen(a.swarm.openJob('12D3KooWNobody'));
  await until(() => heard.end, 1000, 'it ends');
  assert.equal(heard.end, 'lost');
});

test('a frame of 8 MB arrives whole, and those around it in their places', async () => {
  const received: Frame[] = [];
  const [a, b] = await pairOf(
    {},
    {
      onJob: (channel) => {
        channel.limit(Number.POSITIVE_INFINITY);
        channel.onFrame = (frame) => received.push(frame);
      },
    },
  );
  await using _a = a;
  await using _b = b;
  const environment = Buffer.alloc(8 * MiB, 'abcdefghijklm');
  const channel = a.swarm.openJob(b.id);
  channel.send('ARGV', Buffer.from('x\0'));
  assert.equal(channel.send('ENV', environment), false);
  channel.send('OFFER', raw(Buffer.from('{}')));
  await until(() => received.length === 3, 5000, 'all three are there');
  assert.deepEqual(
    received.map(({ type }) => type),
    ['ARGV', 'ENV', 'OFFER'],
  );
  assert.ok(environment.equals(received[1]?.payload ?? Buffer.alloc(0)));
});

test('a frame over the limit of one who is not trusted ends its channel, and only that', async () => {
  const ends: ChannelEnd[] = [];
  const [a, b] = await pairOf(
    {},
    {
      onJob: (channel) => {
        channel.onEnd = (why) => ends.push(why);
      },
    },
  );
  await using _a = a;
  await using _b = b;
  const heard = listen(a.swarm.openJob(b.id));
  const channel = a.swarm.openJob(b.id);
  const big = listen(channel);
  channel.send('ENV', Buffer.alloc(64 * 1024 + 1));
  await until(() => big.end !== undefined && ends.length > 0, 2000, 'both ends are told');
  assert.equal(big.end, 'lost');
  assert.deepEqual(ends, ['garbage']);
  assert.equal(heard.end, undefined);
  assert.ok(b.swarm.isConnected(a.id) && a.swarm.isConnected(b.id));
  assert.ok(b.log.some((line) => line.startsWith('malformed job frames')));
});

test('a thousand jobs at once', async () => {
  const [a, b] = await pairOf(
    {},
    {
      onJob: (channel) => {
        channel.onFrame = (frame) => waiting.push([channel, frame]);
      },
    },
  );
  // Only a peer that is proven may open so many.
  b.swarm.trust(a.id);
  const waiting: [JobChannel, Frame][] = [];
  await using _a = a;
  await using _b = b;
  const jobs = Array.from({ length: 1000 }, (_, at) => {
    const channel = a.swarm.openJob(b.id);
    const heard = listen(channel);
    channel.send('OFFER', raw(Buffer.from(String(at))));
    return heard;
  });
  await until(() => waiting.length === 1000, 20_000, 'all are there at once');
  for (const [channel, { payload }] of waiting) {
    channel.send('RESULT', raw(payload));
    channel.close();
  }
  await until(() => jobs.every(({ end }) => end === 'closed'), 20_000, 'all have ended');
  jobs.forEach(({ frames }, at) => {
    assert.equal(Buffer.from(frames[0]?.payload ?? []).toString(), String(at));
  });
});

test('closing is seen at the other end as a closing, aborting and dying as a loss', async () => {
  const ends: ChannelEnd[] = [];
  const [a, b] = await pairOf(
    {},
    {
      onJob: (channel) => {
        channel.onEnd = (why) => ends.push(why);
        channel.onFrame = ({ payload }) => channel.send('RESULT', raw(payload));
      },
    },
  );
  await using _a = a;
  await using _b = b;
  let answered = 0;
  const open = () => {
    const channel = a.swarm.openJob(b.id);
    channel.onFrame = () => (answered += 1);
    channel.send('OFFER', raw(Buffer.from('{}')));
    return channel;
  };
  const jobs = [open(), open()];
  // One that is closed while its stream is still being opened, as seen from here, ends by a reset.
  await until(() => answered === 2, 2000, 'both are open at both ends');
  jobs[0]?.close();
  await until(() => ends.length === 1, 2000, 'the first has ended');
  jobs[1]?.abort();
  await until(() => ends.length === 2, 2000, 'the second has ended');
  assert.deepEqual(ends, ['closed', 'lost']);
  await until(() => a.swarm.jobs === 0 && b.swarm.jobs === 0, 2000, 'nothing is left of them');
});

test('a killed worker ends its jobs as lost, at once', async () => {
  await assertWithin(200, 'it ends', async () => {
    await using child = await SwarmChild.start({});
    await using a = await SwarmNode.start({ bootstrap: child.addresses });
    await a.meets(child);
    const channel = a.swarm.openJob(child.id);
    const heard = listen(channel);
    channel.send('ARGV', Buffer.from('x\0'));
    await until(() => a.swarm.jobs === 1, 1000, 'it is open');
    const killedMs = performance.now();
    child.signal('SIGKILL');
    await until(() => heard.end, 1000, 'it ends');
    const tookMs = performance.now() - killedMs;
    assert.equal(heard.end, 'lost');
    return tookMs;
  });
});

test('100 MB to a slow reader: every byte arrives, and neither end keeps more than a few windows', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'output');
  const chunks = 1600;
  let worker: JobChannel | undefined;
  let sent = 0;
  let waits = 0;
  const [a, b] = await pairOf(
    {},
    {
      onJob: (channel) => {
        worker = channel;
        const go = (): void => {
          while (sent < chunks) {
            sent += 1;
            if (!channel.send('STDOUT', chunk)) {
              waits += 1;
              return;
            }
          }
          channel.send('RESULT', raw(Buffer.from('{}')));
          channel.close();
        };
        channel.onDrain = go;
        channel.onFrame = go;
      },
    },
  );
  await using _a = a;
  await using _b = b;
  const channel = a.swarm.openJob(b.id);
  channel.limit(Number.POSITIVE_INFINITY);
  const hash = createHash('sha256');
  let received = 0;
  let ended: ChannelEnd | undefined;
  let last: string | undefined;
  let mostAhead = 0;
  channel.onFrame = ({ type, payload }) => {
    last = type;
    if (type !== 'STDOUT') return;
    hash.update(payload);
    received += payload.length;
    mostAhead = Math.max(mostAhead, sent * chunk.length - received);
    channel.pause();
    setImmediate(() => channel.resume());
  };
  channel.onEnd = (why) => {
    ended = why;
  };
  channel.send('OFFER', raw(Buffer.from('{}')));
  await until(() => ended, 60_000, 'it ends');
  assert.equal(ended, 'closed');
  assert.equal(last, 'RESULT');
  assert.equal(received, chunks * chunk.length);
  const expected = createHash('sha256');
  for (let at = 0; at < chunks; at += 1) expected.update(chunk);
  assert.equal(hash.digest('hex'), expected.digest('hex'));
  assert.ok(waits > 10, 'the sender was held up');
  assert.ok(mostAhead < 2 * MiB, `${mostAhead} bytes were on the way`);
  assert.ok(worker !== undefined);
});

test('a paused reader holds the sender up, and gets all that was sent before the peer died', async () => {
  let sent = 0;
  const [a, b] = await pairOf(
    {},
    {
      onJob: (channel) => {
        const go = (): void => {
          do sent += 1;
          while (channel.send('STDOUT', Buffer.alloc(10_000)) && sent < 10_000);
        };
        channel.onFrame = go;
        channel.onDrain = go;
      },
    },
  );
  await using _a = a;
  const channel = a.swarm.openJob(b.id);
  const heard = listen(channel);
  channel.pause();
  channel.send('OFFER', raw(Buffer.from('{}')));
  let before = -1;
  await until(
    () => {
      const still = before === sent && sent > 0;
      before = sent;
      return still;
    },
    5000,
    'the sender is held up',
  );
  assert.equal(heard.frames.length, 0);
  assert.ok(sent < 300, `${sent} frames were sent`);
  await b.swarm.stop();
  await until(() => !a.swarm.isConnected(b.id), 2000, 'the peer is gone');
  assert.equal(heard.end, undefined);
  channel.resume();
  await until(() => heard.end, 1000, 'the end is told');
  assert.equal(heard.end, 'lost');
  assert.ok(heard.frames.length > 10, `${heard.frames.length} frames arrived`);
});
