/**
 * What a job in a served tree wrote comes home: the directory is then what the same script leaves when it runs here.
 *
 * BUILDSWARM_TREE_SEED: the first seed; BUILDSWARM_TREE_SEEDS: how many.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createRandom, nextInteger } from '../../src/core/random.ts';
import { Disk } from '../../src/share/disk.ts';
import { builtPrograms } from '../rig/programs.ts';
import { RandomScript } from '../rig/random-script.ts';
import { type TreeJobResult, TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { bringHome } from '../rig/written-lab.ts';

const skip = treeObstacle() ?? false;
const programs = builtPrograms();
const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const firstSeed = number('BUILDSWARM_TREE_SEED', 1);
const seeds = number('BUILDSWARM_TREE_SEEDS', 25);

const disk = new Disk();
let directory: string;

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tree-written-'));
});
after(async () => {
  await disk.close();
  rmSync(directory, { recursive: true, force: true });
});

function atHome(script: string, cwd: string): string {
  return execFileSync('/bin/sh', ['-c', `${script}\ntrue`], {
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString('latin1');
}

/** Names, kinds, modes, links, number of names, contents; times where they were chosen. */
function stateOf(cwd: string): string[] {
  const shown = atHome(
    `find . -mindepth 1 ! -type d -printf '%P %y %m %l %n %s %T@\\n' -o -type d -mindepth 1 -printf '%P %y %m\\n'; find . -type f -exec sha256sum {} +`,
    cwd,
  );
  return shown
    .split('\n')
    .map((line) => line.replace(/ (\d+)\.\d+$/, (time, s) => (Number(s) > 1_100_000_000 ? ' now' : time)))
    .toSorted();
}

/** @returns why the script has to run here. */
async function comeHome(result: TreeJobResult, startedAtMs: number, by = disk): Promise<string | undefined> {
  const [fault] = result.faults;
  if (fault !== undefined) return `fault: ${fault.kind} ${fault.name}`;
  const written = await bringHome(result, startedAtMs, by);
  try {
    const committed = await written.commit();
    return 'conflict' in committed ? `${path.basename(committed.conflict)} ${committed.why}` : undefined;
  } finally {
    await written.drop();
  }
}

test('a file of several names that was written to, moved or removed under one of them is left to a run here', {
  skip,
}, async () => {
  const cwd = path.join(directory, 'names');
  mkdirSync(cwd);
  atHome('echo 1 >a; ln a b', cwd);
  const before = stateOf(cwd);
  await using lab = await TreeLab.start({ programs, shares: [cwd] });
  for (const script of [
    'echo 2 >a',
    'echo 2 >>a; mv a c',
    'echo 2 >a; rm a',
    'mkdir d; mv a d; echo 2 >d/a',
  ]) {
    const startedAtMs = Date.now() + 1;
    const result = await lab.sh(script);
    assert.match((await comeHome(result, startedAtMs)) ?? '', /^a has other names/u, script);
    assert.deepEqual(stateOf(cwd), before);
  }
});

test('times of any century come home, by a thread and by swarmlook', { skip }, async (t) => {
  const looking = new Disk({ lookProgram: programs.swarmlook });
  t.after(() => looking.close());
  const dates = [
    '1960-01-02 03:04:05',
    '1960-01-02 03:04:05.25',
    '1969-12-31 23:59:59.999999999 UTC',
    '2300-01-02 00:00:00.5',
  ];
  const names = dates.flatMap((date, at) => [
    `echo x >f${at}; touch -d '${date}' f${at}`,
    `echo x >g${at}; ln -s g${at} l${at}; mkdir d${at}; touch -h -d '${date}' l${at} d${at} g${at}`,
  ]);
  const timesIn = (cwd: string): string => atHome(`find . -mindepth 1 -printf '%P %T@\\n' | sort`, cwd);
  for (const [way, by] of [
    ['thread', disk],
    ['swarmlook', looking],
  ] as const)
    for (const [at, script] of names.entries()) {
      const [served, home] = ['served', 'home'].map((name) =>
        path.join(directory, way, String(at), name),
      ) as [string, string];
      for (const each of [served, home]) mkdirSync(each, { recursive: true });
      await using lab = await TreeLab.start({ programs, shares: [served] });
      const result = await lab.sh(script);
      assert.equal(await comeHome(result, Date.now() + 1, by), undefined);
      atHome(script, home);
      assert.equal(timesIn(served), timesIn(home), `${way}: ${script}`);
    }
});

test('random scripts leave the directory that they leave at home', {
  skip,
  timeout: 60_000 + seeds * 2_000,
}, async (t) => {
  await using lab = await TreeLab.start({ programs, shares: [directory] });
  const elsewhere: string[] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const random = createRandom(seed);
    const scripts = new RandomScript(random);
    const tree = scripts.tree();
    const [served, home] = ['served', 'home'].map((name) =>
      path.join(directory, String(seed), name, 'tree'),
    ) as [string, string];
    for (const each of [served, home]) {
      mkdirSync(each, { recursive: true });
      atHome(tree, each);
    }
    const script = scripts.script(1 + nextInteger(random, 12));
    // What the tree was made of is older than this.
    const startedAtMs = Date.now() + 1;
    const result = await lab.sh(`${script}\ntrue`, { cwd: served, areas: [served] });
    const why = await comeHome(result, startedAtMs);
    if (why !== undefined) {
      elsewhere.push(`${seed}: ${why}`);
      atHome(script, served);
    }
    atHome(script, home);
    assert.deepEqual(stateOf(served), stateOf(home), `seed ${seed}\n${tree}\n--\n${script}`);
    await lab.pool.discard(path.basename(result.job.scratch));
  }
  t.diagnostic(`${seeds - elsewhere.length} of ${seeds} came home; ${elsewhere.join('; ')}`);
  assert.ok(elsewhere.length < seeds / 2, 'most scripts need not run here');
});
