/**
 * A real project with a generated header, built by CMake and ninja on real NFS clients: see ./ninja-build.ts.
 * `BUILDSWARM_NINJA=full` builds all of it, three times clean and after 50 edits, on every mount.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { fetchDemoProject } from '../rig/demo-project.ts';
import { describeCounts, GuestSwarm } from './guest-swarm.ts';
import { labMounts, noLab } from './lab.ts';

const isFull = process.env['BUILDSWARM_NINJA'] === 'full';
const seed = Number(process.env['BUILDSWARM_NINJA_SEED'] ?? Math.floor(Math.random() * 1e6));
const size = isFull
  ? { clean: 3, edits: 50, targets: ['all'], timeoutMs: 3_600_000 }
  : { clean: 1, edits: 4, targets: ['part'], timeoutMs: 400_000 };

describe('ninja', { skip: noLab ?? false }, () => {
  before(async () => {
    // Into the checkout's cache, which the guests can only read.
    const folder = await mkdtemp(join(tmpdir(), 'buildswarm-ninja-'));
    await fetchDemoProject(folder);
    await rm(folder, { recursive: true });
  });

  for (const mount of isFull ? labMounts() : labMounts().slice(0, 1))
    test(`clean and incremental builds are those of this machine alone on ${mount}`, async (t) => {
      await using swarm = await GuestSwarm.start(mount);
      const program = join(checkout, 'dist/test/nfs/ninja-build.js');
      const args = [join(swarm.share, 'tree'), checkout, size.clean, size.edits, seed, ...size.targets];
      const output = await swarm.run('A', `mkdir tree && node ${program} ${args.join(' ')}`, size.timeoutMs);
      const result = JSON.parse(output) as {
        trouble: string[];
        edits: number;
        rebuilt: number;
        objects: number;
      };
      const counts = await swarm.counts();
      t.diagnostic(`seed ${seed}: ${output.trim()}; ${describeCounts(counts)}`);
      assert.deepEqual(result.trouble, [], `seed ${seed}`);
      assert.equal(result.edits, size.edits);
      assert.ok(counts.jobs.remote > result.rebuilt / 2, 'most compiles were remote');
    });
});
