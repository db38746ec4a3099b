/** A real project by its own build system: see scripts/projects, which builds more of them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { compareProject, projects, startUnlike } from '../rig/real-project.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import type { Way } from './command-lines/case.ts';

const source = path.join(checkout, '.cache/projects/zlib');
// The tests have no network: scripts/test has brought it before, where there is an apt with Debian's sources.
const skip = existsSync(source) ? false : 'scripts/projects --fetch zlib has not brought its sources';

async function assertSame(t: TestContext, way: Way): Promise<void> {
  const { zlib } = projects;
  assert.ok(zlib !== undefined);
  await using swarm = await startUnlike(t, way);
  const found = await compareProject(swarm, 'zlib', zlib, { source, way });
  const { outputs, differing, jobs, remote, again, here } = found;
  t.diagnostic(`${outputs} files, ${remote} of ${jobs} jobs elsewhere, ${again.length} ran twice`);
  assert.deepEqual(differing, []);
  // zconf.h is made by configure just before it is compiled.
  const twice = again.filter(({ reasons }) => reasons.some(({ reason }) => reason !== 'stale-view'));
  assert.deepEqual(twice, []);
  assert.ok(remote > jobs / 2, `${remote} of ${jobs}; here: ${JSON.stringify([...here])}`);
}

test('zlib is, to the byte, what it is at home', { skip }, (t) => assertSame(t, 'direct'));

test(
  'so it is by machines that have neither its files nor, one of them, a compiler',
  {
    skip: skip || (treeObstacle() ?? false),
  },
  (t) => assertSame(t, 'served'),
);
