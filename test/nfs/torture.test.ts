/**
 * Tortures peers on real NFS clients: see ./torture.ts. `BUILDSWARM_TORTURE_JOBS` sets the number of jobs on each mount,
 * `BUILDSWARM_TORTURE_SEED` the changes.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { describeCounts, GuestSwarm, swarmrun } from './guest-swarm.ts';
import { fewMounts, labMounts, noLab } from './lab.ts';

const jobs = Number(process.env['BUILDSWARM_TORTURE_JOBS'] ?? 60);
const firstSeed = Number(process.env['BUILDSWARM_TORTURE_SEED'] ?? Math.floor(Math.random() * 1e6));
/** Guests are slow: far more than a job takes. */
const jobTimeoutMs = 25_000;
/** Jobs within which a swarm without checks is seen to be wrong. */
const jobsWithoutChecks = 600;

interface Torture {
  readonly jobs: number;
  readonly wrong: number;
  readonly failed: number;
  /** Compiles with other flags than those of the most common build tools. */
  readonly unusual: number;
  readonly trouble: readonly string[];
}

/** @param maxTrouble - it ends after so many wrong or failed jobs. */
async function torture(
  swarm: GuestSwarm,
  options: { jobs: number; seed: number; maxTrouble: number; changes?: 'stale' },
): Promise<Torture> {
  const tree = join(swarm.share, 'tree');
  const program = (name: string): string => `node ${join(checkout, 'dist/test/nfs', `${name}.js`)}`;
  const timeoutMs = 60_000 + options.jobs * jobTimeoutMs;
  // Each looks on its own, as other programs of that machine do, until the torture says that it is over.
  const primes = (['B', 'C'] as const).map((name) =>
    swarm.run(name, `${program('prime')} ${tree} ${join(swarm.share, 'over')}`, timeoutMs),
  );
  const { jobs: count, seed, maxTrouble, changes = '' } = options;
  const command = `${program('torture')} ${tree} ${swarmrun} ${count} ${seed} ${maxTrouble} ${changes}`;
  const output = await swarm.run('A', `${command}; status=$?; touch over; exit $status`, timeoutMs);
  await Promise.all(primes);
  return JSON.parse(output) as Torture;
}

describe('torture', { skip: noLab ?? false }, () => {
  for (const [index, mount] of fewMounts().entries())
    test(`no job is wrong or fails on ${mount}`, async (t) => {
      const seed = firstSeed + index;
      await using swarm = await GuestSwarm.start(mount);
      const before = performance.now();
      const result = await torture(swarm, { jobs, seed, maxTrouble: 20 });
      const tookS = Math.round((performance.now() - before) / 1_000);
      const counts = await swarm.counts();
      const again = await swarm.ranAgain(swarm.share);
      const ranAgain = `${again.jobs} ran more than once (${again.why})`;
      t.diagnostic(`${result.jobs} jobs in ${tookS} s, seed ${seed}: ${describeCounts(counts)}; ${ranAgain}`);
      assert.deepEqual(result.trouble, [], `seed ${seed}`);
      // Of few, one that was unlucky is more than this.
      if (result.jobs >= 500) assert.ok(again.jobs <= result.jobs / 50, ranAgain);
      assert.equal(result.wrong + result.failed, 0);
      assert.ok(counts.jobs.remote > result.jobs / 2, 'most jobs were remote');
      assert.ok(result.unusual > result.jobs / 3, `only ${result.unusual} of the kinds that were wrong once`);
    });

  const [mount] = labMounts();
  if (mount !== undefined)
    test(`the same without checks of views is wrong or fails on ${mount}`, async (t) => {
      await using swarm = await GuestSwarm.start(mount, 'believing');
      const result = await torture(swarm, {
        jobs: jobsWithoutChecks,
        seed: firstSeed,
        maxTrouble: 1,
        changes: 'stale',
      });
      t.diagnostic(`trouble within ${result.jobs} jobs, seed ${firstSeed}: ${result.trouble.join('; ')}`);
      assert.ok(
        result.wrong + result.failed > 0,
        `${result.jobs} jobs without trouble: this test sees nothing`,
      );
    });
});
