/** What every JobChannel keeps, whether it is a libp2p stream or joined in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChannelEnd, JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { type Frame, FrameError } from '../../src/wire/frame.ts';
import { raw } from '../rig/raw.ts';
import { until } from '../rig/until.ts';

export interface ChannelRig extends AsyncDisposable {
  /** Opens a stream; the worker's end is there once the submitter has sent something, and paused. */
  open(): { readonly submitter: JobChannel; readonly worker: Promise<JobChannel> };
}

interface Heard {
  readonly frames: string[];
  end: ChannelEnd | undefined;
}

/** Keeps what comes, as `TYPE payload`. */
function listen(channel: JobChannel, onFrame?: (frame: Frame) => void): Heard {
  const heard: Heard = { frames: [], end: undefined };
  channel.onFrame = (frame) => {
    onFrame?.(frame);
    heard.frames.push(`${frame.type} ${Buffer.from(frame.payload).toString()}`);
  };
  channel.onEnd = (why) => {
    assert.equal(heard.end, undefined, 'an end is told once');
    heard.end = why;
  };
  return heard;
}

const isThere = <T>(condition: () => T, what: string) => until(condition, 5_000, what);

async function joined(rig: ChannelRig) {
  const { submitter, worker: opening } = rig.open();
  const heard = listen(submitter);
  submitter.send('ARGV', Buffer.from('g++'));
  const worker = await opening;
  const heardThere = listen(worker);
  worker.resume();
  await isThere(() => heardThere.frames.length === 1, 'the first frame is there');
  return { submitter, worker, heard, heardThere };
}

export function keepsJobChannelContract(createRig: () => Promise<ChannelRig>): void {
  const contract = (name: string, check: (rig: ChannelRig) => Promise<void>): void => {
    test(`a job channel: ${name}`, async () => {
      await using rig = await createRig();
      await check(rig);
    });
  };

  contract('frames come whole, in order, and before the end', async (rig) => {
    const { worker, heard, heardThere } = await joined(rig);
    worker.send('STDOUT', Buffer.from('one'));
    worker.send('STDERR', Buffer.from('two'));
    worker.send('RESULT', raw('{}'));
    worker.close();
    await isThere(() => heard.end, 'the end is told');
    assert.deepEqual(heard, { frames: ['STDOUT one', 'STDERR two', 'RESULT {}'], end: 'closed' });
    assert.deepEqual(heardThere, { frames: ['ARGV g++'], end: undefined });
  });

  contract('after its own end nothing is told and nothing is sent', async (rig) => {
    const { submitter, worker, heard, heardThere } = await joined(rig);
    submitter.abort();
    assert.equal(submitter.send('RECALL'), false);
    await isThere(() => heardThere.end, 'the end is told there');
    assert.equal(heardThere.end, 'lost');
    assert.equal(worker.send('STARTED'), false);
    assert.deepEqual(heard, { frames: [], end: undefined });
  });

  contract('a frame without sense ends this channel as garbage, the other end as lost', async (rig) => {
    const { submitter, worker, heardThere } = await joined(rig);
    const heard = listen(submitter, () => {
      throw new FrameError('nonsense');
    });
    worker.send('STARTED');
    await isThere(() => heard.end && heardThere.end, 'both ends are told');
    assert.deepEqual([heard.end, heardThere.end], ['garbage', 'lost']);
  });

  contract('a long frame is garbage until the bound is lifted', async (rig) => {
    const { submitter, worker, heard, heardThere } = await joined(rig);
    worker.limit(Number.POSITIVE_INFINITY);
    submitter.send('ENV', Buffer.alloc(100_000, 'x'));
    await isThere(() => heardThere.frames.length === 2, 'a long frame comes where the bound was lifted');
    worker.send('RESULT', raw(Buffer.alloc(100_000, 'x')));
    await isThere(() => heard.end, 'the end is told where it was not');
    assert.deepEqual(heard, { frames: [], end: 'garbage' });
  });

  contract('a paused receiver gets no frame and holds the sender up', async (rig) => {
    const { submitter, worker, heard } = await joined(rig);
    submitter.pause();
    let drained = 0;
    worker.onDrain = () => {
      drained += 1;
    };
    let sent = 1;
    while (worker.send('STDOUT', Buffer.alloc(60_000, 'x'))) {
      sent += 1;
      assert.ok(sent < 1_000, 'the sender is never held up');
      // A real stream takes what fits into its windows.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    assert.deepEqual([heard.frames.length, drained], [0, 0]);
    submitter.resume();
    await isThere(() => heard.frames.length === sent && drained === 1, 'all come, and the sender goes on');
    worker.close();
    await isThere(() => heard.end === 'closed', 'the end is told');
  });

  contract('the end is told to a paused receiver only after all that came before it', async (rig) => {
    const { submitter, worker, heard } = await joined(rig);
    submitter.pause();
    worker.send('STDOUT', Buffer.from('last words'));
    worker.close();
    const other = await joined(rig);
    other.worker.send('STARTED');
    await isThere(() => other.heard.frames.length === 1, 'a later frame of another channel is there');
    assert.deepEqual(heard, { frames: [], end: undefined });
    submitter.resume();
    await isThere(() => heard.end, 'the end is told');
    assert.deepEqual(heard, { frames: ['STDOUT last words'], end: 'closed' });
  });
}
