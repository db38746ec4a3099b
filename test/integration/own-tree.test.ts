/** What the submitter's end of a served tree tells its workers when, with a real swarmtree. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ReadProfiles } from '../../src/core/tree/read-profiles.ts';
import { OwnTree } from '../../src/peer/submit/served/own-tree.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { parseTreeChanges, readId } from '../../src/wire/tree-messages.ts';
import { encodeTreeOpened } from '../../src/wire/tree-stream-messages.ts';
import { checkout } from '../rig/child.ts';
import { createChannelPair, type FakeChannel } from '../rig/fake-channel.ts';
import { until } from '../rig/until.ts';

const job = { kind: 'compile', inputs: [], outputs: [] };
const nothing = { sources: [], unseen: [] };

/** TREE_LOOK: what is this name? */
function look(directory: string, name: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length, 0]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([1, 0, 0, 0]), text(directory), text(name)]);
}

interface Scene {
  readonly share: string;
  readonly tree: OwnTree;
  /** What came to a worker since this was asked last. */
  readonly took: (peer: string) => Frame[];
  readonly end: (peer: string) => FakeChannel;
}

/** A share with a file `f`, and workers that have looked at it. */
async function begin(t: TestContext, peers: readonly string[]): Promise<Scene> {
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
      end.limit(2 * 1024 * 1024);
      end.onFrame = (frame) => frames.push(frame);
      end.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
      workers.set(peer, { end, frames });
      return submitter;
    },
    onLost: (why) => assert.fail(why),
  });
  t.after(() => tree.close());
  for (const peer of peers) {
    await tree.worker(peer).opened;
    workers.get(peer)?.end.send('TREE_LOOK', look(share, 'f'));
    await until(
      () => workers.get(peer)?.frames.some(({ type }) => type === 'TREE_MANIFEST'),
      5_000,
      'it is told',
    );
    workers.get(peer)?.frames.splice(0);
  }
  return {
    share,
    tree,
    took: (peer) => workers.get(peer)?.frames.splice(0) ?? [],
    end: (peer) => workers.get(peer)?.end ?? assert.fail(peer),
  };
}

test('a worker has been told what changed when it is offered a job, and the others soon', async (t) => {
  const { share, tree, took } = await begin(t, ['a', 'b']);
  const changesOf = (peer: string) =>
    took(peer)
      .filter(({ type }) => type === 'TREE_CHANGES')
      .flatMap(({ payload }) => parseTreeChanges(payload).changes)
      // The directories above are told of, too, and others change these.
      .flatMap(({ directory, name }) => (directory === share ? name : []));
  const told = { a: [] as string[], b: [] as string[] };
  const take = (): void => {
    for (const peer of ['a', 'b'] as const) told[peer].push(...changesOf(peer));
  };
  writeFileSync(path.join(share, 'f'), 'new');
  const beganMs = performance.now();
  // After that all are told, and a busy machine may need as long to get here.
  const isBefore = (): boolean => performance.now() - beganMs < 50;
  await tree.barrier();
  take();
  if (isBefore()) assert.deepEqual(told, { a: [], b: [] }, 'nobody is offered anything yet');
  await tree.prepare('a', job, nothing);
  // What is sent in this turn leaves before the offer does.
  await new Promise(setImmediate);
  take();
  if (isBefore()) assert.deepEqual(told.b, []);
  assert.deepEqual(told.a, ['f']);
  const isTold = (): boolean => {
    take();
    return told.b.includes('f');
  };
  await until(isTold, 5_000, 'the other is told');
});

/** What the worker got with an offer of a compile of this file, besides changes. */
async function offered({ tree, took }: Scene, peer: string, source: string): Promise<string[]> {
  const { generation } = await tree.prepare(
    peer,
    { kind: 'compile', inputs: [source], outputs: [] },
    { sources: [source], unseen: [source] },
  );
  await new Promise(setImmediate);
  assert.ok(generation > 0);
  const frames = took(peer);
  // When this file was last told of. The directories above are told of, too, and others change these.
  const changedAt = Math.max(
    0,
    ...frames
      .filter(({ type }) => type === 'TREE_CHANGES')
      .map(({ payload }) => parseTreeChanges(payload))
      .filter(({ changes }) => changes.some((change) => path.join(change.directory, change.name) === source))
      .map((told) => told.generation),
  );
  return frames.flatMap(({ type, payload }) => {
    if (type === 'TREE_CHANGES') return [];
    if (type !== 'TREE_CONTENT') return type;
    // An older one would be dropped, as what the changes tell is newer.
    assert.ok(Buffer.from(payload).readBigUInt64LE(4) >= changedAt, `${changedAt}`);
    return `${readId(type, payload)} ${textOf(payload)}`;
  });
}

/** What follows a path of these files in a content. */
function textOf(payload: Uint8Array): string {
  return /\/u\d?\.c([^]*)$/.exec(Buffer.from(payload).toString('latin1'))?.[1] ?? '';
}

test('a source that is new or edited is sent with the offer, and counts as read', async (t) => {
  const scene = await begin(t, ['a', 'b']);
  const { share, tree } = scene;
  const source = path.join(share, 'u.c');
  writeFileSync(source, 'int x;');
  assert.deepEqual(await offered(scene, 'a', source), ['0 int x;']);
  assert.deepEqual(await offered(scene, 'a', source), [], 'it has it');
  assert.deepEqual(await offered(scene, 'b', source), ['0 int x;'], 'another has not');
  writeFileSync(source, 'int y;');
  assert.deepEqual(await offered(scene, 'a', source), ['0 int y;']);
  assert.deepEqual(await offered(scene, 'b', source), ['0 int y;']);
  const { session } = tree.worker('b');
  scene.end('b').close();
  await until(() => tree.worker('b').session > session, 5_000, 'its stream is opened anew');
  await tree.worker('b').opened;
  assert.deepEqual(await offered(scene, 'b', source), ['TREE_OPEN', '0 int y;'], 'it has nothing any more');
  const { generation } = await tree.prepare('a', job, nothing);
  const ended = { session: tree.worker('a').session, generation, isOwn: () => false };
  assert.equal(tree.judge(ended).kind, 'kept');
  writeFileSync(source, 'int z;');
  await tree.barrier();
  assert.equal(tree.judge(ended).kind, 'changed');
});

test('what is long, or nothing, is asked for by the worker, and what can be no path by nobody', async (t) => {
  const scene = await begin(t, ['a']);
  const { share, end, took } = scene;
  const source = path.join(share, 'u.c');
  writeFileSync(source, Buffer.alloc(64 * 1024 + 1, ' '));
  assert.deepEqual(await offered(scene, 'a', source), ['TREE_AHEAD']);
  assert.deepEqual(await offered(scene, 'a', path.join(share, 'u1.c')), ['TREE_AHEAD']);
  for (const name of ['/', path.join(share, 'x'.repeat(300)), path.join(share, 'x/'.repeat(3_000), 'u.c')])
    assert.deepEqual(await offered(scene, 'a', name), [], name.slice(0, 80));
  // With what is looked up beside it, a name is too long.
  const long = path.join(share, `${'u'.repeat(250)}.c`);
  await offered(scene, 'a', path.join(share, 'u2.c'));
  end('a').send('TREE_LOOK', look(share, 'u2.c.gch'));
  await until(() => took('a').length > 0, 5_000, 'it is told');
  writeFileSync(long, 'long');
  assert.deepEqual(
    (await offered(scene, 'a', long)).map((what) => what.split(' ')[0]),
    ['0'],
  );
  writeFileSync(path.join(share, 'f'), 'still there');
  await scene.tree.barrier();
});

test('of what is no file, directory or want of both it is told that it is to be looked at', async (t) => {
  const { share, tree } = await begin(t, ['a']);
  const at = (name: string): string => path.join(share, name);
  mkdirSync(at('directory/deep'), { recursive: true });
  symlinkSync('f', at('link'));
  execFileSync('mkfifo', [at('fifo'), at('directory/deep/fifo')]);
  const isOrdinary = async (...names: readonly string[]): Promise<boolean> =>
    (await tree.prepare('a', job, { sources: [], unseen: names.map(at) })).isOrdinary;
  assert.equal(await isOrdinary('f', 'directory', 'none', 'none/deeper', 'f/below'), true);
  for (const odd of ['link', 'fifo', 'directory/deep/fifo']) {
    assert.equal(await isOrdinary(odd), false, odd);
    assert.equal(await isOrdinary('f', odd, 'none'), false, odd);
  }
  // Of a directory that a worker has looked into what is in it is known by events.
  unlinkSync(at('f'));
  execFileSync('mkfifo', [at('f')]);
  assert.equal(await isOrdinary('f'), false);
  assert.equal(await isOrdinary('x'.repeat(256)), false, 'what cannot be looked at');
});
