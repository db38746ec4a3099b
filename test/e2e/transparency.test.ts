import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../rig/child.ts';
import { hashObjects } from '../rig/demo-project.ts';
import { assertWithin } from '../rig/quickest.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

const swarmrun = path.join(checkout, 'bin/swarmrun');

/** Jobs that ran on other machines for the first, so far. */
async function remoteJobs(swarm: SwarmRig): Promise<number> {
  return (await swarm.status('m1')).jobs.remote;
}

/** A few sources with a header, and a program of them. */
async function writeSources(folder: string, count = 6): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `part${index}.cc`);
  await writeFile(path.join(folder, 'parts.h'), '#include <string>\nstd::string greet(int);\n');
  for (const [index, name] of names.entries()) {
    await writeFile(
      path.join(folder, name),
      `#include "parts.h"\nstd::string part${index}() { return greet(${index}); }\n`,
    );
  }
  await writeFile(
    path.join(folder, 'main.cc'),
    '#include "parts.h"\n#include <iostream>\nstd::string greet(int n) { return "hello " + std::to_string(n); }\n' +
      'int main() { std::cout << greet(7) << std::endl; }\n',
  );
  return [...names, 'main.cc'];
}

test('a link named g++ in front of PATH sends compiles to the swarm', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const links = path.join(swarm.share, 'links');
  await mkdir(links);
  await symlink(swarmrun, path.join(links, 'g++'));
  await writeSources(swarm.share);
  const env = { PATH: `${links}:${path.join(checkout, 'bin')}:${process.env['PATH']}` };
  const before = await remoteJobs(swarm);
  await swarm.check('m1', ['g++', '-g', '-c', 'main.cc', '-o', 'masked.o'], { env });
  assert.equal((await remoteJobs(swarm)) - before, 1);
  await swarm.check('m1', ['g++', '-g', '-c', 'main.cc', '-o', 'plain.o']);
  const hashes = await hashObjects(swarm.share);
  assert.equal(hashes.get('masked.o'), hashes.get('plain.o'));
});

test('meson builds with CXX and runs its tests with --wrapper', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3 });
  const sources = await writeSources(swarm.share);
  const list = sources.map((name) => `'${name}'`).join(', ');
  const meson = `project('parts', 'cpp')\nparts = executable('parts', ${list})\ntest('greets', parts)\n`;
  await writeFile(path.join(swarm.share, 'meson.build'), meson);
  await swarm.check('m1', ['meson', 'setup', 'build'], { env: { CXX: 'swarmrun g++' } });
  const before = await remoteJobs(swarm);
  await swarm.check('m1', ['ninja', '-C', 'build']);
  assert.ok((await remoteJobs(swarm)) - before >= sources.length);
  const built = await remoteJobs(swarm);
  await swarm.check('m1', ['meson', 'test', '-C', 'build', '--wrapper=swarmrun']);
  assert.ok((await remoteJobs(swarm)) > built, 'the test ran on another machine');
});

test('ccache asks the swarm for what it has not', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  await writeSources(swarm.share);
  const env = { CCACHE_DIR: path.join(swarm.share, '.ccache'), CCACHE_PREFIX: 'swarmrun' };
  const argv = ['ccache', 'g++', '-c', 'main.cc', '-o', 'main.o'];
  const before = await remoteJobs(swarm);
  await swarm.check('m1', argv, { env });
  const missed = await remoteJobs(swarm);
  assert.ok(missed > before, 'the miss was compiled by another machine');
  await swarm.check('m1', argv, { env });
  assert.equal(await remoteJobs(swarm), missed, 'the hit was not compiled at all');
});

test('two streams into one pipe keep their order', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const script = 'for n in $(seq 200); do echo out $n; echo err $n >&2; done';
  const inOrder = Array.from({ length: 200 }, (_, n) => `out ${n + 1}\nerr ${n + 1}\n`).join('');
  assert.equal(await swarm.check('m1', ['sh', '-c', `swarmrun sh -c '${script}' 2>&1 | cat`]), inOrder);
});

test('a reader that goes away ends the command as a local one', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const told = await swarm.check('m1', ['bash', '-c', 'swarmrun yes | head -n 2; echo ${PIPESTATUS[0]}'], {
    timeoutMs: 10_000,
  });
  assert.equal(told, 'y\ny\n141\n');
});

test('a slow reader of 100 MB neither breaks the job nor fills the memory of the peers', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const script =
    'swarmrun head -c 100000000 /dev/zero | (sleep 2; sha256sum); ps -e -o rss=,args= | grep "[b]uildswarm daemon"';
  const [hash, peer = ''] = (await swarm.check('m1', ['sh', '-c', script])).split('\n');
  const expected = createHash('sha256').update(Buffer.alloc(100_000_000)).digest('hex');
  assert.equal(hash?.slice(0, 64), expected);
  assert.ok(Number.parseInt(peer, 10) < 250_000, `resident: ${peer}`);
});

test('200 wrappers at once, each with a megabyte of arguments', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const script = `block=$(yes $(head -c 10000 /dev/zero | tr '\\0' x) | head -n 100)
    for n in $(seq 200); do swarmrun sh -c 'echo $0 $#' $n $block & done; wait`;
  const told = await swarm.check('m1', ['sh', '-c', script]);
  const expected = Array.from({ length: 200 }, (_, n) => `${n + 1} 100`).toSorted();
  assert.deepEqual(told.trim().split('\n').toSorted(), expected);
});

test('names of any bytes reach the command as they are', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  const script =
    'f=$(printf \'caf\\351 \\001x\'); echo \'int x;\' >"$f.cc"; swarmrun g++ -c "$f.cc" -o "$f.o" && cat "$f.o" | head -c 4 | od -c';
  assert.match(await swarm.check('m1', ['sh', '-c', script]), /177\s+E\s+L\s+F/);
});

test('two machines that build at once both get their share, and their objects', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 4 });
  const script = (host: string): string =>
    `seq 24 | xargs -P12 -I_ swarmrun sh -c 'sleep 0.25; echo _ >>${host}.done'`;
  // 48 jobs of 0.25 s on 8 slots: 1.5 s at best.
  const tookMs = await assertWithin(3_000, '48 jobs', async () => {
    const started = performance.now();
    await Promise.all((['m1', 'm2'] as const).map((host) => swarm.check(host, ['sh', '-c', script(host)])));
    const roundMs = performance.now() - started;
    const count = await swarm.check('m1', [
      'sh',
      '-c',
      'for m in m1 m2; do wc -l <$m.done; rm $m.done; done',
    ]);
    assert.equal(count, '24\n24\n');
    return roundMs;
  });
  t.diagnostic(`took ${tookMs.join(', ')} ms`);
});
