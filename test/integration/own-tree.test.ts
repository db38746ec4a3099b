/** What the submitter's end of a served tree tells its workers when, with a real swarmtree. */
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ReadProfiles } from '../../src/core/tree/read-profiles.ts';
import { OwnTree } from '../../src/peer/submit/served/own-tree.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { parseTreeChanges } from '../../src/wire/tree-messages.ts';
import { encodeTreeOpened } from '../../src/wire/tree-stream-messages.ts';
import { checkout } from '../rig/child.ts';
import { createChannelPair, type FakeChannel } from '../rig/fake-channel.ts';
import { until } from '../rig/until.ts';

const job = { kind: 'compile', inputs: [], outputs: [] };

/** TREE_LOOK: what is this name? */
function look(directory: string, name: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length, 0]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([1, 0, 0, 0]), text(directory), text(name)]);
}

test('a worker has been told what changed when it is offered a job, and the others soon', async (t) => {
  const share = realpathSync(mkdtempSync(path.join(tmpdir(), 'own-tree-')));
  t.after(() => rmSync(share, { recursive: true, force: true }));
  writeFileSync(path.join(share, 'f'), 'old');
  const workers = new Map<string, { readonly end: FakeChannel; readonly frames: Frame[] }>();
  const tree = await OwnTree.start({
    program: path.join(checkout, 'bin/swarmtree'),
    areas: [share],
    shown: [],
    never: [],
    id: '1',
    device: 1n,
    profiles: new ReadProfiles(),
    now: () => performance.now(),
    openTree: (peer) => {
      const { submitter, worker: end } = createChannelPair({ submitter: 'me', worker: peer });
      const frames: Frame[] = [];
      end.limit(1024 * 1024);
      end.onFrame = (frame) => frames.push(frame);
      end.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
      workers.set(peer, { end, frames });
      return submitter;
    },
    onLost: (why) => assert.fail(why),
  });
  t.after(() => tree.close());
  const changesOf = (peer: string) =>
    (workers.get(peer)?.frames ?? [])
      .filter(({ type }) => type === 'TREE_CHANGES')
      .flatMap(({ payload }) => parseTreeChanges(payload).changes)
      // The directories above are told of, too, and others change these.
      .flatMap(({ directory, name }) => (directory === share ? name : []));
  for (const peer of ['a', 'b']) {
    await tree.worker(peer).opened;
    workers.get(peer)?.end.send('TREE_LOOK', look(share, 'f'));
    await until(
      () => workers.get(peer)?.frames.some(({ type }) => type === 'TREE_MANIFEST'),
      5_000,
      'it is told',
    );
  }
  writeFileSync(path.join(share, 'f'), 'new');
  await tree.barrier();
  assert.deepEqual([changesOf('a'), changesOf('b')], [[], []], 'nobody is offered anything yet');
  tree.prepare('a', job);
  // What is sent in this turn leaves before the offer does.
  await new Promise(setImmediate);
  assert.deepEqual([changesOf('a'), changesOf('b')], [['f'], []]);
  await until(() => changesOf('b').length > 0, 5_000, 'the other is told');
});
