import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { HeldFile } from '../../../src/machine/held-file.ts';

/** How often a file is open here; other tests of this process open others. */
function openTimes(file: string): number {
  const opened = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // that of the list itself, or it was just closed
    }
  });
  return opened.filter((each) => each === file).length;
}

test('a file that is held is read as it is now, whatever its length', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'held-'));
  try {
    const file = path.join(directory, 'file');
    const held = new HeldFile(file);
    assert.throws(() => held.read(), { code: 'ENOENT' });
    for (const text of ['', 'some', 'less', `${'more\n'.repeat(30_000)}end`, 'x'.repeat(16_384), 'short']) {
      writeFileSync(file, text);
      assert.equal(held.read(), text);
    }
    assert.equal(openTimes(file), 1);
    held.close();
    held.close();
    assert.equal(openTimes(file), 0);
    assert.equal(held.read(), 'short', 'opened anew');
    held.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what the kernel tells is told anew', () => {
  const held = new HeldFile('/proc/self/stat');
  const ownMs = (text: string): number => Number(text.split(' ')[13]);
  const first = held.read();
  const deadlineMs = performance.now() + 10_000;
  let now = first;
  while (ownMs(now) === ownMs(first) && performance.now() < deadlineMs) now = held.read();
  assert.ok(ownMs(now) > ownMs(first));
  assert.equal(now.split(' ')[0], readFileSync('/proc/self/stat', 'latin1').split(' ')[0]);
  held.close();
});

test('a file that cannot be read any more is opened anew', () => {
  const held = new HeldFile('/proc/self/mem');
  for (let times = 0; times < 2; times += 1) {
    assert.throws(() => held.read(), { code: 'EIO' });
    assert.equal(openTimes(`/proc/${process.pid}/mem`), 0, 'and none stays');
  }
});
