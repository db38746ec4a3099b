/** The first compile of each object of a tree that was just made: what it will search is known, so it runs once. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

const count = 6;

/**
 * Sources in `src` with headers beside it in `gen`, as they name them themselves, and in `aside`, which only the header
 * in `include` names.
 */
async function makeTree(root: string): Promise<void> {
  for (const directory of ['src', 'include', 'gen', 'aside'])
    await mkdir(path.join(root, directory), { recursive: true });
  const files: Record<string, string> = {
    'include/i.h': '#include "../aside/a.h"\n',
    'aside/a.h': 'int a;\n',
    'src/main.c': '#include "../aside/a.h"\nint main(void) { return 0; }\n',
  };
  for (let n = 0; n < count; n += 1) {
    files[`gen/g${n}.h`] = `int g${n};\n`;
    files[`src/words${n}.c`] = `#include "../gen/g${n}.h"\n`;
    files[`src/tree${n}.c`] = `#include <i.h>\n#include "../gen/g${n}.h"\n`;
  }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(root, name), text);
}

for (const compiler of ['gcc', 'clang'])
  test(`with ${compiler} nothing runs twice since a search was not foreseen`, async (t) => {
    await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
    /** Compiles all of one kind at once in a tree of their own. @returns those that ran again, and how many ran elsewhere. */
    const compile = async (name: string, sources: readonly string[], mode = '-c') => {
      const cwd = path.join(swarm.share, name);
      const commands = sources.map(
        (source) => `swarmrun ${compiler} -Iinclude ${mode} src/${source}.c -o ${source}.o &`,
      );
      await swarm.check('m1', ['bash', '-c', `${commands.join('\n')}\nwait`], { cwd });
      const jobs = (await swarm.explainJobs('m1')).filter((job) => job.cwd === cwd);
      const again = jobs.filter(({ reasons }) => reasons.some(({ reason }) => reason === 'view-grew'));
      return { again: again.map(({ details }) => details.join()), remote: jobs.length - again.length };
    };
    const numbered = (kind: string) => Array.from({ length: count }, (_, n) => `${kind}${n}`);
    // By their own words, before anything ran.
    await makeTree(path.join(swarm.share, 'words'));
    assert.deepEqual((await compile('words', numbered('words'))).again, []);
    await makeTree(path.join(swarm.share, 'program'));
    assert.deepEqual((await compile('program', ['main'], '')).again, []);
    // By what the first one has told.
    await makeTree(path.join(swarm.share, 'tree'));
    const [first = '', ...others] = numbered('tree');
    await compile('tree', [first]);
    const before = (await compile('tree', [])).again.length;
    const { again, remote } = await compile('tree', others);
    assert.deepEqual(again.slice(before), []);
    assert.ok(remote >= others.length - 1, `only ${remote} of them ran elsewhere`);
  });
