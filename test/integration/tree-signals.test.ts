/** Signals to a job in a served tree, at whatever moment of its start they come. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { type StartedTreeJob, TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;

let directory: string;
let lab: TreeLab;

const { SIGTERM, SIGINT, SIGHUP, SIGUSR1 } = constants.signals;
const numbers = [SIGTERM, SIGINT, SIGHUP, SIGUSR1];
// What lies beside a directory that is looked up is told with it, so each is in one of its own.
const nameOf = (hasPlace: boolean, number: number): string => `${hasPlace ? 'ready' : 'own'}-${number}/cwd`;

before(async () => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'tree-signals-'));
  for (const number of numbers)
    for (const hasPlace of [true, false])
      fs.mkdirSync(path.join(directory, nameOf(hasPlace, number)), { recursive: true });
  if (skip === false) lab = await TreeLab.start({ programs: builtPrograms(), shares: [directory] });
});
after(async () => {
  await lab?.[Symbol.asyncDispose]();
  fs.rmSync(directory, { recursive: true, force: true });
});

/** Starts `sleep` in a directory that nobody has looked up, and returns while swarmjob waits to be told of that. */
async function startHeld(cwd: string, hasPlace: boolean): Promise<StartedTreeJob> {
  await lab.barrier();
  lab.frozen = true;
  const { requests } = lab.traffic;
  const job = lab.start(['sleep', '20'], { cwd, hasPlace });
  await until(() => lab.traffic.requests > requests, 5_000, 'swarmjob asks for the directory');
  return job;
}

for (const hasPlace of [true, false])
  for (const number of numbers)
    test(`signal ${number} ends a command that has not begun in ${hasPlace ? 'a place that stood ready' : 'a place of its own'}`, {
      skip,
    }, async () => {
      const job = await startHeld(path.join(directory, nameOf(hasPlace, number)), hasPlace);
      job.signal({ number, toGroup: number === SIGINT });
      lab.thaw();
      const { exit } = await job.ended;
      assert.deepEqual(exit.ending, { kind: 'signaled', signal: number, core: false });
    });

/** Two processes of one group that tell of each signal and go on, until USR2. */
const telling = (marker: string): string => `# ${marker}
$| = 1; my $who = fork ? 'parent' : 'child';
for my $s (qw(INT QUIT HUP TERM USR1)) { $SIG{$s} = sub { syswrite STDOUT, "$who $s\\n" } }
$SIG{USR2} = sub { wait if $who eq 'parent'; exit 0 };
syswrite STDOUT, "ready\\n"; sleep 1 while 1;`;

async function startTelling(): Promise<StartedTreeJob> {
  await lab.barrier();
  const job = lab.start(['perl', '-e', telling(directory)], { cwd: directory });
  await until(() => job.said().split('ready\n').length === 3, 10_000, 'both processes are ready');
  return job;
}

const named = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR1'] as const;

for (const toGroup of [true, false])
  test(`a signal reaches the ${toGroup ? 'whole group' : 'command alone'}, and once`, {
    skip,
    timeout: 60_000,
  }, async () => {
    for (const name of named) {
      const job = await startTelling();
      job.signal({ number: constants.signals[name], toGroup });
      const short = name.slice(3);
      const expected = toGroup ? [`child ${short}`, `parent ${short}`] : [`parent ${short}`];
      const told = (): string[] =>
        job
          .said()
          .split('\n')
          .filter((line) => line.includes(' '))
          .toSorted();
      await until(() => told().length >= expected.length, 10_000, `${name} is told of`);
      // Passed on by the same ways, so what was on its way before it has come.
      job.signal({ number: constants.signals.SIGUSR2, toGroup: true });
      assert.equal((await job.ended).exit.ending.kind, 'exited');
      assert.deepEqual(told(), expected);
    }
  });

test('a job is stopped, and goes on', { skip, timeout: 60_000 }, async () => {
  const job = await startTelling();
  const found = execFileSync('pgrep', ['-f', `^perl -e # ${directory}`], { encoding: 'latin1' });
  const pids = found.trim().split('\n');
  assert.equal(pids.length, 2);
  const areAll = (states: string): boolean =>
    pids.every((pid) =>
      states.includes(/\) (\S)/.exec(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? ''),
    );
  job.signal({ number: constants.signals.SIGTSTP, toGroup: true });
  await until(() => areAll('T'), 10_000, 'both are stopped');
  job.signal({ number: constants.signals.SIGCONT, toGroup: true });
  await until(() => areAll('SR'), 10_000, 'both go on');
  job.signal({ number: constants.signals.SIGUSR2, toGroup: true });
  assert.equal((await job.ended).exit.ending.kind, 'exited');
});

test('a job that is stopped before its command has begun is stopped when it has', {
  skip,
  timeout: 60_000,
}, async () => {
  const marker = `${directory}/early`;
  for (const hasPlace of [true, false]) {
    await lab.barrier();
    const job = lab.start(['perl', '-e', `# ${marker}\nprint "ran"`], { cwd: directory, hasPlace });
    job.signal({ number: constants.signals.SIGTSTP, toGroup: true });
    const isStopped = (): boolean =>
      execFileSync('ps', ['-eo', 'stat=,args='], { encoding: 'latin1' })
        .split('\n')
        .some((line) => line.startsWith('T') && line.includes(marker));
    await until(isStopped, 5_000, 'it is stopped');
    assert.equal(job.said(), '');
    job.signal({ number: constants.signals.SIGCONT, toGroup: true });
    assert.equal((await job.ended).stdout.toString(), 'ran');
  }
});

test('a command blocks what its caller blocked, and nothing else', { skip, timeout: 60_000 }, async () => {
  for (const blocked of ['0', '8000000000000200']) {
    const { stdout } = await lab.run(['grep', 'SigBlk', '/proc/self/status'], { cwd: directory, blocked });
    assert.equal(stdout, `SigBlk:\t${blocked.padStart(16, '0')}\n`);
  }
});

test('who asks for the end while what a command left is hashed is heard', {
  skip,
  timeout: 60_000,
}, async () => {
  await lab.barrier();
  // Nothing but holes: made in a moment, hashed in half a minute or more.
  const job = lab.start(['truncate', '-s', '64G', 'large'], { cwd: directory });
  let isOver = false;
  const ended = job.ended.finally(() => {
    isOver = true;
  });
  const own = (): string[] =>
    execFileSync('pgrep', ['-f', `^[^ ]*swarmjob .*--scratch=${job.job.scratch} `], { encoding: 'latin1' })
      .trim()
      .split('\n');
  const read = (pid: string): number =>
    Number(/rchar: (\d+)/.exec(fs.readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
  await until(() => own().some((pid) => read(pid) > 1e8), 20_000, 'it is hashed');
  job.signal({ number: SIGTERM, toGroup: true });
  await until(() => isOver, 5_000, 'it has ended');
  assert.deepEqual((await ended).exit.ending, { kind: 'signaled', signal: SIGTERM, core: false });
});
