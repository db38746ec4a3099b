/** What has changed since the last job is told with what it is now: the next one asks for nothing. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';

const skip = treeObstacle() ?? false;
const look = `cd d && stat -c '%n %F %s %y %z %h %a' . * sub/* && stat -c %i changed kept replaced && readlink link && ls -a . sub; stat removed gone/x sub/none .hidden 2>&1 | grep -c 'No such file'`;
let share: string;
const at = (name: string): string => path.join(share, 'd', name);
const here = (): string => execFileSync('sh', ['-c', look], { cwd: share, encoding: 'utf8' });

function make(): void {
  share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-told-')));
  for (const name of ['sub', 'gone']) mkdirSync(at(name), { recursive: true });
  for (const name of ['kept', 'changed', 'removed', 'renamed', 'was-file', 'replaced', 'gone/x', 'sub/f'])
    writeFileSync(at(name), name);
  symlinkSync('kept', at('link'));
}
beforeEach(make);
const clear = (): void => rmSync(share, { recursive: true, force: true });
afterEach(clear);

/** Others make files in /tmp meanwhile, and then more is asked for: the least of some tries, each with files of its own. */
async function leastAsked(ask: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 8 && least > 0; tries += 1) {
    clear();
    make();
    least = Math.min(least, await ask());
  }
  return least;
}

function changeAll(): void {
  writeFileSync(at('changed'), 'changed and longer');
  rmSync(at('removed'));
  renameSync(at('renamed'), at('as'));
  rmSync(at('was-file'));
  mkdirSync(at('was-file'));
  writeFileSync(at('.hidden'), 'another');
  renameSync(at('.hidden'), at('replaced'));
  rmSync(at('gone'), { recursive: true });
  rmSync(at('link'));
  symlinkSync('changed', at('link'));
  chmodSync(at('kept'), 0o600);
  linkSync(at('kept'), at('other-name'));
  writeFileSync(at('sub/made'), '');
  utimesSync(at('sub/f'), 1, 2);
}

async function askedAfterChanges(): Promise<number> {
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  assert.equal((await lab.sh(look)).stdout, here());
  changeAll();
  const { requests } = lab.traffic;
  const { stdout, faults } = await lab.sh(look);
  assert.deepEqual([stdout, faults], [here(), []]);
  // And what is told of so is told again when it changes again.
  rmSync(at('as'));
  writeFileSync(at('removed'), 'is back');
  writeFileSync(at('replaced'), 'once more');
  const third = await lab.sh(look);
  assert.deepEqual([third.stdout, third.faults], [here(), []]);
  const asked = lab.traffic.requests - requests;
  const read = await lab.sh('cd d; cat removed replaced changed link');
  assert.deepEqual([read.stdout, read.faults], ['is backonce morechanged and longerchanged and longer', []]);
  return asked;
}

test('names, attributes, links and what is gone are known without a question', { skip }, async () => {
  assert.equal(await leastAsked(askedAfterChanges), 0);
});

async function askedAfterRounds(): Promise<number> {
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  await lab.sh(look);
  const { requests } = lab.traffic;
  const { nodes = 0 } = await lab.mount.figures();
  for (let round = 0; round < 40; round += 1) {
    for (let n = 0; n < 20; n += 1) writeFileSync(at(`.made-${round}-${n}`), '');
    for (let n = 0; n < 20; n += 1) rmSync(at(`.made-${round}-${n}`));
    await lab.barrier();
  }
  const { stdout, faults } = await lab.sh(look);
  assert.deepEqual([stdout, faults], [here(), []]);
  const asked = lab.traffic.requests - requests;
  const kept = ((await lab.mount.figures()).nodes ?? 0) - nodes;
  assert.ok(asked > 0 || kept < 100, `of 800 names ${kept} are remembered`);
  return asked;
}

test('names that come and go do not make a directory be listed anew', { skip }, async () => {
  assert.equal(await leastAsked(askedAfterRounds), 0);
});

test('where very much has changed, it is asked for when it is looked at', { skip }, async () => {
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  await lab.sh(look);
  for (let n = 0; n < 200; n += 1) writeFileSync(at(`sub/many-${n}`), '');
  changeAll();
  const { requests } = lab.traffic;
  const { stdout, faults } = await lab.sh(look);
  assert.deepEqual([stdout, faults], [here(), []]);
  assert.ok(lab.traffic.requests > requests);
});

test('what a worker was answered later than a barrier is not taken back by what was seen at that', {
  skip,
}, async () => {
  // So many that a name is told without the others.
  for (let n = 0; n < 1_600; n += 1) writeFileSync(at(`sub/f${n}`), '');
  await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [share] });
  assert.equal((await lab.sh('cat d/sub/f1')).status, 0);
  writeFileSync(at('sub/x'), '');
  const parts = await lab.server.barrier();
  rmSync(at('sub/x'));
  const isGone = async (): Promise<boolean> =>
    (await lab.run(['test', '!', '-e', 'd/sub/x'], { barrier: false })).status === 0;
  assert.equal(await isGone(), true);
  // As on a stream on which answers go past what was told before them.
  await lab.mount.apply(parts.map(({ payload }) => payload));
  assert.equal(await isGone(), true);
});
