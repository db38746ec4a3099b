/** A real project by its own build system: see scripts/projects, which builds more of them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { compareProject, makeDiffer, ownRoots, projects } from '../rig/real-project.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

const source = path.join(checkout, '.cache/projects/zlib');
// The tests have no network: scripts/test has brought it before, where there is an apt with Debian's sources.
const skip = existsSync(source) ? false : 'scripts/projects --fetch zlib has not brought its sources';

test('zlib is, to the byte, what it is at home', { skip }, async (t) => {
  const { zlib } = projects;
  assert.ok(zlib !== undefined);
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 3, ownRoots: [...ownRoots] });
  await makeDiffer(swarm);
  const { outputs, differing, jobs, remote, again, here } = await compareProject(swarm, 'zlib', zlib, source);
  t.diagnostic(`${outputs} files, ${remote} of ${jobs} jobs elsewhere, ${again.length} ran twice`);
  assert.deepEqual(differing, []);
  // zconf.h is made by configure just before it is compiled.
  const twice = again.filter(({ reasons }) => reasons.some(({ reason }) => reason !== 'stale-view'));
  assert.deepEqual(twice, []);
  assert.ok(remote > jobs / 2, `${remote} of ${jobs}; here: ${JSON.stringify([...here])}`);
});
