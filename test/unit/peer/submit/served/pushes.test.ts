/** What is read so that it can be sent along with an offer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pushes } from '../../../../../src/peer/submit/served/pushes.ts';
import type { TreeAnswer, TreeRequest } from '../../../../../src/tree/tree-server.ts';

interface Asked {
  readonly path: string;
  readonly sizeBytes: number;
  readonly candidates: number;
  readonly answer: (type: TreeAnswer, payload: Uint8Array) => void;
}

/** Stands for swarmtree: keeps what it is asked. */
function begin(): { readonly pushes: Pushes; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const relay = (
    type: TreeRequest,
    payload: Uint8Array,
    answer: (type: TreeAnswer, payload: Uint8Array, last: boolean) => void,
  ): void => {
    assert.equal(type, 'TREE_READ');
    const bytes = Buffer.from(payload);
    const candidates = bytes[97] ?? 0;
    const path = bytes.toString('latin1', 98 + 32 * candidates + 2);
    asked.push({
      path,
      sizeBytes: bytes.readUInt32LE(12),
      candidates,
      answer: (kind, said) => answer(kind, said, true),
    });
  };
  return { pushes: new Pushes({ relay }), asked };
}

/** TREE_CONTENT of a file of that size. */
function content(bytes: string, { sizeBytes = bytes.length, flags = 0, offset = 0 } = {}): Buffer {
  const head = Buffer.alloc(138);
  head[12] = flags;
  head.writeBigUInt64LE(BigInt(sizeBytes), 18 + 16);
  head.writeBigUInt64LE(BigInt(offset), 98);
  head.fill('h', 106);
  return Buffer.concat([head, Buffer.from([2, 0]), Buffer.from('/u'), Buffer.from(bytes)]);
}

test('what is whole is sent, and read again only if it is another', () => {
  const { pushes, asked } = begin();
  const first = pushes.read(['/u']);
  assert.equal(first.size, 0, 'nothing has come');
  const whole = content('int x;');
  asked[0]?.answer('TREE_CONTENT', whole);
  assert.deepEqual([...first], [['/u', whole]]);
  const again = pushes.read(['/u']);
  asked[1]?.answer('TREE_CONTENT', content('', { sizeBytes: 6, flags: 1 }));
  assert.equal(again.size, 0);
  assert.deepEqual(
    asked.map(({ path, candidates }) => `${path} ${candidates}`),
    ['/u 0', '/u 1'],
  );
});

test('of what is longer a part comes once', () => {
  const { pushes, asked } = begin();
  const read = pushes.read(['/u']);
  const { sizeBytes = 0 } = asked[0] ?? {};
  asked[0]?.answer('TREE_CONTENT', content('x'.repeat(sizeBytes), { sizeBytes: sizeBytes + 1 }));
  pushes.read(['/u']);
  assert.deepEqual([read.size, asked.length], [0, 1]);
});

for (const [what, flags] of [
  ['is another by now', 4],
  ['cannot be read', 8],
  ['may not be served', 16],
] as const)
  test(`what ${what} is not sent, and read again`, () => {
    const { pushes, asked } = begin();
    const read = pushes.read(['/u']);
    asked[0]?.answer('TREE_CONTENT', content('', { flags }));
    pushes.read(['/u']);
    assert.deepEqual([read.size, asked.map(({ candidates }) => candidates)], [0, [0, 0]]);
  });

test('of many sources the first are read, and none that can be no path', () => {
  const { pushes, asked } = begin();
  pushes.read(['/', `/${'x'.repeat(256)}`, '/a', '/b', '/c', '/d', '/e']);
  assert.deepEqual(
    asked.map(({ path }) => path),
    ['/a', '/b'],
  );
});
