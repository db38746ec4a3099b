/**
 * `swarmrun CMD` against `CMD`, for every command line of the tables beside this file: how it ends, both streams, and the files that
 * stand there afterwards, with their bytes, modes and links.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import type { CommandLine } from './command-lines/case.ts';
import { compilerRows } from './command-lines/compiler-rows.ts';
import { differing, misplaced, observe } from './command-lines/observe.ts';
import { processRows } from './command-lines/process-rows.ts';
import { toolRows } from './command-lines/tool-rows.ts';

const commandLines: readonly CommandLine[] = [...compilerRows, ...toolRows, ...processRows];

test('every command line ends, speaks and writes behind swarmrun as without', {
  concurrency: 3,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 6 });
  const folderOf = (index: number): string => path.join(swarm.share, `${index}`);
  await Promise.all(
    commandLines.map(({ script }, index) =>
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
  const wrong = commandLines.flatMap((line, index) => {
    const folder = folderOf(index);
    const own = jobs.filter(({ cwd }) => cwd === folder || cwd.startsWith(`${folder}/`));
    return misplaced(line, own).map((text) => `${line.place}: ${line.script}\n    ${text}`);
  });
  assert.deepEqual(wrong, [], 'commands ran elsewhere than the table says');
});
