import assert from 'node:assert/strict';
import { lstatSync, lutimesSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { secondsOf } from '../../../src/share/blocking/file-time.ts';

test('a file becomes no newer than it is said to be, and hardly older', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'file-time-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'file');
  writeFileSync(file, '');
  for (let n = 0n; n < 500n; n += 1n) {
    const timeNs = 1_796_102_106_000_000_000n + n * 7_000_001_237n;
    const seconds = secondsOf(timeNs);
    // What newer versions of Node set; older ones set microseconds.
    const whole = Math.trunc(seconds);
    assert.ok(
      BigInt(whole) * 1_000_000_000n + BigInt(Math.trunc((seconds - whole) * 1e9)) <= timeNs,
      `${timeNs}`,
    );
    lutimesSync(file, 1, String(seconds));
    const early = timeNs - lstatSync(file, { bigint: true }).mtimeNs;
    assert.ok(early >= 0n && early < 2000n, `${early} ns early at ${timeNs}`);
  }
});
