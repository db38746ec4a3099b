/** Streams for jobs, on which one job follows the other: which are used again, and what comes between two jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom, nextInteger } from '../../src/core/random.ts';
import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { roundsOf } from '../rig/effort.ts';
import { hear, JobLinkRig } from '../rig/job-link.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { pairOf } from '../rig/swarm-node.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

const atLast = <T>(condition: () => T, what: string) => until(condition, 10_000, what);

/** A worker that says one word to each job and ends it. */
function answer(channel: JobChannel): void {
  channel.limit(Number.POSITIVE_INFINITY);
  channel.onFrame = (frame) => {
    channel.send('STDOUT', frame.payload);
    channel.close();
  };
}

test('a thousand jobs, one after the other, open one stream; fifty at a time, as many', async () => {
  await using rig = await JobLinkRig.start(answer);
  const doneInTurn = async (jobs: number): Promise<void> => {
    for (let job = 0; job < jobs; job += 1) {
      const { heard } = rig.begin(String(job));
      await new Promise<void>((resolve) => {
        const poll = (): void => (heard.end === undefined ? void setImmediate(poll) : resolve());
        poll();
      });
      assert.deepEqual(heard, { frames: [`STDOUT ${job}`], end: 'closed' });
    }
  };
  await doneInTurn(1_000);
  assert.equal(rig.streams.length, 1);
  await Promise.all(Array.from({ length: 50 }, () => doneInTurn(20)));
  assert.ok(rig.streams.length <= 50, `${rig.streams.length} streams were opened`);
});

test('streams without a job are bounded, and closed in time by the end that opened them', async () => {
  await using rig = await JobLinkRig.start(answer);
  const jobs = Array.from({ length: 100 }, (_, job) => rig.begin(String(job)));
  await atLast(() => jobs.every(({ heard }) => heard.end === 'closed'), 'all have ended');
  await atLast(() => rig.worker.jobStreams === 64, 'some are kept');
  await atLast(() => rig.submitter.jobStreams === 64, 'the others are closed');
  // A last word that goes with the next job is not given up, but this clock passes quicker than it comes.
  await atLast(() => rig.worker.jobs === 0, 'all last words are said');
  rig.worker.sweep(0);
  rig.worker.sweep(1e9);
  rig.submitter.sweep(0);
  rig.submitter.sweep(59_000);
  rig.begin('another');
  assert.equal(rig.submitter.jobStreams, 64, 'the worker closes none');
  rig.submitter.sweep(61_000);
  await atLast(() => rig.worker.jobStreams === 1, 'those without a job go');
  assert.deepEqual(rig.garbage, []);
});

test('the stream of a job that was aborted, by either end, carries no other', async () => {
  const atWorker: JobChannel[] = [];
  await using rig = await JobLinkRig.start((channel) => {
    hear(channel);
    atWorker.push(channel);
  });
  const begun = async (word: string) => {
    const job = rig.begin(word);
    await atLast(() => atWorker.length === 1, 'it is there');
    return { ...job, there: atWorker.pop() as JobChannel };
  };
  const first = await begun('first');
  first.there.close();
  await atLast(() => first.heard.end, 'it is over');
  const second = await begun('second');
  assert.equal(rig.streams.length, 1);
  second.channel.abort();
  const third = await begun('third');
  assert.equal(rig.streams.length, 2);
  third.there.abort();
  await atLast(() => third.heard.end === 'lost', 'it is lost');
  const fourth = await begun('fourth');
  assert.equal(rig.streams.length, 3);
  // Whoever holds on to a job that is over has no hold on the stream any more.
  fourth.there.close();
  await atLast(() => fourth.heard.end, 'it is over');
  const fifth = await begun('fifth');
  for (const { channel, there } of [fourth]) {
    channel.abort();
    there.abort();
    channel.close();
    there.pause();
    there.limit(1);
    assert.equal(there.send('STDOUT', Buffer.from('late')), false);
  }
  fifth.there.send('STDOUT', Buffer.from('fine'));
  fifth.there.close();
  await atLast(() => fifth.heard.end, 'it is over');
  assert.deepEqual(fifth.heard, { frames: ['STDOUT fine'], end: 'closed' });
  assert.equal(rig.streams.length, 3);
});

test('no word of a job reaches another, whoever ends it and however much is on its way', async (t) => {
  const rounds = roundsOf({ brief: 300, full: 5_000 });
  const seed = 7;
  const random = createRandom(seed);
  t.diagnostic(`seed ${seed}, ${rounds} jobs`);
  const wrong: string[] = [];
  /** Says and hears only words of its own job, and ends it by chance: in its middle, or when it was paused. */
  const play = (channel: JobChannel, type: 'STDIN' | 'STDOUT', job: () => string): void => {
    const words = nextInteger(random, 6);
    const isPaused = nextInteger(random, 4) === 0;
    const mostBytes = nextInteger(random, 4) === 0 ? 60_000 : 1_000;
    for (let word = 0; word < words; word += 1)
      channel.send(type, Buffer.alloc(1 + nextInteger(random, mostBytes), `${job()} `));
    if (isPaused) channel.pause();
    const afterMs = nextInteger(random, 10);
    // Or the other end ends it, and this end hears of that.
    if (nextInteger(random, 3) > 0) setTimeout(() => channel.close(), afterMs);
    else if (isPaused) setTimeout(() => channel.resume(), afterMs);
  };
  const check = (job: () => string, payload: Uint8Array): void => {
    const word = Buffer.from(payload).toString().split(' ')[0] ?? '';
    if (payload.length > 20 && word !== job()) wrong.push(`${word} in ${job()}`);
  };
  await using rig = await JobLinkRig.start((channel) => {
    channel.limit(Number.POSITIVE_INFINITY);
    let own = '';
    channel.onFrame = ({ type, payload }) => {
      if (type !== 'ARGV') return check(() => own, payload);
      if (own !== '') wrong.push('two beginnings of one job');
      own = Buffer.from(payload).toString();
      channel.send('STARTED');
      play(channel, 'STDOUT', () => own);
    };
  });
  let count = 0;
  const lane = async (): Promise<void> => {
    while (count < rounds) {
      count += 1;
      const own = String(count);
      const channel = rig.submitter.openJob();
      channel.limit(Number.POSITIVE_INFINITY);
      const ended = new Promise<void>((resolve) => {
        channel.onEnd = () => resolve();
        channel.onFrame = ({ type, payload }) => {
          if (type !== 'STARTED') return check(() => own, payload);
          play(channel, 'STDIN', () => own);
          // Neither end has ended it.
          setTimeout(() => {
            channel.close();
            resolve();
          }, 20);
        };
      });
      channel.send('ARGV', Buffer.from(own));
      await ended;
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  assert.deepEqual(wrong, []);
  assert.deepEqual(rig.garbage, []);
  await atLast(() => rig.submitter.jobs === 0 && rig.worker.jobs === 0, 'nothing is left of them');
  assert.ok(rig.streams.length < rounds / 2, `${rig.streams.length} streams for ${rounds} jobs`);
});

test('the last word on a job goes with the first words of the next, or soon by itself', async () => {
  await using rig = await JobLinkRig.start();
  const packets: string[] = [];
  const first = rig.begin('first');
  await atLast(() => rig.streams.length === 1, 'the stream is open');
  rig.streams[0]?.addEventListener('message', ({ data }) =>
    packets.push(Buffer.from(data.subarray()).toString('latin1')),
  );
  first.channel.onEnd = () => void rig.begin('second');
  rig.streams[0]?.send(encodeFrame('JOB_END'));
  await atLast(() => packets.length === 2, 'the second is there');
  const words = (...frames: readonly Uint8Array[]) => Buffer.concat(frames).toString('latin1');
  const [end, second] = [encodeFrame('JOB_END'), encodeFrame('ARGV', Buffer.from('second'))];
  assert.equal(packets[1], words(end, second));
  rig.streams[0]?.send(end);
  await atLast(() => packets.length === 3, 'nothing follows, and the end is said');
  assert.equal(packets[2], words(end));
  assert.equal(rig.streams.length, 1);
});

test('a job whose last frames were held up says its last word no sooner', async () => {
  await using rig = await JobLinkRig.start();
  const packets: string[] = [];
  const { channel } = rig.begin('first');
  await atLast(() => rig.streams.length === 1, 'the stream is open');
  rig.streams[0]?.addEventListener('message', ({ data }) =>
    packets.push(Buffer.from(data.subarray()).toString('latin1')),
  );
  const ended = new Promise<void>((resolve) => {
    channel.onFrame = ({ type }) => {
      if (type === 'STDOUT') {
        // As where what a job wrote is put in its place before its result is looked at.
        channel.pause();
        setImmediate(() => channel.resume());
      } else {
        channel.close();
        resolve();
      }
    };
  });
  const [output, exit, end] = [
    encodeFrame('STDOUT', Buffer.from('written')),
    encodeFrame('STARTED'),
    encodeFrame('JOB_END'),
  ];
  rig.streams[0]?.send(Buffer.concat([output, exit, end]));
  await ended;
  rig.begin('second');
  await atLast(() => packets.length === 2, 'the second is there');
  const second = encodeFrame('ARGV', Buffer.from('second'));
  assert.equal(packets[1], Buffer.concat([end, second]).toString('latin1'));
});

test('a job that was ended at one end only is given up in time, but not while its last words wait', async (t) => {
  await t.test('the other end never answers', async () => {
    await using rig = await JobLinkRig.start();
    const { channel } = rig.begin('job');
    await atLast(() => rig.streams.length === 1 && rig.submitter.jobStreams === 1, 'the stream is open');
    channel.close();
    rig.submitter.sweep(0);
    rig.submitter.sweep(29_000);
    assert.equal(rig.submitter.jobs, 1);
    rig.submitter.sweep(31_000);
    assert.deepEqual([rig.submitter.jobs, rig.submitter.jobStreams], [0, 0]);
  });

  await t.test('the other end reads slowly', async () => {
    await using rig = await JobLinkRig.start((channel) => {
      channel.limit(Number.POSITIVE_INFINITY);
      for (let word = 0; word < 20; word += 1) channel.send('STDOUT', Buffer.alloc(60_000, 'x'));
      channel.close();
    });
    const { channel, heard } = rig.begin('job');
    channel.pause();
    await atLast(() => rig.streams.length === 1, 'the stream is open');
    rig.worker.sweep(0);
    rig.worker.sweep(31_000);
    channel.resume();
    await atLast(() => heard.end, 'it is over');
    assert.deepEqual([heard.frames.length, heard.end], [20, 'closed']);
  });
});

for (const [what, bytes] of [
  ['words after its last one', [encodeFrame('JOB_END'), encodeFrame('STARTED')]],
  ['two last words', [encodeFrame('JOB_END'), encodeFrame('JOB_END')]],
] as const)
  test(`a worker that says ${what} loses the stream, while its job is still open here`, async () => {
    await using rig = await JobLinkRig.start();
    const { channel, heard } = rig.begin('first');
    // So that the end is not answered yet.
    channel.onFrame = ({ type }) => {
      heard.frames.push(type);
      channel.pause();
    };
    await atLast(() => rig.streams.length === 1, 'the stream is open');
    rig.streams[0]?.send(Buffer.concat([encodeFrame('STARTED'), ...bytes]));
    await atLast(() => rig.garbage.length === 1, 'it is noticed');
    assert.match(rig.garbage[0] ?? '', /after the end of a job/);
    channel.resume();
    assert.deepEqual(heard, { frames: ['STARTED'], end: 'closed' });
    await atLast(() => rig.submitter.jobStreams === 0, 'the stream is gone');
    rig.begin('second');
    await atLast(() => rig.streams.length === 2, 'the next job opens another');
  });

test('what a worker says between two jobs reaches none', async (t) => {
  for (const [what, between] of [
    ['a frame', encodeFrame('STARTED')],
    ['half a frame', encodeFrame('STDOUT', Buffer.alloc(100)).subarray(0, 50)],
  ] as const)
    await t.test(what, async () => {
      await using rig = await JobLinkRig.start();
      const first = rig.begin('first');
      await atLast(() => rig.streams.length === 1, 'the stream is open');
      let received = 0;
      rig.streams[0]?.addEventListener('message', ({ data }) => {
        received += data.byteLength;
      });
      rig.streams[0]?.send(encodeFrame('JOB_END'));
      await atLast(() => first.heard.end, 'it is over');
      await atLast(() => received === 'first'.length + 5 + 5, 'the end was answered');
      rig.streams[0]?.send(between);
      rig.streams[0]?.send(encodeFrame('STDERR', Buffer.alloc(10)).subarray(0, 3));
      // Both have come when a later word of another stream has.
      const other = rig.submitter.connection.newStream('/none/1');
      await other.catch(() => undefined);
      const second = rig.begin('second');
      await atLast(() => rig.streams.length === 2, 'it is on another stream');
      rig.streams[1]?.send(encodeFrame('STDOUT', Buffer.from('own')));
      await atLast(() => second.heard.frames.length > 0, 'it is heard');
      assert.deepEqual(second.heard.frames, ['STDOUT own']);
    });
});

test('a worker that refuses, while much of what the job is told is on its way, gets the next one', async () => {
  const taken: string[] = [];
  await using rig = await JobLinkRig.start((channel) => {
    channel.limit(Number.POSITIVE_INFINITY);
    channel.onFrame = ({ type, payload }) => {
      taken.push(`${type} ${payload.length}`);
      if (type === 'ARGV' && payload.length === 'refused'.length) channel.close();
    };
  });
  const { channel, heard } = rig.begin('refused');
  for (let word = 0; word < 100; word += 1) channel.send('STDIN', Buffer.alloc(50_000));
  await atLast(() => heard.end, 'it is over');
  rig.begin('next');
  await atLast(() => taken.length === 2, 'the next is there');
  assert.deepEqual(taken, ['ARGV 7', 'ARGV 4']);
});

test('a frame of a free stream is bounded as a stranger is, whatever its last job was allowed', async () => {
  let count = 0;
  const ends: string[] = [];
  await using rig = await JobLinkRig.start((channel) => {
    count += 1;
    channel.onEnd = (why) => ends.push(why);
    if (count === 1) answer(channel);
  });
  const first = rig.begin('x'.repeat(60_000));
  await atLast(() => first.heard.end, 'it is over');
  const second = rig.begin('x'.repeat(70_000));
  await atLast(() => second.heard.end === 'lost', 'the next is cut off');
  assert.equal(rig.streams.length, 1);
  assert.match(rig.garbage.join(), /over its limit/);
});

test('free streams end with their connection, and the next one has its own', async () => {
  const [a, b] = await pairOf({}, { onJob: answer });
  await using _a = a;
  const run = async () => {
    const channel = a.swarm.openJob(b.id);
    const heard = hear(channel);
    channel.send('ARGV', Buffer.from('job'));
    await atLast(() => heard.end, 'it is over');
    return heard;
  };
  assert.deepEqual(await run(), { frames: ['STDOUT job'], end: 'closed' });
  assert.deepEqual([a.swarm.jobStreams, a.swarm.jobs], [1, 0]);
  b.swarm.end(a.id);
  await atLast(() => !a.swarm.isConnected(b.id), 'the connection is gone');
  assert.equal(a.swarm.jobStreams, 0);
  a.swarm.connectTo(b.id, b.swarm.addresses());
  await a.meets(b);
  assert.deepEqual(await run(), { frames: ['STDOUT job'], end: 'closed' });
  await b.swarm.stop();
  await atLast(() => !a.swarm.isConnected(b.id), 'the peer is gone');
  assert.deepEqual([a.swarm.jobStreams, await run()], [0, { frames: [], end: 'lost' }]);
});
