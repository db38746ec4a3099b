/** What swarmfs keeps on disk of others' files: however many packs starts have left there, and whatever else lies beside them. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { compilePrograms, type Programs } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
let programs: Programs;
let share: string;

before(() => {
  programs = compilePrograms('sanitized');
  share = mkdtempSync(path.join(tmpdir(), 'tree-packs-'));
});
after(() => {
  programs.remove();
  rmSync(share, { recursive: true, force: true });
});

test('more packs than there are descriptors, and what belongs to none, leave room for what is read now', {
  skip,
}, async () => {
  const few = path.join(share, 'few-descriptors');
  writeFileSync(few, `#!/bin/sh\nulimit -n 128\nexec ${programs.swarmfs}\n`, { mode: 0o755 });
  await using lab = await TreeLab.start({
    programs,
    shares: [share],
    mount: { program: few, useOwnFiles: false },
  });
  const cache = path.join(lab.directory, 'tree/cache');
  const close = async (): Promise<void> => {
    await lab.pool.close();
    await lab.mount.close();
  };
  await close();
  mkdirSync(cache, { recursive: true });
  for (let number = 1; number <= 300; number += 1)
    for (const kind of ['pack', 'index']) writeFileSync(path.join(cache, `${number}.${kind}`), 'x');
  writeFileSync(path.join(cache, '999.index'), 'torn');
  writeFileSync(path.join(cache, '400.pack'), '');
  truncateSync(path.join(cache, '400.pack'), 1 << 30);

  const content = 'kept '.repeat(4_000);
  writeFileSync(path.join(share, 'f'), content);
  const read = async (): Promise<Readonly<Record<string, number>>> => {
    await lab.startMount();
    assert.equal((await lab.sh(`cat ${share}/f`)).stdout, content);
    return await lab.mount.figures();
  };
  const stored = (): boolean =>
    readdirSync(cache).some(
      (name) => /^[3-9]\d\d\.pack$/.test(name) && name !== '300.pack' && name !== '400.pack',
    );
  await read();
  await until(stored, 10_000, 'it has begun a pack');
  const packs = readdirSync(cache).filter((name) => name.endsWith('.pack'));
  assert.ok(packs.length <= 65, `${packs.length} packs`);
  assert.ok(!existsSync(path.join(cache, '999.index')), 'an index without a pack');
  assert.ok(!existsSync(path.join(cache, '400.pack')), 'a pack that nobody has written');
  await until(
    async () => {
      await close();
      const { cacheHits = 0, fetchedBytes = 0 } = await read();
      return cacheHits > 0 && fetchedBytes === 0;
    },
    20_000,
    'it is read from the disk',
  );
});
