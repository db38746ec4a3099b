import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Sameness, SystemCheck } from '../../../src/machine/sameness.ts';

test('a job that adds nothing waits for the comparison of what another one of that worker has added', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sameness-'));
  try {
    const sameness = new Sameness();
    const files = Array.from({ length: 200 }, (_, n) => path.join(directory, `${n}.h`));
    for (const file of files) writeFileSync(file, file);
    const added = await Promise.all(
      files.map(async (file, number) => ({
        number,
        path: file,
        identity: number === 199 ? 'another' : await sameness.identity(file),
      })),
    );
    const check = new SystemCheck();
    const first = check.take(added, sameness, 0);
    assert.equal(await check.take([], sameness, 1), files[199], 'at the first contact');
    assert.equal(await first, files[199]);
    const again = [check.take([], sameness, 60_000), check.take([], sameness, 60_000)];
    assert.deepEqual(await Promise.all(again), [files[199], files[199]], 'when all is compared again');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
