import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { absent } from '../../src/core/fact.ts';
import { Disk } from '../../src/share/disk.ts';
import { readFacts } from '../../src/share/facts.ts';
import { refreshDirectories } from '../../src/share/refresh.ts';
import { makeShare, realPathsBelow, Shares } from '../../src/share/shares.ts';
import { touchDirectories } from '../../src/share/touch.ts';
import { assertWithin } from '../rig/quickest.ts';
import { until } from '../rig/until.ts';
import { sharedRig, shareRig } from './share-rig.ts';

const isRoot = process.getuid?.() === 0;

test('facts, plain and fresh, tell kinds, and are equal when nothing changed', async () => {
  await using rig = shareRig();
  const path = (name: string) => join(rig.directory, name);
  writeFileSync(path('file'), 'abc');
  mkdirSync(path('directory'));
  symlinkSync('file', path('link'));
  symlinkSync('nowhere', path('dangling'));
  assert.equal(spawnSync('mkfifo', [path('fifo')]).status, 0);
  const paths = ['file', 'directory', 'link', 'dangling', 'fifo', 'missing', 'file/below'].map(path);
  const plain = await readFacts(rig.disk, paths);
  assert.deepEqual(
    plain.map((fact) => fact.kind),
    ['file', 'directory', 'link', 'link', 'other', 'absent', 'absent'],
  );
  assert.deepEqual(await readFacts(rig.disk, paths, { fresh: true }), plain);
  const stats = lstatSync(path('file'), { bigint: true });
  assert.deepEqual(plain[0], {
    kind: 'file',
    inode: String(stats.ino),
    sizeBytes: 3,
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
  });
  assert.deepEqual(plain[5], absent);
});

test('the fact of a link changes with its target, with what it leads to, and when it is replaced', async () => {
  await using rig = shareRig();
  const link = join(rig.directory, 'link');
  for (const name of ['one', 'two']) writeFileSync(join(rig.directory, name), 'same');
  const seen = new Set<string>();
  const look = async () => seen.add(JSON.stringify(await readFacts(rig.disk, [link], { fresh: true })));
  symlinkSync('one', link);
  await look();
  symlinkSync('two', `${link}2`);
  renameSync(`${link}2`, link);
  await look();
  writeFileSync(join(rig.directory, 'two'), 'longer');
  await look();
  rmSync(join(rig.directory, 'two'));
  await look();
  assert.equal(seen.size, 4);
});

test('names that are no text are looked at as they are', async () => {
  await using rig = shareRig();
  const name = `${rig.directory}/\xff\xfe\n `;
  writeFileSync(Buffer.from(name, 'latin1'), 'x');
  assert.equal((await readFacts(rig.disk, [name]))[0]?.kind, 'file');
  const found = await new Shares(rig.disk).find(rig.directory);
  assert.equal(found.ok, false);
});

test('refreshing yields the fact of each directory, and missing ones are fine', async () => {
  await using rig = shareRig();
  const directories = ['a', 'a/b', 'a/b/c', 'd'].map((name) => join(rig.directory, name));
  for (const directory of directories) mkdirSync(directory);
  const missing = join(rig.directory, 'a/none');
  writeFileSync(join(rig.directory, 'file'), '');
  const facts = await refreshDirectories(rig.disk, [
    ...directories,
    missing,
    join(rig.directory, 'file'),
    ...directories,
  ]);
  assert.equal(facts.size, 6);
  assert.deepEqual(
    [...directories].map((directory) => facts.get(directory)?.kind),
    Array(4).fill('directory'),
  );
  assert.deepEqual(facts.get(missing), absent);
});

test('looking at 400 files costs little CPU', async (t) => {
  await using rig = shareRig();
  const paths = Array.from({ length: 400 }, (_, n) => join(rig.directory, `header-${n}.h`));
  for (const path of paths) writeFileSync(path, 'x');
  for (let round = 0; round < 30; round++) await readFacts(rig.disk, paths);
  // The goal is 4, and tests run on busy machines, where caches are cold.
  const spentMs = await assertWithin(8, 'CPU for 400 facts', async () => {
    const before = process.cpuUsage();
    for (let round = 0; round < 50; round++) await readFacts(rig.disk, paths);
    const spent = process.cpuUsage(before);
    return (spent.user + spent.system) / 1000 / 50;
  });
  t.diagnostic(`${spentMs.join(', ')} ms of CPU for 400 facts`);
});

test('a call that hangs fails at its deadline, holds up no other, and its thread comes back', async () => {
  await using rig = shareRig();
  const disk = new Disk({ maxThreads: 1 });
  const fifo = join(rig.directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  // Opening a FIFO to write waits for a reader: as a hard mount waits for its server.
  const hanging = disk.run(
    'writePiece',
    { path: fifo, bytes: Buffer.from('x'), mode: 0o600, isFirst: false },
    200,
  );
  await assert.rejects(hanging, { code: 'HUNG', message: /did not answer within 200 ms/ });
  assert.equal(disk.hungThreads, 1);
  assert.equal((await readFacts(disk, [fifo]))[0]?.kind, 'other');
  await freed(disk, fifo);
  await disk.close();
  await assert.rejects(readFacts(disk, [fifo]), { code: 'CLOSED' });
});

test('when too many calls hang, the next fails at once', async () => {
  await using rig = shareRig();
  const disk = new Disk({ maxThreads: 1, maxHungThreads: 1 });
  const fifo = join(rig.directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const hang = () =>
    disk.run('writePiece', { path: fifo, bytes: Buffer.of(), mode: 0o600, isFirst: false }, 50);
  await assert.rejects(hang(), { code: 'HUNG' });
  await assert.rejects(hang(), { code: 'HUNG' });
  // Not at its deadline, which would be told in other words.
  const next = disk.run('lookAll', { paths: [fifo], fresh: false }, 60_000);
  await assert.rejects(next, { code: 'HUNG', message: /hang already/ });
  await freed(disk, fifo);
  await disk.close();
});

/** Reads from the FIFO until no call hangs there: a thread that comes later would hold up the end of this process. */
async function freed(disk: Disk, fifo: string): Promise<void> {
  // Opened for both it waits for nobody.
  const reader = await open(fifo, 'r+');
  await until(() => disk.hungThreads === 0, 5_000, 'no call hangs');
  await reader.close();
}

test('a share is found from below, through links, and the nearest counts', async () => {
  await using rig = await sharedRig();
  const deep = join(rig.root, 'a/b');
  mkdirSync(deep, { recursive: true });
  symlinkSync(deep, join(rig.root, 'link'));
  const shares = new Shares(rig.disk);
  for (const path of [rig.root, deep, join(rig.root, 'link')]) {
    const found = await shares.find(path);
    assert.equal(found.ok && found.share.root, rig.root);
  }
  const made = await shares.make(deep);
  assert.equal(made.ok && made.share.root, rig.root, 'a directory in a share is shared already');
  mkdirSync(join(deep, '.buildswarm'), { mode: 0o700 });
  shares.forget();
  const nearest = await shares.find(deep);
  assert.equal(nearest.ok && nearest.share.root, deep);
});

test('making a share is private whatever the umask and the directory, and may be done twice', async () => {
  await using rig = shareRig();
  chmodSync(rig.directory, 0o2775);
  const before = process.umask(0);
  try {
    assert.equal((await makeShare(rig.directory)).root, rig.directory);
    assert.equal((await makeShare(rig.directory)).root, rig.directory);
  } finally {
    process.umask(before);
  }
  for (const name of ['.buildswarm', '.buildswarm/peers'])
    assert.equal(lstatSync(join(rig.directory, name)).mode & 0o7777, 0o700);
});

test('a share whose directory is open to others, a link or a file is refused with what to do', async () => {
  await using rig = await sharedRig();
  const own = join(rig.root, '.buildswarm');
  chmodSync(own, 0o755);
  await assert.rejects(makeShare(rig.root), /mode 0755; it must be 0700 \(chmod 700/);
  renameSync(own, `${own}2`);
  chmodSync(`${own}2`, 0o700);
  symlinkSync(`${own}2`, own);
  await assert.rejects(makeShare(rig.root), /is a link/);
  rmSync(own);
  writeFileSync(own, '');
  await assert.rejects(makeShare(rig.root), /not a directory/);
  await assert.rejects(makeShare(join(rig.root, 'missing')), /cannot be looked at.*ENOENT/);
  await assert.rejects(makeShare('/proc/self'), /cannot|refused|share/);
});

test('what is no directory is refused as a share in a sentence', async () => {
  await using rig = shareRig();
  const file = join(rig.directory, 'file');
  writeFileSync(file, '');
  await assert.rejects(makeShare(file), {
    code: 'E_SHARE',
    message: `cannot make '${file}' a share: it is not a directory (ENOTDIR).`,
  });
});

test("another user's share is passed over", {
  skip: isRoot ? false : 'needs root to change owners',
}, async () => {
  await using rig = await sharedRig();
  const inner = join(rig.root, 'inner');
  mkdirSync(join(inner, '.buildswarm'), { recursive: true, mode: 0o700 });
  chownSync(join(inner, '.buildswarm'), 12_345, 0);
  const found = await new Shares(rig.disk).find(inner);
  assert.equal(found.ok && found.share.root, rig.root);
  chownSync(join(rig.root, '.buildswarm'), 12_345, 0);
  const none = await new Shares(rig.disk).find(inner);
  assert.match(none.ok ? '' : none.why, /is a share: .*belongs to user 12345/);
});

test('what is found is believed for a few seconds', async () => {
  await using rig = await sharedRig();
  let nowMs = 0;
  const shares = new Shares(rig.disk, { now: () => nowMs });
  assert.equal((await shares.find(rig.root)).ok, true);
  rmSync(join(rig.root, '.buildswarm'), { recursive: true });
  assert.equal((await shares.find(rig.root)).ok, true);
  nowMs += 5_001;
  assert.equal((await shares.find(rig.root)).ok, false);
});

test('nothing outside the share is below it, by `..` or by a link', async () => {
  await using rig = await sharedRig();
  const at = (name: string) => `${rig.root}/${name}`;
  mkdirSync(at('in/deep'), { recursive: true });
  writeFileSync(at('in/file'), '');
  symlinkSync('/etc', at('out'));
  symlinkSync('in', at('alias'));
  symlinkSync(`${rig.directory}-of-nobody/else`, at('dangling'));
  symlinkSync('loop', at('loop'));
  const found = await new Shares(rig.disk).find(rig.root);
  assert.ok(found.ok);
  const good: Record<string, string> = {
    '': '',
    'in/file': 'in/file',
    'alias/file': 'in/file',
    'in/../alias/deep': 'in/deep',
    'in/new/er.o': 'in/new/er.o',
    'in/new.o': 'in/new.o',
    'in/': 'in',
  };
  const goodPaths = Object.keys(good).map(at);
  const verdicts = await realPathsBelow(rig.disk, found.share, goodPaths);
  assert.deepEqual(
    verdicts.map((verdict) => (verdict.ok ? verdict.realPath : verdict.why)),
    Object.values(good).map((name) => (name === '' ? rig.root : at(name))),
  );
  const bad = [
    'out/passwd',
    'out',
    'out/new',
    '..',
    '../x',
    'in/../../x',
    'dangling',
    'dangling/x',
    'loop',
    'in/new/../../../../x',
    'a\0b',
  ].map(at);
  for (const [n, verdict] of (
    await realPathsBelow(rig.disk, found.share, [...bad, 'relative', '', `${rig.root}x/y`])
  ).entries())
    assert.equal(verdict.ok, false, `${[...bad, 'relative', '', 'sibling'][n]} was accepted`);
});

test('a touch changes the ctime of each directory, not its mtime', async () => {
  await using rig = shareRig();
  const directory = realpathSync(rig.directory);
  utimesSync(directory, 1_000, 1_000);
  const [before] = await readFacts(rig.disk, [directory]);
  await touchDirectories(rig.disk, [directory, join(directory, 'missing')]);
  const [after] = await readFacts(rig.disk, [directory]);
  assert.equal(after?.mtimeNs, before?.mtimeNs);
  assert.notEqual(after?.ctimeNs, before?.ctimeNs);
});
