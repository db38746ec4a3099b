/** What a worker takes of a peer whose proof is old, on real streams: nothing, until it is shown again, and then all of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostedJob } from '../../src/peer/serve/hosted-job.ts';
import { Reception } from '../../src/peer/serve/reception.ts';
import type { Standing } from '../../src/peer/trust/membership.ts';
import { strangerFrameBytes } from '../../src/swarm/libp2p/line.ts';
import { encodeOffer } from '../../src/wire/job-messages.ts';
import { hear, JobLinkRig } from '../rig/job-link.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { plainOffer } from '../rig/plain-offer.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

/** A worker to whom a submitter has been a member, and its proof. */
async function startWorker() {
  const jobs: HostedJob[] = [];
  const standing: { now: Standing } = { now: 'lapsed' };
  let resolve!: (isMember: boolean) => void;
  const proven = new Promise<boolean>((given) => {
    resolve = given;
  });
  const proof = { resolve, proven };
  const reception = new Reception(
    {
      members: { standing: () => standing.now, proveAgain: () => proof.proven },
      sendOutput: () => Promise.reject(new Error('no output is asked for')),
      now: () => 0,
      startTimer: () => () => undefined,
      log: () => undefined,
    },
    { onOffer: (job) => jobs.push(job), onFrame: () => undefined, onGone: () => undefined },
  );
  const rig = await JobLinkRig.start((channel) => reception.open('submitter', channel));
  return { rig, jobs, standing, proof };
}

function offer(rig: JobLinkRig, argvBytes: number): ReturnType<typeof hear> {
  const channel = rig.submitter.openJob();
  const heard = hear(channel);
  channel.send('ARGV', Buffer.alloc(argvBytes, 'x'));
  channel.send('ENV', Buffer.from('A=1'));
  channel.send('OFFER', encodeOffer(plainOffer('/share')));
  return heard;
}

const atLast = <T>(condition: () => T, what: string) => until(condition, 5_000, what);

for (const argvBytes of [1_000, strangerFrameBytes + 1_000, 2_000_000])
  test(`arguments of ${argvBytes} bytes come whole once the proof is seen again`, async () => {
    const { rig, jobs, proof } = await startWorker();
    await using _ = rig;
    const heard = offer(rig, argvBytes);
    await atLast(() => rig.streams.length === 1, 'the stream is open');
    // More than a round trip: what is on its way has come.
    const { heard: later } = rig.begin('another');
    await atLast(() => rig.streams.length === 2, 'a second one is open');
    assert.deepEqual([jobs.length, heard.end, later.end], [0, undefined, undefined]);
    proof.resolve(true);
    await atLast(() => jobs.length === 1, 'the offer is whole');
    assert.equal(jobs[0]?.argv.length, argvBytes);
    assert.deepEqual(rig.garbage, []);
  });

test('so they do on a stream that has carried a job before', async () => {
  const { rig, jobs, standing, proof } = await startWorker();
  await using _ = rig;
  standing.now = 'member';
  const before = offer(rig, 1_000);
  await atLast(() => jobs.length === 1, 'the first is offered');
  jobs[0]?.giveBack();
  await atLast(() => before.end === 'closed', 'it is over');
  standing.now = 'lapsed';
  const heard = offer(rig, 120_000);
  proof.resolve(true);
  await atLast(() => jobs.length === 2 || heard.end, 'the next is offered');
  assert.equal(jobs[1]?.argv.length, 120_000);
  assert.equal(rig.streams.length, 1);
});

test('who is no member any more is told so, nothing of what it sent is kept, and its stream is not used again', async () => {
  const { rig, jobs, proof } = await startWorker();
  await using _ = rig;
  const heard = offer(rig, 2_000_000);
  await atLast(() => (rig.streams[0]?.readBufferLength ?? 0) > 0 || heard.end, 'the first window has come');
  proof.resolve(false);
  await atLast(() => heard.end, 'it is turned away');
  assert.match(heard.frames.join(), /^REFUSED .*no member file of yours/);
  assert.deepEqual([jobs.length, rig.garbage], [0, []]);
  offer(rig, 1_000);
  await atLast(() => rig.streams.length === 2, 'another stream is opened for the next');
});

test('while it waits, no more than a window of what it sends is held', async () => {
  const { rig, proof } = await startWorker();
  await using _ = rig;
  const heard = offer(rig, 8_000_000);
  await atLast(() => (rig.streams[0]?.readBufferLength ?? 0) > 0 || heard.end, 'the first window has come');
  rig.begin('another');
  await atLast(() => rig.streams.length === 2, 'a round trip is over');
  assert.equal(heard.end, undefined);
  assert.ok((rig.streams[0]?.readBufferLength ?? 0) <= 256 * 1024);
  proof.resolve(true);
});
