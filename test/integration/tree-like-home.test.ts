/** Where a job would be told something else than at home, or is told that this cannot be told. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
const programs = builtPrograms();
let share: string;

beforeEach(() => {
  share = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'tree-like-home-')));
});
afterEach(() => fs.rmSync(share, { recursive: true, force: true }));

test('a signal that a process takes interrupts no look at a file', { skip, timeout: 60_000 }, async () => {
  const names = Array.from({ length: 40 }, (_, n) => `d/${n}`);
  for (const name of names) {
    fs.mkdirSync(path.join(share, name), { recursive: true });
    fs.writeFileSync(path.join(share, name, 'f'), '');
  }
  await using lab = await TreeLab.start({ programs, shares: [share], delayMs: 15 });
  // The ends of the two come while the shell looks.
  const script = `for name in ${names.join(' ')}; do
    (sleep 0.01) & (sleep 0.02) & [ -e $name/f ] || echo lost $name
  done; wait`;
  const { status, stdout, faults } = await lab.sh(script);
  assert.deepEqual([status, stdout, faults], [0, '', []]);
});

test('what kills a process that waits for a frozen submitter ends it at once', {
  skip,
  timeout: 60_000,
}, async () => {
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('true');
  for (const number of [constants.signals.SIGTERM, constants.signals.SIGINT]) {
    const name = path.join(share, `${number}`);
    fs.mkdirSync(name);
    fs.writeFileSync(path.join(name, 'f'), 'x');
    lab.frozen = true;
    const { requests } = lab.traffic;
    const job = lab.start(['cat', path.join(name, 'f')]);
    await until(() => lab.traffic.requests > requests, 10_000, 'it waits');
    job.signal({ number, toGroup: true });
    assert.deepEqual((await job.ended).exit.ending, { kind: 'signaled', signal: number, core: false });
    lab.thaw();
  }
});

test('so does what kills it later, when it has taken another signal before', {
  skip,
  timeout: 60_000,
}, async () => {
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('perl -e 1');
  fs.mkdirSync(path.join(share, 'd'));
  fs.writeFileSync(path.join(share, 'd/f'), 'x');
  lab.frozen = true;
  const { requests } = lab.traffic;
  const { SIGUSR1, SIGTERM } = constants.signals;
  const waiting = `$SIG{USR1} = sub {}; open(F, "<", "${share}/d/f")`;
  const job = lab.start(['perl', '-e', waiting]);
  await until(() => lab.traffic.requests > requests, 10_000, 'it waits');
  job.signal({ number: SIGUSR1, toGroup: false });
  const pid = execFileSync('pgrep', ['-f', `^perl -e .*${share}`], { encoding: 'latin1' }).trim();
  const isPending = (): boolean => {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
    return (BigInt(`0x${/ShdPnd:\t(\S+)/.exec(status)?.[1]}`) & (1n << BigInt(SIGUSR1 - 1))) !== 0n;
  };
  await until(isPending, 10_000, 'it will take that when it is answered');
  job.signal({ number: SIGTERM, toGroup: false });
  assert.deepEqual((await job.ended).exit.ending, { kind: 'signaled', signal: SIGTERM, core: false });
  lab.thaw();
});

test('of a very large file only what is read of it is looked at', { skip, timeout: 60_000 }, async () => {
  fs.writeFileSync(path.join(share, 'big'), 'x');
  fs.truncateSync(path.join(share, 'big'), 8 * 1024 ** 3);
  // This machine has it too, as another one has a model or a toolchain of the same version.
  await using lab = await TreeLab.start({ programs, shares: [share] });
  const { stdout, faults } = await lab.sh('head -c 1 big');
  assert.deepEqual([stdout, faults], ['x', []]);
  const { fs: worker, tree } = await lab.figures();
  // Neither end has hashed it to find that both have it; that takes CPU for seconds.
  assert.ok((tree['hashedBytes'] ?? 0) < 2 ** 28, `swarmtree hashed ${tree['hashedBytes']} bytes`);
  assert.ok((worker['cpuUs'] ?? 0) < 2_000_000, `swarmfs took ${worker['cpuUs']} µs`);
});

test('a nameless file where only reading is, is refused and told', { skip, timeout: 60_000 }, async () => {
  await using lab = await TreeLab.start({ programs, shares: [share] });
  const open = `sysopen(F, "/usr", 020200002) and print "made"`;
  const { stdout, faults } = await lab.run(['perl', '-e', open]);
  assert.deepEqual([stdout, faults.map(({ kind }) => kind)], ['', ['write']]);
});

test('a fifo or a socket of the submitter is listed, and not opened where nobody is at its other end', {
  skip,
  timeout: 60_000,
}, async () => {
  execFileSync('mkfifo', [path.join(share, 'fifo')]);
  await using lab = await TreeLab.start({ programs, shares: [share] });
  const listed = await lab.sh('find . -type p; ls');
  assert.deepEqual([listed.stdout, listed.faults], ['./fifo\nfifo\n', []]);
  for (const script of ['cat fifo', 'cat fifo', '[ -p fifo ]']) {
    const { faults } = await lab.sh(script);
    assert.deepEqual(
      faults.map(({ kind, path: where, name }) => [kind, where, name]),
      [['refused', path.join(share, 'fifo'), '']],
      script,
    );
  }
});

test('there seems to be room everywhere', { skip, timeout: 60_000 }, async () => {
  await using lab = await TreeLab.start({ programs, shares: [share] });
  const { stdout, faults } = await lab.sh(
    'for d in / /usr .; do [ $(stat -f -c %a $d) -gt 1000 ] && echo room; done',
  );
  assert.deepEqual([stdout, faults], ['room\nroom\nroom\n', []]);
});

test('what root may read of others, and a worker’s kernel would deny it, is not shown as denied', {
  skip: skip || (process.getuid?.() === 0 ? false : 'only root has files of others'),
  timeout: 60_000,
}, async () => {
  const nobodys = (name: string, mode: number): void => {
    fs.chownSync(path.join(share, name), 65534, 65534);
    fs.chmodSync(path.join(share, name), mode);
  };
  for (const name of ['private', 'closed/f', 'program', 'open/f', 'own']) {
    fs.mkdirSync(path.join(share, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(share, name), '#!/bin/sh\n');
  }
  nobodys('private', 0o600);
  nobodys('closed', 0o700);
  nobodys('program', 0o744);
  nobodys('open', 0o755);
  fs.chmodSync(path.join(share, 'own'), 0);
  await using lab = await TreeLab.start({ programs, shares: [share] });
  for (const [script, faults] of [
    ['[ -r private ] || echo no', ['private']],
    ['[ -e closed/f ] || echo no', ['closed']],
    ['./program || echo no', ['program']],
    ['cat open/f own', []],
    ['[ -e private-not ] || [ -e open/g ] || ls open', []],
  ] as const)
    assert.deepEqual(
      (await lab.sh(script)).faults.map(({ kind, path: where }) => `${kind} ${path.relative(share, where)}`),
      faults.map((name) => `refused ${name}`),
      script,
    );
});

const mounts = spawnSync('unshare', ['-Urm', 'true']).status === 0;

/** A swarmtree that sees the share with something mounted in it. */
function treeBehind(mount: string, words = '-Urm'): string {
  fs.mkdirSync(path.join(share, 'beside'));
  const program = path.join(share, 'beside/swarmtree');
  const script = `#!/bin/sh\nexec unshare ${words} sh -c '${mount} && exec ${programs.swarmtree}'\n`;
  fs.writeFileSync(program, script, { mode: 0o755 });
  return program;
}

test('what the kernel makes up, and says to be empty, is not told', {
  skip: skip || (mounts ? false : 'no mount namespace can be made here'),
  timeout: 60_000,
}, async () => {
  fs.mkdirSync(path.join(share, 'root/proc'), { recursive: true });
  const swarmtree = treeBehind(`mount -t proc proc ${share}/root/proc`, '-Urmpf --kill-child');
  await using lab = await TreeLab.start({ programs: { ...programs, swarmtree }, shares: [share] });
  for (const [script, kinds] of [
    ['cat root/proc/version', ['refused']],
    ['[ -e root/proc ]', []],
    ['ls root/proc', ['refused']],
  ] as const)
    assert.deepEqual(
      (await lab.sh(script)).faults.map(({ kind }) => kind),
      kinds,
      script,
    );
});

test('a directory in which an automounter mounts what is asked for holds more than it lists', {
  skip: skip || (process.getuid?.() === 0 ? false : 'only root can mount an automounter'),
  timeout: 60_000,
}, async () => {
  fs.mkdirSync(path.join(share, 'auto'));
  const fifo = path.join(share, 'fifo');
  const mount = `mount -i -t autofs -o fd=3,pgrp=1,minproto=5,maxproto=5,indirect none ${share}/auto`;
  const swarmtree = treeBehind(`mkfifo ${fifo} && exec 3<>${fifo} && ${mount}`, '-m');
  await using lab = await TreeLab.start({ programs: { ...programs, swarmtree }, shares: [share] });
  const { faults } = await lab.sh('[ -e auto/tool ] || echo none');
  assert.deepEqual(
    faults.map(({ kind }) => kind),
    ['refused'],
  );
});

/** Mounts a file system of which this descriptor is the end that is to answer, and does not. */
function silentMount(fd: number, name: string): string {
  fs.mkdirSync(path.join(share, name));
  const options = `fd=${fd},rootmode=40000,user_id=0,group_id=0`;
  return `exec ${fd}<>/dev/fuse && mount -i -t fuse -o ${options} none ${share}/${name}`;
}

for (const fds of [[3], [3, 4, 5, 6]])
  test(`what never answers, ${fds.length} mounts of it, holds up nobody who does not look into it`, {
    skip: skip || (mounts ? false : 'no mount namespace can be made here'),
    timeout: 60_000,
  }, async () => {
    const swarmtree = treeBehind(fds.map((fd) => silentMount(fd, `dead${fd}`)).join(' && '));
    await using lab = await TreeLab.start({ programs: { ...programs, swarmtree }, shares: [share] });
    for (const [script, stdout, kinds] of [
      ['ls', 'beside\n', []],
      ['[ -e no ] || echo none; [ -e beside/swarmtree ] && echo there', 'none\nthere\n', []],
      ['[ -e dead3 ]', '', ['refused']],
    ] as const) {
      const result = await lab.sh(script);
      assert.deepEqual([result.stdout, result.faults.map(({ kind }) => kind)], [stdout, kinds], script);
    }
    assert.deepEqual(lab.lost, []);
  });

/** Perl that answers, once the file `serve` is there, for an empty file system of which descriptor 3 is the end. */
const lateServer = `
  select(undef, undef, undef, 0.02) until -e "$ARGV[0]";
  open(my $fuse, "+<&=", 3) or die $!;
  my %said = (
    3 => pack("QL2Q6L10", 3600, 0, 0, 1, (0) x 8, 040755, 2, (0) x 5), # GETATTR: a directory
    17 => "\\0" x 80, # STATFS
    26 => pack("L4S2L2S2L8", 7, 31, 0, 0, 9, 9, 4096, 1, (0) x 10), # INIT
  );
  while (sysread($fuse, my $request, 1 << 18)) {
    my (undef, $opcode, $unique) = unpack("L2Q", $request);
    my $body = $said{$opcode};
    syswrite($fuse, pack("LlQ", 16 + length($body // ""), defined $body ? 0 : -38, $unique) . ($body // ""));
  }`;

test('a mount that answers at last is shown, whatever was mounted meanwhile', {
  skip: skip || (mounts ? false : 'no mount namespace can be made here'),
  timeout: 60_000,
}, async () => {
  const [other, serve] = [path.join(share, 'other'), path.join(share, 'serve')];
  fs.mkdirSync(other);
  const mount = silentMount(3, 'dead');
  const [script, pidFile] = [path.join(share, 'server.pl'), path.join(share, 'pid')];
  fs.writeFileSync(script, lateServer);
  const server = `{ perl ${script} ${serve} <&- >&- 2>&- & echo $! >${pidFile}; } && exec 3>&-`;
  const swarmtree = treeBehind(`${mount} && ${server}`);
  await using lab = await TreeLab.start({ programs: { ...programs, swarmtree }, shares: [share] });
  const pid = fs.readFileSync(pidFile, 'latin1').trim();
  const look = async (): Promise<string> => (await lab.sh('[ -d dead ] && echo there')).stdout;
  try {
    assert.equal(await look(), '');
    const inside = ['-t', pid, '-U', '-m', '--preserve-credentials'];
    execFileSync('nsenter', [...inside, 'mount', '-t', 'tmpfs', 'none', other]);
    assert.equal(await look(), '');
    fs.writeFileSync(serve, '');
    await until(async () => (await look()) === 'there\n', 5_000, 'it is shown');
  } finally {
    process.kill(Number(pid), 'SIGKILL');
  }
});

test('a mount whose server is gone is not told to be absent', {
  skip: skip || (mounts ? false : 'no mount namespace can be made here'),
  timeout: 60_000,
}, async () => {
  const swarmtree = treeBehind(`${silentMount(3, 'dead')} && exec 3>&-`);
  await using lab = await TreeLab.start({ programs: { ...programs, swarmtree }, shares: [share] });
  const { stdout, faults } = await lab.sh('[ -e dead ] && echo there || echo none; [ -e no ] || echo none');
  assert.deepEqual([stdout, faults.map(({ kind }) => kind)], ['none\nnone\n', ['refused']]);
});
