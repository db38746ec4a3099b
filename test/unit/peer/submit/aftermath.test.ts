/** What is looked at again when a worker is back that had been given up. */
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Aftermath } from '../../../../src/peer/submit/aftermath.ts';
import { Disk } from '../../../../src/share/disk.ts';
import { until } from '../../../rig/until.ts';

test('a file that a late writer writes over is seen, and told of to all workers', async () => {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'aftermath-')));
  const disk = new Disk({ maxThreads: 1 });
  try {
    const out = path.join(root, 'out');
    writeFileSync(out, 'new\n');
    const looks: (() => void)[] = [];
    const removed: string[] = [];
    let lookedHidden = 0;
    const changed: string[] = [];
    const aftermath = new Aftermath({
      disk,
      removeHidden: (hidden) => {
        removed.push(...hidden);
        lookedHidden += 1;
        return Promise.resolve();
      },
      onChanged: (_root, seen) => changed.push(seen.path),
      log: () => undefined,
      startTimer: (_afterMs, action) => {
        looks.push(action);
        return () => undefined;
      },
    });
    aftermath.giveUp('w', root, ['/x/.buildswarm-t-a.o'], [out]);
    aftermath.back('other');
    assert.equal(looks.length, 0);
    aftermath.back('w');
    assert.equal(looks.length, 3);
    await until(() => lookedHidden === 1, 5_000, 'the first look');
    await turn();
    // A look is over when the next one, in the only thread, is.
    const oneMore = () => disk.run('lookAll', { paths: [out], fresh: true });
    await oneMore();
    looks[0]?.();
    await turn();
    await oneMore();
    assert.deepEqual(changed, []);
    writeFileSync(out, 'the old result\n');
    looks[1]?.();
    await until(() => changed.length === 1, 5_000, 'it is seen to have changed');
    assert.deepEqual(changed, [out]);
    assert.ok(removed.includes('/x/.buildswarm-t-a.o'));
    aftermath.back('w');
    assert.equal(looks.length, 3, 'once is enough');
  } finally {
    await disk.close();
    rmSync(root, { recursive: true, force: true });
  }
});
