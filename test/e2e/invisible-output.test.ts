/** Outputs that the submitter's machine never sees: the worker sends their bytes. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';

test('an output that stays invisible is sent by the worker', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  await swarm.untilSees('m1', 1);
  const out = path.join(swarm.share, 'out');
  await mkdir(out);
  await writeFile(path.join(swarm.share, 'a.c'), 'int answer(void) { return 42; }\n');
  await writeFile(
    path.join(swarm.share, 'main.c'),
    'int answer(void);\nint main(void) { return answer() - 42; }\n',
  );
  // On the worker another file system hides the directory: what is written there is seen nowhere else.
  await swarm.check('m2', ['mount', '-t', 'tmpfs', 'tmpfs', out]);

  await t.test('an object, under its name, with its mode and bytes', async () => {
    await swarm.check('m1', ['sh', '-c', 'umask 027; swarmrun gcc -g -MD -MF out/a.d -c a.c -o out/a.o'], {
      timeoutMs: 30_000,
    });
    const object = await readFile(path.join(out, 'a.o'));
    assert.equal((await stat(path.join(out, 'a.o'))).mode & 0o777, 0o640);
    assert.equal(
      await readFile(path.join(out, 'a.d'), 'latin1'),
      'out/a.o: a.c /usr/include/stdc-predef.h\n',
    );
    await swarm.check('m1', ['sh', '-c', 'umask 027; gcc -g -MD -MF out/a.d -c a.c -o out/a.o']);
    assert.ok(object.equals(await readFile(path.join(out, 'a.o'))));
    const { jobs } = await swarm.status('m1');
    assert.deepEqual(
      { remote: jobs.remote, inline: jobs.inline, retried: jobs.retried },
      { remote: 1, inline: 0, retried: 0 },
    );
  });

  await t.test('nothing of the transfer is left', async () => {
    assert.deepEqual((await readdir(out)).toSorted(), ['a.d', 'a.o']);
  });
});
