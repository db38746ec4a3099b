/** A worker that is told what jobs will ask for: it asks before they do, and no job fails because of that. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { TreeAsk } from '../../src/core/tree/contract.ts';
import { ReadProfiles } from '../../src/core/tree/read-profiles.ts';
import { encodeTreeAhead } from '../../src/wire/tree-messages.ts';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
const programs = builtPrograms();
let share: string;

beforeEach(() => {
  share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-ahead-')));
});
afterEach(() => rmSync(share, { recursive: true, force: true }));

const read = (file: string, piece = 0): TreeAsk => ({ kind: 'read', path: file, piece, sizeBytes: 0 });

/** Tells it, and waits until all that it asked for was answered. */
async function tell(lab: TreeLab, asks: readonly TreeAsk[]): Promise<void> {
  for (const payload of encodeTreeAhead(asks)) lab.mount.ahead(payload);
  let before = -1;
  await until(
    async () => {
      const { aheadAsks = 0, aheadWaiting } = await lab.mount.figures();
      const isStill = aheadWaiting === 0 && aheadAsks === before;
      before = aheadAsks;
      return isStill;
    },
    10_000,
    'all was answered',
  );
}

test('a machine that never saw a unit asks for all of it before the job does', { skip }, async () => {
  for (let n = 0; n < 40; n += 1) {
    mkdirSync(path.join(share, `d${n % 4}`), { recursive: true });
    writeFileSync(path.join(share, `d${n % 4}/f${n}`), `${n}\n`);
  }
  // By pieces.
  writeFileSync(path.join(share, 'large'), Buffer.alloc(3 * 1024 * 1024, 'large\n'));
  const script = 'cat d*/f*; cksum large; cat d0/nowhere 2>/dev/null; cat own';
  writeFileSync(path.join(share, 'own'), 'own\n');
  const mount = { useOwnFiles: false };
  const profiles = new ReadProfiles();
  await using lab = await TreeLab.start({ programs, shares: [share], mount, profiles });
  const ahead = { kind: 'sh', inputs: [path.join(share, 'own')], outputs: [] };
  const first = await lab.sh(script, { ahead });
  await lab.replaceMount();
  const { requests } = lab.traffic;
  const other = await lab.sh(script, { ahead });
  assert.deepEqual([other.stdout, other.faults], [first.stdout, []]);
  const asked = lab.traffic.requests - requests;
  const { aheadAsks = 0, fetchedBytes = 0 } = await lab.mount.figures();
  assert.ok(asked > 60 && fetchedBytes > 3 * 1024 * 1024, `${asked} requests, ${fetchedBytes} bytes`);
  // It may ask for a few by itself before it has heard of them.
  assert.ok(asked - aheadAsks <= 5, `${aheadAsks} of ${asked} were asked ahead`);
});

test('a source that is sent along is asked for by nobody', { skip }, async () => {
  const source = path.join(share, 'u.c');
  await using lab = await TreeLab.start({ programs, shares: [share], mount: { useOwnFiles: false } });
  writeFileSync(source, 'before\n');
  // What it looks up besides is known then.
  await lab.sh('cat u.c');
  for (const text of ['edited\n', 'edited again\n', 'and again\n']) {
    writeFileSync(source, text);
    const { requests, pushed } = lab.traffic;
    const { stdout, faults } = await lab.sh('cat u.c', { sources: [source] });
    assert.deepEqual([stdout, faults], [text, []]);
    assert.deepEqual([lab.traffic.requests - requests, lab.traffic.pushed - pushed], [0, 1]);
  }
  const same = await lab.sh('cat u.c', { sources: [source] });
  assert.deepEqual([same.stdout, lab.traffic.pushed], ['and again\n', 3]);
});

test('what cannot be had is passed over, and no job is to blame', { skip }, async () => {
  mkdirSync(path.join(share, '.ssh'));
  mkdirSync(path.join(share, 'd'));
  for (const name of ['.ssh/id', 'd/f', 'empty'])
    writeFileSync(path.join(share, name), name === 'empty' ? '' : name);
  symlinkSync('d', path.join(share, 'link'));
  await using lab = await TreeLab.start({ programs, shares: [share] });
  const below = (name: string): string => path.join(share, name);
  await tell(lab, [
    read(below('.ssh/id')),
    read(below('nowhere')),
    read(below('nowhere/f')),
    read(below('d/f/g')),
    read(below('d')),
    read(below('link/f')),
    read(below('link')),
    read(below('empty')),
    read(below('d/f'), 7),
    read('/etc/shadow'),
    { kind: 'list', path: below('d/f') },
    { kind: 'list', path: '/proc' },
    { kind: 'list', path: share },
    { kind: 'name', path: below('d/absent') },
  ]);
  assert.deepEqual([lab.faults, lab.lost], [[], []]);
  const { stdout, faults } = await lab.sh('cat d/f; ls');
  assert.deepEqual([stdout, faults], ['d/fd\nempty\nlink\n', []]);
});

test('a submitter that does not answer what nobody waits for harms no job; what a job waits for does', {
  skip,
}, async () => {
  writeFileSync(path.join(share, 'f'), 'content');
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('ls');
  lab.failing = true;
  await tell(lab, [read(path.join(share, 'f'))]);
  assert.deepEqual(lab.faults, []);
  lab.failing = false;
  const { stdout, faults } = await lab.sh('cat f');
  assert.deepEqual([stdout, faults], ['content', []]);
});

test('what changes while it is asked for ahead is had as it is when the job is handed in', {
  skip,
}, async () => {
  writeFileSync(path.join(share, 'f'), 'old');
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('ls');
  lab.frozen = true;
  for (const payload of encodeTreeAhead([read(path.join(share, 'f'))])) lab.mount.ahead(payload);
  const { requests } = lab.traffic;
  await until(() => lab.traffic.requests > requests, 5_000, 'it asks');
  writeFileSync(path.join(share, 'f'), 'new');
  lab.thaw();
  const { stdout, faults } = await lab.sh('cat f');
  assert.deepEqual([stdout, faults], ['new', []]);
});

test('what is below a directory that has changed is asked for all at once', { skip }, async () => {
  const deep = path.join(share, 'a/b');
  mkdirSync(deep, { recursive: true });
  writeFileSync(path.join(deep, 'f'), 'content');
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('cat a/b/f');
  // The directory has another time, and so it is looked at anew: too much has changed to be told what it is now.
  const names = ['new', 'other', 'third'].map((name) => path.join(deep, name));
  for (const name of names) writeFileSync(name, 'new');
  for (let n = 0; n < 100; n += 1) writeFileSync(path.join(deep, `more-${n}`), '');
  await lab.barrier();
  lab.frozen = true;
  const { requests } = lab.traffic;
  for (const payload of encodeTreeAhead(names.map((name) => ({ kind: 'name', path: name }))))
    lab.mount.ahead(payload);
  // Directories above may have changed too, as /tmp does.
  await until(
    () => lab.traffic.requests >= requests + 4,
    5_000,
    'the directory and three names are asked for',
  );
  lab.thaw();
  const { stdout, faults } = await lab.sh('cat a/b/new; ls a/b | grep -v more-');
  assert.deepEqual([stdout, faults], ['newf\nnew\nother\nthird\n', []]);
});
