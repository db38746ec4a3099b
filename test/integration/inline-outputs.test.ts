/** What commands wrote that ran here is told to opaque commands elsewhere. */
import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCommand } from '../../src/core/command/read-command.ts';
import { viewRules } from '../../src/core/view/rules.ts';
import { InlineOutputs } from '../../src/peer/submit/inline-outputs.ts';
import type { Submission } from '../../src/peer/submit/submission.ts';
import { Tracking } from '../../src/peer/submit/tracking.ts';
import { until } from '../rig/until.ts';
import { sharedRig } from './share-rig.ts';

const now = (): number => performance.now();

/** What a worker is told after a command has run here that writes `names` in the directory `sub`. */
async function toldAfter(line: string, names: readonly string[], { unslotted = false, isBusy = false } = {}) {
  await using rig = await sharedRig();
  const { disk, root } = rig;
  const tracking = new Tracking({
    disk,
    now,
    rules: viewRules,
    watchProgram: undefined,
    log: () => undefined,
  });
  const outputs = new InlineOutputs({ disk, tracking, now });
  const cwd = join(root, 'sub');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'old'), '');
  const age = (): number => {
    writeFileSync(join(root, 'clock'), String(now()));
    return statSync(join(root, 'clock')).ctimeMs - statSync(join(cwd, 'old')).ctimeMs;
  };
  // A look at the clock that is held up tells it less well than that.
  const oldMs = isBusy ? 1_000 : 50;
  await until(() => Promise.resolve(age() > oldMs), 5_000, 'a file is older than the command');
  const handedInMs = now();
  const { reading } = readCommand({ argv: line.split(' '), cwd, env: new Map() }, new Map());
  for (const each of names) writeFileSync(join(cwd, each), 'new');
  const request = { argv: line.split(' '), job: { cwd } };
  const many = Array.from({ length: 5_000 }, (_, n) => join(root, `${n}`));
  const looks = Array.from({ length: isBusy ? 24 : 0 }, () =>
    disk.run('lookAll', { paths: many, fresh: false }),
  );
  outputs.note({ reading, request, handedInMs, share: root, demand: { unslotted } } as unknown as Submission);
  await Promise.all([outputs.settled(), ...looks]);
  const { directories } = tracking.share(root).written;
  const { files, below } = tracking.share(root).written.newFor('w');
  return [directories, files, below].map((paths) => paths.map((path) => path.slice(root.length)).toSorted());
}

test('an opaque command that ran here has changed what is seen to have changed', async () => {
  assert.deepEqual(await toldAfter('sh generate', ['made.h']), [['/sub'], ['/sub/made.h'], []]);
});

test('that the clock of the share is seen late makes nothing older than the command', async () => {
  const told = await toldAfter('sh generate', ['made.h'], { isBusy: true });
  assert.deepEqual(told, [['/sub'], ['/sub/made.h'], []]);
});

test('a command that is understood has written what it names', async () => {
  assert.deepEqual(await toldAfter('gcc a.o -o program', ['program']), [['/sub'], ['/sub/program'], []]);
  assert.deepEqual(await toldAfter('gcc a.o -o program', ['other']), [[], [], []]);
});

test('what only asks has written nothing', async () => {
  assert.deepEqual(await toldAfter('sh conftest', ['made.h'], { unslotted: true }), [[], [], []]);
});

test('after an opaque command that changed more than is told anything may have changed there', async () => {
  const names = Array.from({ length: 4_001 }, (_, n) => `${n}`);
  const [directories, files, below] = await toldAfter('sh other/generate', names);
  assert.deepEqual([directories, files?.length, below], [['/sub'], 2_048, ['/sub', '/sub/other']]);
});
