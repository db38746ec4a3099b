/** What a worker may ask of this machine's files, and how much of it at once. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { WorkerTree } from '../../../../../src/peer/submit/served/worker-tree.ts';
import type { ChannelEnd } from '../../../../../src/swarm/libp2p/channel.ts';
import type { BarrierPart, TreeAnswer, TreeRequest } from '../../../../../src/tree/tree-server.ts';
import { parseTreeChanges, readId } from '../../../../../src/wire/tree-messages.ts';
import { encodeTreeOpened, type TreeOpen } from '../../../../../src/wire/tree-stream-messages.ts';
import { createChannelPair, type FakeChannel } from '../../../../rig/fake-channel.ts';

const open: TreeOpen = {
  tree: '1',
  generation: 3,
  uid: 0,
  gid: 0,
  groups: [],
  device: '7',
  hostName: 'm1',
  architecture: 'x64',
};

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length, 0]), Buffer.from(value)]);
}

function look(id: number, path: string, name: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(id);
  return Buffer.concat([head, text(path), text(name)]);
}

function read(id: number, path: string): Buffer {
  const head = Buffer.alloc(98);
  head.writeUInt32LE(id);
  head[12] = 1;
  return Buffer.concat([head, text(path)]);
}

/** Stands for swarmtree: keeps what it is asked until the test answers. */
class Asked {
  readonly requests: {
    type: TreeRequest;
    id: number;
    answer: (payload: Uint8Array, last?: boolean) => void;
  }[] = [];

  relay(
    type: TreeRequest,
    payload: Uint8Array,
    answer: (type: TreeAnswer, payload: Uint8Array, last: boolean) => void,
  ): void {
    const id = readId(type, payload);
    this.requests.push({ type, id, answer: (said, last = true) => answer('TREE_MANIFEST', said, last) });
  }
}

interface Scene {
  readonly tree: WorkerTree;
  readonly asked: Asked;
  readonly worker: FakeChannel;
  /** Frames that came to the worker. */
  readonly told: string[];
  /** Files whose content was asked for. */
  readonly given: string[];
  readonly ends: ChannelEnd[];
  readonly quiet: () => Promise<void>;
}

function begin(t: TestContext): Scene {
  const { submitter, worker } = createChannelPair({ submitter: 'me', worker: 'w' });
  const asked = new Asked();
  const told: string[] = [];
  const ends: ChannelEnd[] = [];
  worker.limit(1024 * 1024);
  worker.onFrame = ({ type }) => told.push(type);
  worker.onEnd = (why) => ends.push(why);
  const given: string[] = [];
  const tree = new WorkerTree({
    session: 1,
    channel: submitter,
    server: asked,
    open,
    onAsk: (ask) => {
      if (ask.kind === 'read') given.push(ask.path);
    },
    onOver: () => undefined,
  });
  t.after(() => tree.close());
  const quiet = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  };
  return { tree, asked, worker, told, given, ends, quiet };
}

test('requests are passed on, and each part of an answer comes back', async (t) => {
  const { tree, asked, worker, told, quiet } = begin(t);
  worker.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
  assert.deepEqual(await tree.opened, { kind: 'mounted' });
  worker.send('TREE_LOOK', look(9, '/a', 'b'));
  await quiet();
  assert.deepEqual(
    asked.requests.map(({ type, id }) => [type, id]),
    [['TREE_LOOK', 9]],
  );
  asked.requests[0]?.answer(Buffer.from('one'), false);
  asked.requests[0]?.answer(Buffer.from('two'));
  await quiet();
  assert.deepEqual(told, ['TREE_OPEN', 'TREE_MANIFEST', 'TREE_MANIFEST']);
});

function part(generation: number, names: readonly string[] = []): BarrierPart {
  const head = Buffer.alloc(17);
  head.writeBigUInt64LE(BigInt(generation), 4);
  head.writeUInt32LE(names.length, 13);
  const changes = names.map((name) =>
    Buffer.concat([Buffer.from([0]), text('/a'), Buffer.from([0]), text(name)]),
  );
  const payload = Buffer.concat([head, ...changes]);
  return { ...parseTreeChanges(payload), payload };
}

test('what changed is told as one before a job is offered, and before what is answered', async (t) => {
  // What is told soon by itself is another matter: a machine that is busy may take as long for one turn.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { tree, asked, worker, told, quiet } = begin(t);
  const changes: [generation: number, more: boolean][] = [];
  worker.onFrame = ({ type, payload }) => {
    told.push(type);
    if (type !== 'TREE_CHANGES') return;
    const { generation, more } = parseTreeChanges(payload);
    changes.push([generation, more]);
  };
  worker.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
  await tree.opened;
  told.length = 0;
  const first = part(4, ['x']);
  tree.tell([first]);
  tree.tell([part(5, ['y']), part(6)]);
  await quiet();
  assert.deepEqual(told, [], 'it can wait');
  tree.pay();
  await quiet();
  assert.deepEqual(changes, [
    [4, true],
    [5, true],
    [6, false],
  ]);
  assert.equal(parseTreeChanges(first.payload).more, false, 'other workers are told the same');
  told.length = 0;
  worker.send('TREE_LOOK', look(9, '/a', 'b'));
  await quiet();
  tree.tell([part(7)]);
  asked.requests[0]?.answer(Buffer.from('new'));
  tree.pay();
  await quiet();
  assert.deepEqual(told, ['TREE_CHANGES', 'TREE_MANIFEST']);
});

test('what changed is told soon by itself, and at once if it is much', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { tree, worker, told, quiet } = begin(t);
  worker.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
  await tree.opened;
  told.length = 0;
  tree.tell([part(4)]);
  await quiet();
  t.mock.timers.tick(49);
  await quiet();
  assert.deepEqual(told, []);
  t.mock.timers.tick(1);
  await quiet();
  assert.deepEqual(told, ['TREE_CHANGES']);
  tree.tell([
    part(
      5,
      Array.from({ length: 300 }, (_, n) => `${n}`.padEnd(250, 'x')),
    ),
  ]);
  await quiet();
  assert.deepEqual(told, ['TREE_CHANGES', 'TREE_CHANGES']);
});

test('what is told and paid in one turn leaves no timer to wake for', async (t) => {
  const { tree, worker, told, quiet } = begin(t);
  worker.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
  await tree.opened;
  told.length = 0;
  const timers = t.mock.method(globalThis, 'setTimeout');
  tree.tell([part(4)]);
  tree.pay();
  await quiet();
  assert.deepEqual([told, timers.mock.callCount()], [['TREE_CHANGES'], 0]);
  tree.tell([part(5)]);
  await quiet();
  assert.equal(timers.mock.callCount(), 1);
});

test('a request that would end swarmtree ends the stream instead, and is not passed on', async (t) => {
  const { tree, asked, worker, ends, quiet } = begin(t);
  worker.send('TREE_LOOK', look(9, '/a/../b', 'c'));
  await quiet();
  assert.deepEqual([asked.requests, tree.isOver, ends.length], [[], true, 1]);
  assert.equal((await tree.opened).kind, 'lost');
});

test('few requests are under way at once, and the others wait for their answers', async (t) => {
  const { asked, worker, quiet } = begin(t);
  for (let id = 1; id <= 40; id += 1) worker.send('TREE_LOOK', look(id, '/a', 'b'));
  await quiet();
  assert.equal(asked.requests.length, 32);
  // A part of an answer makes no room, its last part does.
  asked.requests[0]?.answer(Buffer.from('x'), false);
  assert.equal(asked.requests.length, 32);
  asked.requests[0]?.answer(Buffer.from('x'));
  assert.equal(asked.requests.length, 33);
});

test('a worker that does not take the answers is asked nothing for', async (t) => {
  const { asked, worker, quiet } = begin(t);
  worker.send('TREE_LOOK', look(1, '/a', 'b'));
  await quiet();
  worker.pause();
  asked.requests[0]?.answer(Buffer.alloc(300_000));
  worker.send('TREE_LOOK', look(2, '/a', 'b'));
  await quiet();
  assert.equal(asked.requests.length, 1);
  worker.resume();
  await quiet();
  assert.equal(asked.requests.length, 2);
});

test('a file counts as given once its content was asked for', async (t) => {
  const { given, worker, quiet } = begin(t);
  worker.send('TREE_READ', read(1, '/a/b'));
  worker.send('TREE_LOOK', look(2, '/a', 'c'));
  await quiet();
  assert.deepEqual(given, ['/a/b']);
});
