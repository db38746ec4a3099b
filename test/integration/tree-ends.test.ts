/**
 * Helpers that are killed, cut off and frozen in the middle of jobs, and trees that change more than can be told.
 *
 * BUILDSWARM_TREE_ENDS: how many times swarmfs is killed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
const programs = builtPrograms();
const times = Number(process.env['BUILDSWARM_TREE_ENDS'] ?? 2);

let directory: string;
let share: string;

before(() => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'tree-ends-'));
  share = path.join(directory, 'share');
  fs.mkdirSync(share);
  for (let n = 0; n < 40; n += 1) fs.writeFileSync(path.join(share, `f${n}`), `${n}`);
});
after(() => fs.rmSync(directory, { recursive: true, force: true }));

/** Processes of this machine whose command line or working place names `text`. */
function processesWith(text: string): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/u.test(pid) || Number(pid) === process.pid) return false;
    try {
      const words =
        fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') +
        fs.readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
      return words.includes(text);
    } catch {
      return false;
    }
  });
}

async function assertNothingLeft(lab: TreeLab): Promise<void> {
  const jobs = path.join(lab.directory, 'tree', 'jobs');
  await until(
    () => processesWith(`${lab.directory}/tree`).length === 0 && !fs.existsSync(jobs),
    3_000,
    `no process, mount and temporary is left: ${processesWith(`${lab.directory}/tree`).join()} ${fs.existsSync(jobs)}`,
  );
}

test('swarmfs that is killed in the middle of jobs takes them along, and leaves nothing', {
  skip,
  timeout: 120_000,
}, async () => {
  for (let n = 0; n < times; n += 1) {
    await using lab = await TreeLab.start({ programs, shares: [share] });
    const jobs = [1, 2, 3].map(async () => {
      try {
        return await lab.sh(
          'i=0; while :; do i=$((i+1)); cat f* > out$i; ls -lR /usr/include | tail -1; done',
        );
      } catch (error) {
        return error;
      }
    });
    const begun = performance.now();
    await until(() => lab.traffic.requests > 20, 10_000, 'the jobs run');
    // Invalidations on their way: the thread that tells the kernel waits for its locks.
    const telling = Array.from({ length: 5 }, async (_, k) => {
      fs.writeFileSync(path.join(share, `f${k}`), `${begun}`);
      await lab.barrier().catch(() => 'lost');
    });
    process.kill(lab.mount.place.pid, 'SIGKILL');
    await Promise.all(telling);
    await Promise.all(jobs);
    await until(() => lab.lost.length === 1, 3_000, 'its end is told');
    await assertNothingLeft(lab);
  }
});

test('swarmfs that is killed while lookups and invalidations wait for the submitter ends all the same', {
  skip,
  timeout: 120_000,
}, async () => {
  for (let n = 0; n < times; n += 1) {
    await using lab = await TreeLab.start({ programs, shares: [share] });
    await lab.sh('cat f1');
    const parts = await (async () => {
      fs.writeFileSync(path.join(share, 'f2'), `${n}`);
      fs.writeFileSync(path.join(share, `new${n}`), `${n}`);
      return await lab.server.barrier();
    })();
    await lab.mount.apply(parts.map(({ payload }) => payload));
    lab.frozen = true;
    const waiting = lab.run(['cat', `new${n}`], { barrier: false }).catch((error: unknown) => error);
    const { requests } = lab.traffic;
    await until(() => lab.traffic.requests > requests, 10_000, 'a lookup waits');
    // The kernel holds the directory's lock for that lookup; this waits for the lock.
    const applied = lab.mount.apply(parts.map(({ payload }) => payload)).catch((error: unknown) => error);
    await until(async () => ((await lab.mount.figures())['waiting'] ?? 0) > 0, 5_000, 'it is kept');
    process.kill(lab.mount.place.pid, 'SIGKILL');
    await Promise.all([waiting, applied]);
    await assertNothingLeft(lab);
  }
});

test('a job that waits for a frozen submitter ends when it is killed, and goes on when that thaws', {
  skip,
  timeout: 60_000,
}, async () => {
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('cat f1');
  lab.frozen = true;
  const killed = lab.start(['cat', '/usr/share/dict/none', '/etc/hostname', '/etc/magic'], {
    barrier: false,
  });
  const { requests } = lab.traffic;
  await until(() => lab.traffic.requests > requests, 10_000, 'it waits');
  killed.cancel();
  // What never ended would end the test by its deadline.
  await killed.ended;
  const goesOn = lab.run(['cat', '/etc/debian_version'], { barrier: false });
  lab.thaw();
  assert.equal((await goesOn).stdout, fs.readFileSync('/etc/debian_version', 'latin1'));
});

test('a submitter that is gone makes reads fail and jobs be disbelieved', {
  skip,
  timeout: 60_000,
}, async () => {
  await using lab = await TreeLab.start({ programs, shares: [share] });
  await lab.sh('cat f31');
  lab.failing = true;
  const result = await lab.run(['cat', 'f30', 'f31'], { barrier: false });
  assert.equal(result.stdout, '31');
  assert.equal(result.status, 1);
  assert.ok(result.faults.some(({ kind }) => kind === 'fetch'));
});

test('ten thousand files changed at once are all seen, even when events are lost', {
  skip,
  timeout: 120_000,
}, async () => {
  const many = path.join(directory, 'many');
  const write = (text: string, files = 10_000): void => {
    for (let n = 0; n < files; n += 1) fs.writeFileSync(path.join(many, `d${n % 50}`, `f${n}`), text);
  };
  for (let n = 0; n < 50; n += 1) fs.mkdirSync(path.join(many, `d${n}`), { recursive: true });
  write('one');
  await using lab = await TreeLab.start({ programs, shares: [many] });
  // Attributes of all, contents of some.
  const probe = `find . -type f -printf '%P %s %T@\n' | sort; cat d?/f*`;
  const assertSeen = async (): Promise<void> => {
    const home = execFileSync('/bin/sh', ['-c', probe], { cwd: many, maxBuffer: 1 << 26 }).toString();
    const { stdout } = await lab.sh(probe);
    // A difference of two such texts would itself be thousands of lines.
    assert.ok(stdout === home, 'the job sees what is there');
  };
  await assertSeen();
  // Stopped, it cannot take events in, and the queue runs over.
  const before = (await lab.figures()).tree['overflows'] ?? 0;
  process.kill(lab.server.pid, 'SIGSTOP');
  write('two');
  process.kill(lab.server.pid, 'SIGCONT');
  await assertSeen();
  assert.ok(((await lab.figures()).tree['overflows'] ?? 0) > before, 'the queue ran over');
  // And without losing any.
  write('six', 500);
  await assertSeen();
});

test('a swarmfs that is stopped is lost while nobody but its submitter waits for it', async () => {
  await using lab = await TreeLab.start({ programs, shares: [share], mount: { lookMs: 50 } });
  process.kill(lab.mount.place.pid, 'SIGSTOP');
  await assert.rejects(lab.barrier(), /it was stopped/);
  assert.deepEqual(lab.lost, ['swarmfs: it was stopped']);
});
