/** A compile error is final after one run on a worker, and is told as it would be told here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

/** Sources with one plain error each, by name. */
const sources = {
  syntax: '#include "lib/q.h"\nint f( { return 0; }\n',
  type: '#include "lib/q.h"\n#include <stdio.h>\nint f(void) { return undeclared; }\n',
  'missing-quoted': '#include "lib/q.h"\n#include "sub/missing.h"\nint x;\n',
  'missing-angle': '#include <stdio.h>\n#include <nowhere/missing.h>\nint x;\n',
  'missing-first': '#include "missing.h"\n',
  'error-directive': '#include "lib/q.h"\n#error not for this machine\n#include <stdlib.h>\nint x;\n',
  unused: '#include "lib/q.h"\nint f(void) { int unused; return 0; }\n',
} as const;

const compilers = [
  ['gcc', 'c', []],
  ['g++', 'cc', ['-MD', '-MF', 'out.d']],
  ['clang', 'c', []],
  ['clang++', 'cc', ['-MMD']],
] as const;

test('a plain compile error', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, ownRoots: ['/usr/local'] });
  await swarm.check('m1', ['mkdir', '-p', 'inc/lib', 'empty']);
  await swarm.check('m1', [
    'sh',
    '-c',
    'echo "int q;" >inc/lib/q.h; echo "#include <stdio.h>" >good.c; cp good.c good.cc',
  ]);
  for (const [name, text] of Object.entries(sources))
    for (const ending of ['c', 'cc'])
      await swarm.check('m1', ['sh', '-c', 'printf %s "$1" >"$0"', `${name}.${ending}`, text]);
  const notFinal: string[] = [];
  let all = 0;
  for (const [compiler, ending, extra] of compilers) {
    const fatal = [[], ['-Wfatal-errors']];
    await t.test(`of ${compiler} is said once, as here`, async () => {
      // The tree is known to the worker, as in an edit-compile-error loop.
      await swarm.check('m1', ['swarmrun', compiler, '-Iempty', '-Iinc', '-c', `good.${ending}`]);
      const asked: string[] = [];
      for (const name of Object.keys(sources)) {
        for (const options of fatal) {
          const command = [
            compiler,
            '-Wall',
            '-Werror',
            '-Iempty',
            '-Iinc',
            ...options,
            ...extra,
            '-c',
            `${name}.${ending}`,
          ];
          const here = await swarm.exec('m1', command);
          const there = await swarm.exec('m1', ['swarmrun', ...command]);
          assert.deepEqual(
            [there.status, there.stderr.toString(), there.stdout.toString()],
            [here.status, here.stderr.toString(), here.stdout.toString()],
          );
          asked.push(command.join(' '));
        }
      }
      all += asked.length;
      const jobs = (await swarm.explainJobs('m1')).slice(-asked.length);
      for (const [index, { place, reasons, details }] of jobs.entries())
        if (place !== 'm2')
          notFinal.push(`${asked[index]}: ${JSON.stringify([reasons.map(({ reason }) => reason), details])}`);
    });
  }
  await t.test('is final after one run', () => {
    t.diagnostic(`${all - notFinal.length} of ${all} errors were final after one run`);
    assert.deepEqual(notFinal, []);
  });

  await t.test('of a header that is missing on the worker only is not believed', async () => {
    await swarm.check('m1', [
      'sh',
      '-c',
      'mkdir -p /usr/local/include && echo "int h;" >/usr/local/include/only-here.h',
    ]);
    await swarm.check('m1', ['sh', '-c', 'echo "#include <only-here.h>" >only.c']);
    for (const compiler of ['gcc', 'clang']) await swarm.check('m1', ['swarmrun', compiler, '-c', 'only.c']);
  });

  await t.test('of a header that was missing until a moment ago is not repeated', async () => {
    const compile = ['swarmrun', 'gcc', '-Iinc', '-c', 'late.c'];
    await swarm.check('m1', ['sh', '-c', 'echo "#include \\"late.h\\"" >late.c']);
    assert.equal((await swarm.exec('m1', compile)).status, 1);
    await swarm.check('m1', ['sh', '-c', 'echo "int late;" >inc/late.h']);
    await swarm.check('m1', compile);
  });
});
