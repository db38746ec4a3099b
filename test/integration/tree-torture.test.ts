/**
 * Coherence: whatever happens to the submitter's files, a job that is handed in afterwards sees what they are now. Each
 * round changes a tree by chance, runs a job that tells all that can be seen of it, and compares this line by line with
 * what is told at home; meanwhile other jobs hammer the same names, so that the kernel's caches are never at rest.
 *
 * BUILDSWARM_TREE_ROUNDS: rounds of a seed; BUILDSWARM_TREE_SEED: the first seed, BUILDSWARM_TREE_SEEDS: how many.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createRandom, nextInteger } from '../../src/core/random.ts';
import { ReadProfiles } from '../../src/core/tree/read-profiles.ts';
import { checkout } from '../rig/child.ts';
import { roundsOf } from '../rig/effort.ts';
import { builtPrograms } from '../rig/programs.ts';
import { ChangingTree } from '../rig/tree-changes.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';

const skip = treeObstacle() ?? false;
const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const rounds = number('BUILDSWARM_TREE_ROUNDS', roundsOf({ brief: 24, full: 200 }));
const firstSeed = number('BUILDSWARM_TREE_SEED', 1);
const seeds = number('BUILDSWARM_TREE_SEEDS', 1);

let directory: string;
let mapWrite: string;

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tree-torture-'));
  mapWrite = path.join(directory, 'map-write');
  execFileSync('cc', ['-O1', '-o', mapWrite, path.join(checkout, 'test/rig/map-write.c')]);
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** Names that are looked for whether they are there or not, by every way that leads to them. */
const lookedFor = ['d1', 'd2', 'd1/in', 'd2/in', 'far/off/deep', 'ld', 'l1', 'l2', 'turn', '.'].flatMap(
  (place) => ['f', 'g.h', 'h.h', 'same', 'new', 'nowhere'].map((name) => `${place}/${name}`),
);

/** Tells all: attributes to the nanosecond, listings, links, contents, what is there and what is not. */
function probe(isInOverlay: boolean): string {
  // An overlay numbers its files itself, and shows directories as its own.
  const shown = isInOverlay ? '%P %y %m %l' : '%P %y %s %b %T@ %C@ %m %n %U %l %i';
  return [
    `find . -printf '${shown}\\n' | sort`,
    `find . -type f -printf '%P %s %T@ %m\\n' -exec sha256sum {} + | sort`,
    `for n in ${lookedFor.join(' ')}; do if [ -e $n ]; then read -r l < $n; echo "$n \${#l} $l"; else echo "$n absent"; fi; done 2>/dev/null`,
    'ls -R | sort | cksum',
  ].join('; ');
}

function atHome(script: string, cwd: string): string {
  return execFileSync('/bin/sh', ['-c', script], {
    cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString('latin1');
}

/** Compares what was told line by line; the lines that differ. */
function differences(served: string, home: string): string[] {
  const [there, here] = [served.split('\n'), home.split('\n')];
  const wrong = there.filter((line) => !here.includes(line)).map((line) => `served: ${line}`);
  return [...wrong, ...here.filter((line) => !there.includes(line)).map((line) => `home:   ${line}`)];
}

/** Jobs that read the same names all the time, and mind nothing, until `stop`. */
function hammer(lab: TreeLab, root: string): { stop: () => Promise<number> } {
  const end = new AbortController();
  const one = async (areas: readonly string[]): Promise<number> => {
    let jobs = 0;
    while (!end.signal.aborted) {
      const script = `i=0; while [ $i -lt 15 ]; do ls -lR . >/dev/null 2>&1; cat ${lookedFor.join(' ')} >/dev/null 2>&1; i=$((i+1)); done`;
      const result = await lab.sh(script, { barrier: false, areas });
      await lab.pool.discard(path.basename(result.job.scratch));
      jobs += 1;
    }
    return jobs;
  };
  const both = [one([]), one([root])];
  return {
    stop: async () => {
      end.abort();
      return (await Promise.all(both)).reduce((sum, jobs) => sum + jobs, 0);
    },
  };
}

for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
  test(`a job sees the tree as it is when it is handed in, seed ${seed}`, {
    skip,
    timeout: 600_000,
  }, async (t) => {
    const random = createRandom(seed);
    const root = path.join(directory, `seed-${seed}`, 'tree');
    const tree = new ChangingTree({
      root,
      outside: path.join(directory, `seed-${seed}`, 'outside'),
      random,
      mapWrite,
    });
    const profiles = new ReadProfiles();
    await using lab = await TreeLab.start({ programs: builtPrograms(), shares: [root], profiles });
    const background = hammer(lab, root);
    let checks = 0;
    try {
      for (let round = 0; round < rounds; round += 1) {
        const changes = Array.from({ length: 1 + nextInteger(random, 4) }, () => tree.change());
        const areas = nextInteger(random, 3) === 0 ? [root] : [];
        const script = probe(areas.length > 0);
        // Now and then it is told all that was ever asked for: what has changed, and what is not there any more, too.
        if (nextInteger(random, 4) === 0) profiles.left(lab.directory);
        const served = await lab.sh(script, {
          areas,
          ahead: { kind: 'probe', inputs: [`${root}/d1/f`], outputs: [`${root}/d2/f`, `${root}/d1/new`] },
          sources: [`${root}/d1/f`, `${root}/d2/f`, `${root}/d1/new`],
        });
        await lab.pool.discard(path.basename(served.job.scratch));
        const home = atHome(script, root);
        checks += home.split('\n').length;
        const wrong = differences(served.stdout, home);
        assert.deepEqual(
          wrong.slice(0, 20),
          [],
          `round ${round}, after: ${changes.join(', ')}; ${served.stderr.slice(0, 300)}`,
        );
      }
    } finally {
      t.diagnostic(`${checks} checks beside ${await background.stop()} jobs`);
    }
    assert.deepEqual(lab.lost, []);
  });
}
