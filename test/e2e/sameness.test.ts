/** Machines whose compilers, system headers or CPUs differ: they are passed over, and it is told why. */
import assert from 'node:assert/strict';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Explanation } from '../../src/wire/cli-messages.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

/** Puts a text in the place of a file of the system, on one machine. */
async function replace(
  swarm: SwarmRig,
  host: Host,
  file: string,
  change: (text: string) => string,
  mode = 0o644,
) {
  const other = path.join(swarm.share, `.other-${path.basename(file)}`);
  await writeFile(other, change(await readFile(file, 'latin1')), { mode, encoding: 'latin1' });
  await swarm.check(host, ['mount', '--bind', other, await realpath(file)]);
}

const script = (words: string) => () => `#!/bin/sh\n${words}\n`;

/** Hands in commands at once, on m1. @returns where each of them ran. */
async function run(swarm: SwarmRig, commands: readonly string[]): Promise<string[]> {
  const before = (await swarm.explainJobs('m1')).length;
  await Promise.all(
    commands.map((command) => swarm.check('m1', ['sh', '-c', command], { timeoutMs: 60_000 })),
  );
  let jobs: Explanation[] = [];
  await until(
    async () => {
      jobs = (await swarm.explainJobs('m1')).slice(before);
      return jobs.every(({ ending }) => ending !== undefined);
    },
    10_000,
    'the peer knows that all have ended',
  );
  return jobs.map(({ place }) => place);
}

async function peer(swarm: SwarmRig, name: Host) {
  const found = (await swarm.status('m1')).peers.find((one) => one.name === name);
  assert.ok(found);
  return found;
}

test('a machine with another compiler is not used for it, and status names both versions', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 2, serves: false });
  await replace(swarm, 'm2', '/usr/bin/gcc', script('echo "gcc (Other 99.1) 99.1"'), 0o755);
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) await writeFile(path.join(swarm.share, `${name}.c`), `int ${name};\n`);
  const compiles = names.map((name) => `swarmrun gcc -c ${name}.c`);

  const places = await run(swarm, compiles);
  assert.ok(places.includes('m3') && !places.includes('m2'), places.join());
  const refusing = await peer(swarm, 'm2');
  assert.equal(refusing.state, 'refusing');
  const [reason = ''] = refusing.reasons;
  const own = (await swarm.check('m1', ['gcc', '--version'])).split('\n')[0] ?? '';
  assert.ok(reason.startsWith('toolchain: gcc '), reason);
  assert.ok(reason.includes(own) && reason.includes('gcc (Other 99.1) 99.1'), reason);
  const shown = await swarm.check('m1', ['buildswarm', 'status']);
  assert.ok(shown.replaceAll(/\n {4}/g, ' ').includes(reason), shown);
  const explained = await swarm.explainJobs('m1');
  assert.ok(
    explained.some(
      ({ reasons, details }) =>
        reasons.some((one) => one.reason === 'toolchain' && one.peer === 'm2') &&
        details.some((detail) => reason.endsWith(detail)),
    ),
  );

  // For what is the same there it is used as ever, and the reason stays to be read.
  await run(swarm, ['swarmrun sh -c "sleep 2"', 'swarmrun sh -c "sleep 2.1"', 'swarmrun sh -c "sleep 2.2"']);
  const again = await peer(swarm, 'm2');
  assert.equal(again.doneForMe > 0, true, 'other commands go there');
  assert.deepEqual([again.state, again.reasons], ['ready', [reason]]);
});

test('a machine with another assembler is not used, and status names it', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, serves: false });
  const assembler = (await swarm.check('m1', ['gcc', '-print-prog-name=as'])).trim();
  const as = assembler.startsWith('/') ? assembler : '/usr/bin/as';
  await replace(swarm, 'm2', as, script('exit 1'), 0o755);
  await writeFile(path.join(swarm.share, 'a.c'), 'int a;\n');
  assert.deepEqual(await run(swarm, ['swarmrun gcc -c a.c']), ['inline']);
  const { reasons } = await peer(swarm, 'm2');
  assert.match(reasons.join('; '), /^toolchain: gcc is .* on both machines, but \/\S*as differs$/);
});

test('what a machine made of other system headers is thrown away', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, serves: false });
  await replace(swarm, 'm2', '/usr/include/fenv.h', (text) => `${text}\nstatic const int other = 1;\n`);
  await writeFile(path.join(swarm.share, 'a.c'), '#include <fenv.h>\nint a = FE_ALL_EXCEPT;\n');
  assert.deepEqual(await run(swarm, ['swarmrun gcc -g -c a.c -o a.o']), ['inline']);
  assert.match((await peer(swarm, 'm2')).reasons.join('; '), /^toolchain: \/usr\/include\/fenv\.h differs/);
  await swarm.check('m1', ['sh', '-c', 'gcc -g -c a.c -o b.o; cmp a.o b.o']);
});

test('a failure for want of a header that only this machine has is not believed', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, serves: false });
  await swarm.check('m2', ['mount', '-t', 'tmpfs', 'tmpfs', '/usr/include/protocols']);
  const source = path.join(swarm.share, 'a.c');
  await writeFile(source, 'int a;\n');
  const compile = 'swarmrun gcc -MD -c a.c -o a.o';
  assert.deepEqual(await run(swarm, [compile]), ['m2']);
  await writeFile(source, '#include <protocols/routed.h>\nint a;\n');
  assert.deepEqual(await run(swarm, [compile]), ['inline']);
  const last = (await swarm.explainJobs('m1')).at(-1);
  assert.deepEqual(
    last?.reasons.map(({ reason }) => reason),
    ['toolchain', 'no-fitting-peer'],
  );
});

test('for the CPU at hand only machines with the same one are used', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2, serves: false });
  await replace(swarm, 'm2', '/proc/cpuinfo', (text) =>
    text
      .replaceAll(/^(model name|cpu)\s*:.*$/gm, '$1 : Other CPU')
      .replaceAll(/^(flags|Features)\s*:.*$/gm, '$1 : none'),
  );
  await writeFile(path.join(swarm.share, 'a.c'), 'int a;\n');
  assert.deepEqual(await run(swarm, ['swarmrun gcc -march=native -c a.c -o a.o']), ['inline']);
  const refusing = await peer(swarm, 'm2');
  assert.match(refusing.reasons.join('; '), /^native: its CPU is Other CPU, and .+ here/);
  assert.deepEqual(await run(swarm, ['swarmrun gcc -c a.c -o b.o']), ['m2']);
});
