/** Words of a worker that would end swarmtree must not reach it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeAsk } from '../../../src/core/tree/contract.ts';
import { FrameError, frameLimits } from '../../../src/wire/frame.ts';
import { encodeTreeAhead } from '../../../src/wire/tree-messages.ts';
import { parseTreeRequest } from '../../../src/wire/tree-stream-messages.ts';

function text(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(value.length);
  return Buffer.concat([length, Buffer.from(value, 'latin1')]);
}

const id = Buffer.from([7, 0, 0, 0]);
const list = (path: string, name: string, mode = 0): Buffer =>
  Buffer.concat([id, Buffer.from([mode]), text(path), text(name)]);
const look = (path: string, name: string): Buffer => Buffer.concat([id, text(path), text(name)]);

function read(path: string, { lengthBytes = 1, expected = 0, candidates = 0, end = '' } = {}): Buffer {
  const head = Buffer.alloc(4 + 8 + 4 + 1 + 80 + 1 + 32 * candidates);
  id.copy(head);
  head.writeUInt32LE(lengthBytes, 12);
  head[16] = expected;
  head[97] = candidates;
  return Buffer.concat([head, text(path), Buffer.from(end)]);
}

test('requests that swarmtree takes are passed on with what they ask for', () => {
  const asked = (type: 'TREE_LIST' | 'TREE_LOOK' | 'TREE_READ', payload: Buffer): TreeAsk => {
    const { id: number, ask } = parseTreeRequest(type, payload);
    assert.equal(number, 7);
    return ask;
  };
  assert.deepEqual(asked('TREE_LIST', list('', '')), { kind: 'list', path: '' });
  assert.deepEqual(asked('TREE_LIST', list('', 'usr')), { kind: 'name', path: '/usr' });
  assert.deepEqual(asked('TREE_LIST', list('/a/b..', '.x', 1)), { kind: 'list', path: '/a/b..' });
  assert.deepEqual(asked('TREE_LOOK', look('/a', 'b\u00ff')), { kind: 'name', path: '/a/b\u00ff' });
  const whole = { lengthBytes: 1024 * 1024, expected: 1, candidates: 4 };
  const first = { kind: 'read', path: '/a/b', piece: 0, sizeBytes: 1024 * 1024 };
  assert.deepEqual(asked('TREE_READ', read('/a/b', whole)), first);
  const third = read('/a/b', { lengthBytes: 9 });
  third.writeBigUInt64LE(BigInt(2 * 256 * 1024), 4);
  assert.deepEqual(asked('TREE_READ', third), { kind: 'read', path: '/a/b', piece: 2, sizeBytes: 9 });
});

test('what will be asked for is told with the pieces of a file as one, in messages that are not too long', () => {
  const piece = (path: string, number: number): TreeAsk => ({
    kind: 'read',
    path,
    piece: number,
    sizeBytes: 1,
  });
  const asks: TreeAsk[] = [
    { kind: 'name', path: '/a' },
    piece('/b', 1),
    piece('/b', 2),
    piece('/b', 4),
    piece('/c', 5),
    { kind: 'list', path: '' },
  ];
  const runs = (path: string, first: number, last: number): Buffer =>
    Buffer.concat([Buffer.of(2), text(path), Buffer.of(first, 0, 0, 0, last, 0, 0, 0)]);
  const told = [
    Buffer.of(0),
    text('/a'),
    runs('/b', 1, 2),
    runs('/b', 4, 4),
    runs('/c', 5, 5),
    Buffer.of(1, 0, 0),
  ];
  assert.deepEqual(encodeTreeAhead(asks), [Buffer.concat(told)]);
  assert.deepEqual(encodeTreeAhead([]), []);
  const many = Array.from(
    { length: 3_000 },
    (_, n): TreeAsk => ({ kind: 'name', path: `/${n}${'/x'.repeat(100)}` }),
  );
  const payloads = encodeTreeAhead(many);
  assert.equal(
    Buffer.concat(payloads).length,
    many.reduce((sum, { path }) => sum + 3 + path.length, 0),
  );
  assert.ok(payloads.length > 1);
  for (const { length } of payloads) assert.ok(length < frameLimits.TREE_AHEAD, String(length));
});

test('requests that would end swarmtree are refused', () => {
  const paths = [
    'a',
    '/',
    '/a/',
    '//a',
    '/..',
    '/a/../b',
    '/.',
    '/a\0b',
    `/${'x'.repeat(256)}`,
    '/x'.repeat(2_048),
  ];
  const names = ['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256)];
  const bad: ['TREE_LIST' | 'TREE_LOOK' | 'TREE_READ', Buffer][] = [
    ...paths.flatMap((path): typeof bad => [
      ['TREE_LIST', list(path, 'x')],
      ['TREE_LOOK', look(path, 'x')],
      ['TREE_READ', read(path)],
    ]),
    ...names.map((name): (typeof bad)[0] => ['TREE_LOOK', look('/a', name)]),
    ...names.slice(1).map((name): (typeof bad)[0] => ['TREE_LIST', list('/a', name)]),
    ['TREE_LIST', list('/a', '', 2)],
    ['TREE_READ', read('/a', { lengthBytes: 1024 * 1024 + 1 })],
    ['TREE_READ', read('/a', { expected: 2 })],
    ['TREE_READ', read('/a', { candidates: 5 })],
    ['TREE_READ', read('/a', { end: 'x' })],
    ['TREE_LOOK', id],
  ];
  for (const [type, payload] of bad)
    assert.throws(() => parseTreeRequest(type, payload), FrameError, `${type} ${payload.toString('latin1')}`);
});
