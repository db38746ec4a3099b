/** Jobs in a served tree: what they see, what they cannot see, and what is told of what they left. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { constants, hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { LeftRecord } from '../../src/wire/job-report.ts';
import { builtPrograms } from '../rig/programs.ts';
import { type TreeJobResult, TreeLab, treeObstacle } from '../rig/tree-lab.ts';

const skip = treeObstacle() ?? false;
const programs = builtPrograms();

let directory: string;
let share: string;
let lab: TreeLab;

before(async () => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'tree-jobs-'));
  share = path.join(directory, 'share');
  fs.mkdirSync(path.join(share, 'old'), { recursive: true });
  fs.writeFileSync(path.join(share, 'old/file'), 'old');
  fs.writeFileSync(path.join(share, 'file'), 'old');
  fs.linkSync(path.join(share, 'file'), path.join(share, 'other-name'));
  if (skip === false) lab = await TreeLab.start({ programs, shares: [share] });
});
after(async () => {
  await lab?.[Symbol.asyncDispose]();
  fs.rmSync(directory, { recursive: true, force: true });
});

function recordOf(result: TreeJobResult, name: string): LeftRecord {
  const record = result.report.records.find(({ path: file }) => file === path.join(share, name));
  assert.ok(record, `the job left no ${name}`);
  return record;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('what a job makes, changes and removes is told, with modes, times, links and hashes', {
  skip,
}, async () => {
  const result = await lab.sh(
    `printf new > made; chmod 640 made; touch -d '2001-02-03 04:05:06.123456789' made; ln made second
     printf more >> file; rm old/file; mkdir -p a/b; ln -s ../made a/link; mkfifo pipe; mv other-name renamed; chmod 000 a/b
     printf secret > closed; chmod 000 closed`,
  );
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
  assert.deepEqual(result.faults, []);
  const made = recordOf(result, 'made');
  const second = recordOf(result, 'second');
  assert.equal(made.attributes.mode & 0o7777, 0o640);
  assert.equal(
    made.attributes.mtimeNs,
    BigInt(Date.parse('2001-02-03T04:05:06Z')) * 1_000_000n + 123_456_789n,
  );
  // One of the two names is told as the other's.
  const places = result.report.records.indexOf(made) < result.report.records.indexOf(second);
  const [first, later] = places ? [made, second] : [second, made];
  assert.equal(result.report.records[later.sameAs ?? -1], first);
  assert.equal(Buffer.from(first.hash).toString('hex'), sha256('new'));
  assert.equal(Buffer.from(recordOf(result, 'file').hash).toString('hex'), sha256('oldmore'));
  assert.equal(recordOf(result, 'old/file').kind, 'removed');
  assert.equal(recordOf(result, 'other-name').kind, 'removed');
  assert.equal(recordOf(result, 'renamed').kind, 'file');
  assert.deepEqual([recordOf(result, 'a/link').kind, recordOf(result, 'a/link').target], ['link', '../made']);
  assert.equal(recordOf(result, 'pipe').kind, 'special');
  assert.equal(recordOf(result, 'a/b').attributes.mode & 0o7777, 0);
  assert.equal(recordOf(result, 'closed').attributes.mode & 0o7777, 0);
  assert.equal(fs.readFileSync(lab.contentOf(result, path.join(share, 'closed')), 'latin1'), 'secret');
  // Nothing has happened to the tree itself.
  assert.equal(fs.readFileSync(path.join(share, 'file'), 'latin1'), 'old');
  assert.deepEqual(fs.readdirSync(share).toSorted(), ['file', 'old', 'other-name']);
  await lab.pool.discard(path.basename(result.job.scratch));
  assert.equal(fs.existsSync(result.job.scratch), false);
});

test('a directory that was made anew is opaque, one that was removed is gone', { skip }, async () => {
  const anew = await lab.sh('rm -r old; mkdir old; printf x > old/other');
  assert.equal(recordOf(anew, 'old').opaque, true);
  assert.equal(recordOf(anew, 'old/other').kind, 'file');
  const gone = await lab.sh('rm -r old');
  assert.equal(recordOf(gone, 'old').kind, 'removed');
});

test('a job has the host, the user, the directory and the devices of home, and processes of its own', {
  skip,
}, async () => {
  const result = await lab.sh(
    `hostname; id -u; pwd; echo $$; ls -d /proc/[0-9]* | wc -l; [ -c /dev/null ] && [ -c /dev/ptmx ] && [ ! -e /dev/sda ] && [ ! -e /dev/fuse ] && echo devices
     printf x > /dev/shm/y && cat /dev/shm/y; echo; mount | grep -c ${directory}/tree; grep -c ' /sys/devices/system/cpu [^ ]* ro,' /proc/mounts`,
  );
  const [host, uid, cwd, pid, processes, devices, shm, seen, processors] = result.stdout.split('\n');
  assert.deepEqual([host, uid, cwd], [hostname(), String(process.getuid?.()), share]);
  assert.ok(Number(pid) < 10 && Number(processes) < 10);
  assert.deepEqual([devices, shm, seen], ['devices', 'x', '0']);
  assert.equal(processors, '1', 'what is shown of the machine itself may not be written to');
});

test('exit status, death by signal and the end of what was left in the background are told', {
  skip,
}, async () => {
  assert.equal((await lab.sh('exit 7')).status, 7);
  assert.equal((await lab.sh('kill -SEGV $$')).signal, 11);
  const left = await lab.sh('(trap "" TERM; setsid sh -c "sleep 1000" &) ; sleep 1000 & echo ready');
  assert.equal(left.stdout, 'ready\n');
  assert.ok(left.report.left > 0);
  assert.equal((await lab.sh('echo x >/dev/shm/x')).report.left, 1, 'shared memory ends with it too');
});

test('a command that is not there, and a directory that is not there, are told as such', {
  skip,
}, async () => {
  const noCommand = await lab.run(['no-such-program']);
  assert.deepEqual([noCommand.report.stage, noCommand.report.errno], ['exec', 2]);
  const noDirectory = await lab.run(['true'], { cwd: path.join(share, 'none') });
  assert.deepEqual([noDirectory.report.stage, noDirectory.report.errno], ['chdir', 2]);
});

test('a write where only reading is, is refused and told', { skip }, async () => {
  for (const script of [
    'echo x > /usr/x',
    'mkdir /usr/x',
    'rm /etc/hostname',
    'ln -s a /usr/x',
    'echo x >> /etc/hostname',
    'chmod 600 /etc/hostname',
    'mv /etc/hostname /etc/x',
  ]) {
    const result = await lab.sh(script, { areas: [share] });
    assert.notEqual(result.status, 0, script);
    assert.ok(
      result.faults.some(({ kind }) => kind === 'write'),
      `${script}: ${JSON.stringify(result.faults)}`,
    );
  }
});

test('what must not be served is not there, by whatever way, and that it was wanted is told', {
  skip,
}, async () => {
  fs.mkdirSync(path.join(share, '.ssh'));
  fs.writeFileSync(path.join(share, '.ssh/id'), 'KEY');
  fs.symlinkSync('.ssh', path.join(share, 'way'));
  fs.writeFileSync(path.join(directory, 'private'), 'KEY', { mode: 0o600 });
  fs.mkdirSync(path.join(directory, 'closed'), { mode: 0o700 });
  fs.writeFileSync(path.join(directory, 'closed/readable'), 'KEY');
  fs.writeFileSync(path.join(directory, 'foreign'), 'KEY', { mode: 0o644 });
  fs.chownSync(path.join(directory, 'foreign'), 1234, 1234);
  const ways = [
    `${share}/.ssh/id`,
    `${share}/way/id`,
    `${share}/old/../.ssh/id`,
    `${directory}/closed/readable`,
    `${directory}/private`,
    `${directory}/foreign`,
    '/etc/shadow',
    '/proc/self/root/etc/shadow',
    `/proc/self/root${share}/.ssh/id`,
    '/run/secret',
  ];
  const secret = '/run/secret';
  fs.writeFileSync(secret, 'KEY');
  try {
    for (const file of ways) {
      const result = await lab.sh(`cat ${file}`);
      assert.equal(result.stdout, '', file);
      assert.notEqual(result.status, 0, file);
      assert.ok(
        result.faults.some(({ kind }) => kind === 'refused' || kind === 'fetch'),
        `${file}: ${JSON.stringify(result.faults)}`,
      );
    }
  } finally {
    fs.rmSync(secret);
    fs.rmSync(path.join(share, '.ssh'), { recursive: true });
    fs.rmSync(path.join(share, 'way'));
  }
});

test('what goes wrong is held against the job whose processes met it, and no other one', {
  skip,
}, async () => {
  const bystander = lab.start(['sleep', '1000']);
  const secret = path.join(directory, 'not-for-all');
  fs.writeFileSync(secret, 'KEY', { mode: 0o600 });
  for (const script of [
    `cat ${secret}`,
    `(setsid sh -c "cat ${secret}" &); sleep 0.2`,
    'echo x >/usr/x',
    // It says that it is another job.
    `sh -c 'cat ${secret}' --scratch=${bystander.job.scratch}`,
  ]) {
    const first = lab.faults.length;
    const result = await lab.sh(`${script} 2>/dev/null; true`);
    const blamed = new Set(lab.faults.slice(first).map(({ job }) => job));
    assert.deepEqual([...blamed], [path.basename(result.job.scratch)], script);
  }
  bystander.cancel();
  await bystander.ended;
});

test('nothing of the worker is reachable: no root of another process, no file outside the tree', {
  skip,
}, async () => {
  const marker = path.join(directory, 'tree-marker');
  const result = await lab.sh(
    `for p in /proc/[0-9]*; do ls $p/root/ >/dev/null && readlink $p/exe; done; ls /proc/1/root | head -1; cat ${marker} /proc/1/environ /proc/1/mem 2>&1 | head -c 200; find / -xdev -maxdepth 1 | sort | tr '\\n' ' '`,
  );
  const top = ['/', ...fs.readdirSync('/').map((name) => `/${name}`)].toSorted().join(' ');
  assert.ok(result.stdout.includes(top), result.stdout);
});

test('a name that is too long for any file is told as that, whatever is known of its directory', {
  skip,
  timeout: 60_000,
}, async () => {
  const long = '0'.repeat(300);
  for (const directory of [share, '/usr/include', '/usr/share/zoneinfo']) {
    const look = `cat ${directory}/${long}; cat ${directory}/${long}/x`;
    const result = await lab.sh(`${look}; ls ${directory} >list; ${look}; [ -s list ]`);
    assert.equal(result.status, 0);
    const words = result.stderr
      .trim()
      .split('\n')
      .map((line) => line.split(': ').at(-1));
    assert.deepEqual(
      words,
      Array.from({ length: 4 }, () => 'File name too long'),
      directory,
    );
    assert.deepEqual(result.faults, []);
  }
});

test('a directory whose path is too long to be told is not there, which is held against the job', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const name = 'd'.repeat(250);
  const sh = (script: string): Buffer => execFileSync('sh', ['-c', script], { cwd: share });
  // Node itself removes none whose path is too long.
  t.after(() => sh('rm -rf ddd*'));
  sh(`for n in $(seq 20); do mkdir ${name} && cd -P ${name}; done; echo x >file`);
  const result = await lab.sh(`for n in $(seq 20); do cd -P ${name} || exit 3; done; cat file`);
  assert.deepEqual([result.status, result.stdout], [3, '']);
  assert.deepEqual(
    result.faults.map(({ kind }) => kind),
    ['refused'],
  );
  assert.equal((await lab.sh('echo on')).stdout, 'on\n');
});

test('that a job left a name which no list can hold is told as what it is', { skip }, async () => {
  // The file before it has no attributes of an overlay, and to ask for them says so by an errno.
  const result = await lab.run([
    'perl',
    '-e',
    `open my $f, '>', 'made'; for (1..17) { my $n = 'x' x 250; mkdir $n or die $!; chdir $n or die $! }`,
  ]);
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
  assert.equal(result.report.listErrno, constants.errno.ENAMETOOLONG);
});
