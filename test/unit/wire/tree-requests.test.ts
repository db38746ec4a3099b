/** Words of a worker that would end swarmtree must not reach it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameError } from '../../../src/wire/frame.ts';
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

test('requests that swarmtree takes are passed on with their path', () => {
  assert.deepEqual(parseTreeRequest('TREE_LIST', list('', '')), { id: 7, path: '' });
  assert.deepEqual(parseTreeRequest('TREE_LIST', list('/a/b..', '.x', 1)), { id: 7, path: '/a/b..' });
  assert.deepEqual(parseTreeRequest('TREE_LOOK', look('/a', 'b\u00ff')), { id: 7, path: '/a' });
  const whole = { lengthBytes: 1024 * 1024, expected: 1, candidates: 4 };
  assert.deepEqual(parseTreeRequest('TREE_READ', read('/a/b', whole)), { id: 7, path: '/a/b' });
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
