/**
 * `swarmrun CMD` against `CMD`, for every command line of the tables beside this file: how it ends, both streams, and the files that
 * stand there afterwards, with their bytes, modes and links. In a share that all machines see, and in files of the caller's machine alone.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { isFull } from '../rig/effort.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import type { CommandLine, Way } from './command-lines/case.ts';
import { compilerRows } from './command-lines/compiler-rows.ts';
import { differing, misplaced, observe } from './command-lines/observe.ts';
import { processRows } from './command-lines/process-rows.ts';
import { toolRows } from './command-lines/tool-rows.ts';

const commandLines: readonly CommandLine[] = [...compilerRows, ...toolRows, ...processRows];

async function compareAll(
  t: TestContext,
  swarm: SwarmRig,
  way: Way,
  lines: readonly CommandLine[],
  parent: string,
): Promise<void> {
  const folderOf = (index: number): string => path.join(parent, `${index}`);
  await Promise.all(
    lines.map(({ script }, index) =>
      t.test(script.length > 150 ? `${script.slice(0, 150)}…` : script, async () => {
        // In the same place, one after the other: it is written into what is compiled.
        const expected = await observe(swarm, folderOf(index), script, '');
        const actual = await observe(swarm, folderOf(index), script, 'swarmrun');
        assert.deepEqual(...differing(actual, expected));
      }),
    ),
  );
  const jobs = await swarm.explainJobs('m1');
  const remote = jobs.filter(({ place }) => place !== 'inline');
  const again = remote.filter(({ reasons }) => reasons.length > 0);
  t.diagnostic(`${jobs.length} jobs, ${remote.length} of them remote, ${again.length} of these not at once`);
  const wrong = lines.flatMap((line, index) => {
    const folder = folderOf(index);
    const own = jobs.filter(({ cwd }) => cwd === folder || cwd.startsWith(`${folder}/`));
    return misplaced(line, way, own).map((text) => `${line.place[way]}: ${line.script}\n    ${text}`);
  });
  assert.deepEqual(wrong, [], 'commands ran elsewhere than the table says');
  // Of these a few may be final, see misplaced.
  const failing = lines.filter(({ place }) => place[way] === 'failed-remotely').length;
  const ranAgain = jobs.filter(({ reasons }) => reasons.some(({ reason }) => reason === 'failed-remotely'));
  assert.ok(
    ranAgain.length >= failing / 2,
    `${ranAgain.length} of ${failing} that failed elsewhere ran again`,
  );
}

test('every command line ends, speaks and writes behind swarmrun as without', {
  concurrency: 3,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 6, serves: false });
  const lines = commandLines.filter(({ place }) => place.direct !== 'piped');
  await compareAll(t, swarm, 'direct', lines, swarm.share);
});

// All of them, or those that run elsewhere than on a shared tree and some of the others.
const served = commandLines.filter(
  ({ place }, index) =>
    place.served !== 'waits' && (isFull || place.direct !== place.served || index % 8 === 0),
);

test('so does it where the other machines are shown the files of the caller’s', {
  skip: treeObstacle() ?? false,
  concurrency: 3,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 6, ownRoots: ['/srv'] });
  await compareAll(t, swarm, 'served', served, '/srv');
});
