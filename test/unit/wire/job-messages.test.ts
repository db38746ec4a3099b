import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../src/core/fact.ts';
import { encodeFrame, FrameError } from '../../../src/wire/frame.ts';
import { fitting, packSeen, packTool, parseRefused, parseResult } from '../../../src/wire/job-messages.ts';
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
    const some = fitting(all);
    assert.ok(some.length > 0 && some.length < all.length);
    const text = JSON.stringify({ code: 'stale-view', stale: packSeen(some) });
    encodeFrame('REFUSED', Buffer.from(text, 'utf8'));
    const few = all.slice(0, 2);
    assert.equal(fitting(few), few);
  }
});

test('a tool of many parts is told with as many as fit into a refusal', () => {
  const identity = `build-id:${'f'.repeat(64)}`;
  for (const name of ['/usr/lib/x', '\x01\xff'.repeat(2_000)]) {
    const parts = Array.from({ length: 900 }, (_, n) => ({ path: `${name}${n}`, identity }));
    const tool = { name, description: '\u{1f600}'.repeat(900), parts };
    const refused = { code: 'toolchain', detail: '\x01'.repeat(1_000), tool: packTool(tool) };
    const payload = Buffer.from(JSON.stringify(refused), 'utf8');
    encodeFrame('REFUSED', payload);
    const parsed = parseRefused(payload).tool;
    assert.equal(parsed?.name, name);
    assert.ok(parsed.parts.length > 0);
    assert.deepEqual(parsed.parts, parts.slice(0, parsed.parts.length));
  }
});
