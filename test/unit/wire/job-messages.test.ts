import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../src/core/fact.ts';
import { encodeFrame, FrameError } from '../../../src/wire/frame.ts';
import { fittingSeen, packSeen, parseResult } from '../../../src/wire/job-messages.ts';
import { report } from '../core/schedule/report.ts';

function resultWith(outputs: readonly unknown[]): Buffer {
  const ending = { kind: 'exited', status: 0 };
  const result = { kind: 'ended', ending, maxRssBytes: 1, userMs: 1, systemMs: 1, wallMs: 1 };
  return Buffer.from(JSON.stringify({ ...result, report: report('a'), outputs }));
}

test('facts of all kinds come through as they were, links with what they lead to', () => {
  const file: Fact = { kind: 'file', inode: '7', sizeBytes: 3, mtimeNs: '12', ctimeNs: '13' };
  const outputs = [
    { path: '/s/file', fact: file },
    { path: '/s/link', fact: { ...file, kind: 'link' as const, inode: '8>a\n>b\u00e9>9' } },
    { path: '/s/nowhere', fact: { ...file, kind: 'link' as const, inode: '8>x', sizeBytes: -1 } },
    { path: '/s/absent', fact: absent },
  ];
  const parsed = parseResult(resultWith(packSeen(outputs)));
  assert.ok(parsed.kind === 'ended');
  assert.deepEqual(parsed.outputs, outputs);
});

test('what is no fact is no result', () => {
  for (const inode of ['', 'x', '>x', '-1', `1>${'x'.repeat(5_000)}`, '1>\u0100'])
    assert.throws(() => parseResult(resultWith([['/s/f', ['l', inode, 0, '1', '1']]])), FrameError, inode);
  assert.throws(() => parseResult(resultWith([['/s/f', ['f', '1', -2, '1', '1']]])), FrameError);
});

test('of a long list of stale files as many are told as fit into a refusal', () => {
  for (const name of ['a', 'x'.repeat(120), '\x01\xff'.repeat(1_000)]) {
    const all = Array.from({ length: 20_000 }, (_, n) => ({ path: `/s/${name}${n}`, fact: absent }));
    const fitting = fittingSeen(all);
    assert.ok(fitting.length > 0 && fitting.length < all.length);
    const text = JSON.stringify({ code: 'stale-view', stale: packSeen(fitting) });
    encodeFrame('REFUSED', Buffer.from(text, 'utf8'));
    const few = all.slice(0, 2);
    assert.equal(fittingSeen(few), few);
  }
});
