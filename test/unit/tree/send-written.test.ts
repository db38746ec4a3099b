/** What a job left on disk, as frames of its stream. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { sendWritten, type WrittenSink } from '../../../src/tree/send-written.ts';
import { readLeft } from '../../../src/tree/tree-job.ts';
import { reportOf } from '../../rig/job-report.ts';

/** Frames that were sent. */
class Sent implements WrittenSink {
  readonly frames: { readonly type: string; readonly text: string }[] = [];
  onDrain = (): void => undefined;

  send(type: 'WRITTEN' | 'BLOB', payload: Uint8Array): boolean {
    this.frames.push({ type, text: Buffer.from(payload).toString() });
    return true;
  }

  get contents(): string {
    return this.frames
      .slice(2)
      .map(({ text }) => text)
      .join('');
  }
}

/** @param put - what lies there in place of the last file. */
function scratchOf(t: TestContext, contents: readonly string[], put?: (place: string) => void): string {
  const scratch = mkdtempSync(path.join(tmpdir(), 'scratch-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  mkdirSync(path.join(scratch, '0/u'), { recursive: true });
  contents.forEach((content, index) => {
    const place = path.join(scratch, `0/u/f${index}`);
    if (put !== undefined && index === contents.length - 1) put(place);
    else writeFileSync(place, content);
  });
  const files = contents.map((content, index) => ({ kind: 'file', path: `/a/f${index}`, content }) as const);
  writeFileSync(path.join(scratch, 'report'), reportOf(files));
  return scratch;
}

async function send(scratch: string): Promise<Sent> {
  const sent = new Sent();
  await sendWritten(readLeft({ scratch, areas: ['/a'] }), sent, new AbortController().signal);
  return sent;
}

test('small and large files come whole, in the order of the report', async (t) => {
  const contents = ['', 'one', 'x'.repeat(65_536), 'y'.repeat(65_537), 'two', 'z'.repeat(300_000), 'three'];
  assert.equal((await send(scratchOf(t, contents))).contents, contents.join(''));
});

test('what a compile wrote is sent before anything else is done', async (t) => {
  const sent = new Sent();
  const scratch = scratchOf(t, ['object', 'dependencies']);
  const sending = sendWritten(readLeft({ scratch, areas: ['/a'] }), sent, new AbortController().signal);
  // Microtasks only: no thread and no event may come between.
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  assert.equal(sent.contents, 'objectdependencies');
  await sending;
});

test('many files do not hold up the event loop', async (t) => {
  const contents = Array.from({ length: 500 }, (_, index) => `${index},`);
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  assert.equal((await send(scratchOf(t, contents))).contents, contents.join(''));
  isOver = true;
  assert.ok(turns >= 10, `${turns} turns`);
});

for (const [what, put] of [
  ['a pipe', (place) => execFileSync('mkfifo', [place])],
  ['a link', (place) => symlinkSync('/etc/passwd', place)],
  ['a shorter file', (place) => writeFileSync(place, 'short')],
] as const satisfies readonly (readonly [string, (place: string) => void])[])
  for (const [size, text] of [
    ['small', 'a longer text'],
    ['large', 'x'.repeat(70_000)],
  ] as const)
    test(`${what} in place of a ${size} file that was told is neither waited for nor sent`, async (t) => {
      await assert.rejects(send(scratchOf(t, ['first', text], put)), /shorter|ELOOP/);
    });
