/** Places that stand ready for jobs: each is one job's, as good as one that is made now, and none is kept for nothing. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { poolIn } from '../../src/tree/place-pool.ts';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, type TreeLabOptions, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
const ext4 = 0xef53;
const programs = builtPrograms();
let directory: string;
let share: string;
let areas: string[];

beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'tree-places-')));
  share = path.join(directory, 'share');
  areas = [share, '/var/tmp'];
  fs.mkdirSync(share);
  fs.writeFileSync(path.join(share, 'file'), 'old');
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

async function labOf(options: Partial<TreeLabOptions> = {}): Promise<TreeLab> {
  return await TreeLab.start({ programs, shares: [share], ...options });
}

/** Runs so many jobs at once; then as many places stand ready, or one more. */
async function makeReady(lab: TreeLab, count = 1): Promise<void> {
  await lab.barrier();
  const jobs = Array.from({ length: count }, () => lab.start(['sleep', '1000'], { areas }));
  await until(async () => (await lab.pool.figures())['jobs'] === count, 20_000, 'all run');
  for (const job of jobs) job.cancel();
  for (const { ended } of jobs) await ended;
  await untilReady(lab, count);
}

async function untilReady(lab: TreeLab, count: number): Promise<void> {
  const ready = async (): Promise<number> => (await lab.pool.figures())['ready'] ?? 0;
  await until(async () => (await ready()) >= count, 20_000, `${count} stand ready`);
}

const placesIn = (lab: TreeLab): string[] =>
  fs.readdirSync(poolIn(path.join(lab.directory, 'tree'))).filter((name) => name !== 'socket');

test('no job sees what another has written, whether that ran before it or runs beside it', {
  skip,
}, async () => {
  await using lab = await labOf();
  await makeReady(lab, 2);
  const leave = (name: string): string =>
    `for d in ${areas.join(' ')} /dev/shm; do : >$d/left-${name}; done; ipcmk -M 4096 >/dev/null`;
  const see = `ls ${areas.join(' ')} /dev/shm | grep left-; ipcs -m | grep -c 0x; ls /proc | grep -c '^[0-9]'`;
  const first = lab.start(['sh', '-c', `${leave('first')}; sleep 1000`], { areas });
  await until(
    () => fs.existsSync(path.join(first.job.scratch, '1/u/left-first')),
    20_000,
    'the first has written',
  );
  const second = await lab.sh(`${leave('second')}; ${see}`, { areas });
  const seen = second.stdout.split('\n');
  assert.deepEqual(seen.slice(0, 4), ['left-second', 'left-second', 'left-second', '1']);
  first.cancel();
  await first.ended;
  await makeReady(lab);
  assert.match((await lab.sh(see, { areas })).stdout, /^0\n\d\n$/u);
  const { given = 0, missed } = await lab.pool.figures();
  assert.ok(given >= 3, `${given} jobs had one`);
  assert.equal(missed, 2, 'only the very first had none');
});

test('what changed since a place was made is as it is at home', { skip }, async () => {
  await using lab = await labOf();
  // A directory that no job has looked into is not watched by its submitter.
  await lab.run(['ls'], { areas });
  const probe = `stat -c '%n %a %Y %y' .; ls -A; cat *`;
  const assertSame = async (what: string): Promise<void> => {
    await makeReady(lab);
    change[what]?.();
    const { stdout } = await lab.sh(probe, { areas });
    assert.equal(stdout, execFileSync('sh', ['-c', probe], { cwd: share }).toString(), what);
  };
  const change: Record<string, () => void> = {
    'a file more': () => fs.writeFileSync(path.join(share, 'more'), 'more'),
    'other times': () => fs.utimesSync(share, 1, 2),
    'another mode': () => fs.chmodSync(share, 0o711),
    'another directory': () => {
      fs.renameSync(share, `${share}-was`);
      fs.mkdirSync(share);
      fs.writeFileSync(path.join(share, 'new'), 'new');
    },
    'a directory above': () => {
      fs.renameSync(directory, `${directory}-was`);
      fs.cpSync(`${directory}-was`, directory, { recursive: true });
      fs.rmSync(`${directory}-was`, { recursive: true });
    },
  };
  for (const what of Object.keys(change)) await assertSame(what);
  assert.ok(((await lab.pool.figures())['stale'] ?? 0) >= 3, 'those that could not be mended were dropped');
  assert.equal((await lab.pool.figures())['failed'], 0);
});

test('places are made for the areas of the newest job', { skip }, async () => {
  await using lab = await labOf();
  await makeReady(lab);
  const other = await lab.sh('echo x >/var/tmp/x', { areas: [share] });
  assert.notEqual(other.status, 0, 'it may not write there');
  await untilReady(lab, 1);
  assert.notEqual((await lab.sh('echo x >/var/tmp/x', { areas: [share] })).status, 0);
  assert.equal((await lab.pool.figures())['given'], 1);
});

test('no more are kept than jobs ran at once and one, and none when there were no jobs for a while', {
  skip,
}, async () => {
  await using lab = await labOf({ pool: { idleMs: 6_000 } });
  await makeReady(lab, 3);
  await until(() => placesIn(lab).length === 0, 20_000, 'nothing of them is left');
  assert.ok(((await lab.pool.figures())['made'] ?? 0) <= 4);
  assert.equal((await lab.run(['true'], { areas })).status, 0);
});

test('on ext4 each job begins in a group of the disk of its own, so that it does not search through what others left', {
  skip: skip || (fs.statfsSync(tmpdir()).type === ext4 ? false : `${tmpdir()} is not on ext4`),
}, async () => {
  await using lab = await labOf();
  await makeReady(lab);
  const tree = path.join(lab.directory, 'tree');
  const flags = execFileSync('lsattr', ['-d', poolIn(tree), path.join(tree, 'jobs')], { encoding: 'latin1' });
  for (const line of flags.trim().split('\n')) assert.match(line, /^\S*T/);
});

test('a job does without a pool that hangs, and one that is killed leaves no place', { skip }, async () => {
  await using lab = await labOf();
  await makeReady(lab);
  process.kill(lab.pool.pid, 'SIGSTOP');
  assert.equal((await lab.sh('cat file', { areas })).stdout, 'old');
  process.kill(lab.pool.pid, 'SIGKILL');
  await until(() => lab.lost.length > 0, 10_000, 'its end is told');
  assert.deepEqual(lab.lost, ['pool: SIGKILL']);
  // What was mounted of them has gone with it: their directories are as any others.
  for (const name of placesIn(lab))
    fs.rmSync(path.join(poolIn(path.join(lab.directory, 'tree')), name), { recursive: true });
  assert.equal((await lab.sh('cat file', { areas })).stdout, 'old');
});

test('a pool that can remove nothing any more says so by its end', { skip }, async () => {
  // An idle one would find it out when it drops its places.
  await using lab = await labOf({ pool: { idleMs: 3_600_000 } });
  await makeReady(lab);
  const { pid } = lab.pool;
  const remover = fs
    .readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .trim()
    .split(' ')
    .find((child) => fs.readFileSync(`/proc/${child}/comm`, 'latin1').startsWith('swarmjob-remove'));
  process.kill(Number(remover), 'SIGKILL');
  await until(() => lab.lost.length > 0, 10_000, 'its end is told');
  assert.match(String(lab.lost), /^pool: /);
  assert.equal((await lab.sh('cat file', { areas })).stdout, 'old');
});

test('a pool that is ended takes its places along', { skip }, async () => {
  const lab = await labOf();
  await makeReady(lab);
  await lab.stopMount();
  assert.equal(fs.existsSync(poolIn(path.join(lab.directory, 'tree'))), false);
  await lab[Symbol.asyncDispose]();
});

test('a pool that is told to remove something else than what a job left removes nothing, and ends', {
  skip,
}, async () => {
  await using lab = await labOf();
  await assert.rejects(lab.pool.discard('../cache'), /is gone/u);
  assert.equal(fs.existsSync(path.join(lab.directory, 'tree/cache')), true);
});

test('what many jobs left is removed, though all of it is told of at once', { skip }, async () => {
  await using lab = await labOf();
  await makeReady(lab);
  const scratch = path.join(lab.directory, 'tree/jobs');
  // More than two sockets hold, the one of what is to be removed and the one of what was.
  const left = Array.from({ length: 3_000 }, (_, n) => `left-${n}`);
  for (const name of left) fs.mkdirSync(path.join(scratch, name));
  await Promise.all(left.map((name) => lab.pool.discard(name)));
  assert.deepEqual(
    fs.readdirSync(scratch).filter((name) => name.startsWith('left-')),
    [],
  );
});
