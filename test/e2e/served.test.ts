/**
 * Machines that share no tree of the project: what runs on the other one runs in the files of the caller's, and what it
 * writes comes home.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, type Ended } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;
/** Of each machine alone; the project lies in it, on the first machine only. */
const own = '/srv';
const project = '/srv/project';

async function startSwarm(
  t: Parameters<typeof SwarmRig.start>[0],
  ownRoots: readonly string[] = [],
): Promise<SwarmRig> {
  const swarm = await SwarmRig.start(t, { machines: 2, ownRoots: [own, ...ownRoots] });
  await swarm.check('m1', ['mkdir', project]);
  return swarm;
}

async function sh(swarm: SwarmRig, script: string, host: Host = 'm1'): Promise<Ended> {
  return await swarm.exec(host, ['bash', '-c', `cd ${project} && ${script}`], { timeoutMs: 120_000 });
}

function assertClean(ended: Ended): void {
  assert.deepEqual([ended.status, ended.stderr.toString()], [0, '']);
}

const sources = [
  'mkdir -p include',
  'echo "int twice(int);" >include/own.h',
  'printf "#include <own.h>\\n#include <string>\\nint twice(int a) { return std::string(a, 0).size() * 2; }\\n" >twice.cc',
  'printf "#include <own.h>\\n#include <iostream>\\nint main() { std::cout << twice(21) << std::endl; std::cerr << 1; return 0; }\\n" >main.cc',
].join(' && ');

/** All that is there, with its bytes; `$1` is the directory. */
const listing =
  'cd $1 && find . -printf "%p %y %m %s %l\\n" | sort && find . -type f | sort | xargs sha256sum';

/** What a script makes in a directory of its own when its commands run as they are, and when swarmrun starts them. */
async function both(swarm: SwarmRig, script: string): Promise<{ local: string; remote: string }> {
  const made: string[] = [];
  for (const prefix of ['', 'swarmrun']) {
    // The same directory each time: its name is in what compilers write.
    const ended = await sh(
      swarm,
      `rm -rf run && mkdir run && cd run && ${sources} && S=${prefix} && { ${script}; } >out 2>err; sh -c '${listing}' sh .`,
    );
    assert.equal(ended.status, 0, ended.stderr.toString());
    made.push(ended.stdout.toString());
  }
  const [local = '', remote = ''] = made;
  return { local, remote };
}

/** That so many commands ran on the other machine, and none here. */
async function assertAllRemote(swarm: SwarmRig, remote: number): Promise<void> {
  const { jobs } = await swarm.status('m1');
  const why = jobs.inline === 0 ? '' : JSON.stringify(await swarm.explainJobs('m1'));
  assert.deepEqual({ remote: jobs.remote, inline: jobs.inline }, { remote, inline: 0 }, why);
}

const build = [
  '$S g++ -Iinclude -MD -c twice.cc -o twice.o',
  '$S g++ -Iinclude -MD -c main.cc -o main.o',
  '$S ar rcD libtwice.a twice.o',
  '$S g++ main.o -L. -ltwice -o main',
  '$S ./main',
].join(' && ');

test('compiling, archiving, linking and running give what they give at home, all of it on the other machine', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  const { local, remote } = await both(swarm, build);
  assert.equal(remote, local);
  await assertAllRemote(swarm, 5);
});

test('a worker without a compiler, or with other headers, makes the same bytes', { skip }, async (t) => {
  await using swarm = await startSwarm(t, ['/usr']);
  const broken = [
    'rm -f /usr/bin/*g++* /usr/bin/*gcc* /usr/bin/ld* /usr/bin/ar',
    'for f in $(find /usr/include/c++ -name string -o -name iostream -type f); do echo "#error other" >$f.new; mv $f.new $f; done',
  ].join('; ');
  await swarm.check('m2', ['sh', '-c', broken]);
  const { local, remote } = await both(swarm, build);
  assert.equal(remote, local);
  await assertAllRemote(swarm, 5);
});

test('opaque commands leave what they leave at home, also among temporary files', { skip }, async (t) => {
  await using swarm = await startSwarm(t);
  const script = [
    `$S sh -c "mkdir -p d/e && ln -s ../main.cc d/link && ln main.cc d/hard && echo x >d/e/file && rm twice.cc && mv include inc"`,
    `$S sh -c "cat /tmp/from-caller && echo there >/tmp/made && touch -d 2001-02-03 d/old && chmod 751 d"`,
    'cat /tmp/made; rm -f /tmp/made',
    '$S sh -c "cat; echo on-err >&2; hostname; id -u" <main.cc',
    // What it starts through swarmrun runs where it is: there is no peer to be asked in the files of another machine.
    '$S sh -c "$S wc -l main.cc; $S g++ -Iinc -c main.cc -o nested.o"',
  ].join(' && ');
  await swarm.check('m1', ['sh', '-c', 'echo caller >/tmp/from-caller']);
  const { local, remote } = await both(swarm, script);
  assert.equal(remote, local);
  await assertAllRemote(swarm, 4);
});

test('swarmrun of machines without a C compiler asks for no peer in such a job either', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  // In the project, since all of that is shown: the checkout may lie where only this user can go.
  const parts = ['core', 'wire', 'wrapper'].map((part) => `${checkout}/dist/src/${part}`);
  const copy = [
    `cd ${project} && mkdir -p twin/node_modules && cp -r ${parts.join(' ')} ${checkout}/package.json twin`,
    `cp -rL ${checkout}/node_modules/valibot twin/node_modules`,
    'echo 1 >f && echo "import(\'./twin/wrapper/swarmrun.js\')" >swarmrun',
  ].join(' && ');
  await swarm.check('m1', ['sh', '-c', copy]);
  const ended = await sh(swarm, "swarmrun sh -c 'BUILDSWARM_DEBUG=1 node swarmrun cat f'");
  await assertAllRemote(swarm, 1);
  assert.deepEqual([ended.status, ended.stdout.toString()], [0, '1\n']);
  assert.match(ended.stderr.toString(), /this is part of a job in the files of another machine/);
});

test('a word that can be no path ends nothing, whatever else runs there', { skip }, async (t) => {
  await using swarm = await startSwarm(t);
  const beside = sh(swarm, 'swarmrun sh -c "sleep 6; echo beside"');
  const runs = async () => (await swarm.jobs('m2')).some((line) => line.includes('sleep 6'));
  await until(runs, 20_000, 'a job runs beside');
  const long = (bytes: number): string => `: ${'x'.repeat(bytes)}`;
  for (const words of [long(300), long(3_000), `: ${'x/'.repeat(400)}`]) {
    const ended = await sh(swarm, `swarmrun sh -c "echo said; ${words}"`);
    assertClean(ended);
    assert.equal(ended.stdout.toString(), 'said\n');
  }
  assertClean(await beside);
  await assertAllRemote(swarm, 4);
  const attempts = (await swarm.explainJobs('m1')).map(({ reasons }) => reasons);
  assert.deepEqual(attempts, [[], [], [], []], 'each at once');
  // A compiler says best itself what it makes of such a name.
  const source = `${'x'.repeat(300)}.c`;
  const failed = await sh(swarm, `swarmrun gcc -c ${source}`);
  assert.match(failed.stderr.toString(), /File name too long/);
  const [job] = (await swarm.explainJobs('m1')).filter(({ place }) => place === 'inline');
  assert.deepEqual(
    job?.reasons.map(({ reason }) => reason),
    ['unprovable'],
  );
  assert.match(job.details.join(), /no file can have as long a name as x{40}…, of 302 bytes/);
});

test('a command that fails says what it says at home, and nobody else’s files are seen', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  await swarm.check('m2', ['sh', '-c', 'mkdir /srv/secret && echo worker >/srv/secret/file']);
  await swarm.check('m1', ['sh', '-c', `echo "int f() { return x; }" >${project}/bad.cc`]);
  const local = await sh(swarm, 'exec g++ -c bad.cc');
  const remote = await sh(swarm, 'exec swarmrun g++ -c bad.cc');
  assert.deepEqual(remote, local);
  await assertAllRemote(swarm, 1);

  await sh(swarm, 'ln -s /srv/secret/file link && ln -s / root');
  const ways = ['/', '/proc/self/root/', '/proc/1/root/', '/proc/self/cwd/../../', '../../', 'root/'];
  for (const secret of ['link', ...ways.map((way) => `${way}srv/secret/file`)]) {
    const seen = await sh(swarm, `swarmrun sh -c "cat ${secret} || true"`);
    assert.equal(seen.stdout.toString(), '', secret);
  }
});

/** Each round changes a tree in another way, and what a command reads there must be what is there. */
const changes = (rounds: number): string =>
  [
    'echo 0 >number && mkdir sub',
    `for i in $(seq ${rounds}); do`,
    '  case $((i % 4)) in 0) echo $i >number;; 1) echo $i >new && mv new number;; 2) rm number; echo $i >number;;',
    '  3) mv sub old && mkdir sub && rm -r old && ln -sf ../number sub/n && echo $i >number;; esac',
    '  got=$(swarmrun sh -c "cat number; ls sub | wc -l"); want=$(cat number; ls sub | wc -l)',
    '  [ "$got" = "$want" ] || { echo "round $i: $got is not $want"; exit 1; }',
    'done',
  ].join('\n');

test('what changed just before a command is handed in is what it reads', { skip }, async (t) => {
  await using swarm = await startSwarm(t);
  assertClean(await sh(swarm, changes(40)));
  await assertAllRemote(swarm, 40);
});

test('and so it is where this user may watch almost nothing, so that no event tells what changed', {
  skip,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, ownRoots: [own], peers: ['m2'] });
  const deep = `${project}/${'d/'.repeat(20)}`;
  // Limits of watches are those of a user namespace. What is watched first are the directories above, which fill them.
  const few = 'echo 16 >/proc/sys/user/max_inotify_watches && exec "$0" start --slots 2';
  await swarm.check('m1', ['mkdir', '-p', deep]);
  await swarm.check('m1', ['unshare', '-Ur', 'sh', '-c', few, path.join(checkout, 'bin/buildswarm')]);
  // Connected is not yet trusted: this one waits for that.
  assertClean(await sh(swarm, `cd ${deep} && swarmrun --remote true`));
  assertClean(await sh(swarm, `cd ${deep} && ${changes(16)}`));
  // What one makes beside the others is neither another directory for them, nor news again and again.
  const units = [
    "mkdir o && swarmrun sh -c 'echo int made\\; >made.h'",
    'for i in $(seq 12); do echo \'#include "made.h"\' >u$i.c; done',
    'seq 12 | xargs -P4 -I@ swarmrun --remote gcc -MD -c u@.c -o o/u@.o',
  ].join(' && ');
  assertClean(await sh(swarm, `cd ${deep} && ${units}`));
  await assertAllRemote(swarm, 1 + 16 + 1 + 12);
});

test('secrets and system files that not everybody may read are not shown: the command runs here', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  const home = '/srv/home';
  const make = `mkdir -p ${home}/.ssh .ssh && echo key | tee .ssh/id >${home}/.ssh/id && ln -s ${home}/.ssh link`;
  assertClean(await sh(swarm, make));
  const secrets = ['.ssh/id', `${home}/.ssh/id`, 'link/id', '/etc/shadow'];
  for (const secret of secrets) {
    const seen = await sh(swarm, `swarmrun cat ${secret} | wc -c`);
    assert.notEqual(seen.stdout.toString().trim(), '0', 'it runs here, where it may');
  }
  const reasons = (await swarm.explainJobs('m1')).flatMap((job) => job.reasons.map(({ reason }) => reason));
  assert.deepEqual(
    reasons,
    secrets.map(() => 'tree-fault'),
  );
});

test('what cannot come home, or cannot run there, runs here for the reason that is told', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  const reasons = async (): Promise<string[]> =>
    (await swarm.explainJobs('m1')).at(-1)?.reasons.map(({ reason }) => reason) ?? [];

  await t.test('a file that changed here while the command wrote it there', async () => {
    const script = "until [ -e /tmp/go ]; do sleep 0.02; done | swarmrun sh -c 'cat; echo command >f'";
    const running = swarm.start('m1', ['bash', '-c', `cd ${project} && echo old >f && ${script}`]);
    await until(
      async () => (await swarm.lan.processes('m2')).some((line) => line.includes('echo command')),
      10_000,
      'it runs',
    );
    assertClean(await sh(swarm, 'echo user >f; touch /tmp/go'));
    assertClean(await running.ended);
    // It ran once more, after the user's change.
    assert.equal((await sh(swarm, 'cat f')).stdout.toString(), 'command\n');
    assert.deepEqual(await reasons(), ['conflict']);
  });

  await t.test('a directory that was put in the place of another while the command ran', async () => {
    const script =
      "until [ -e /tmp/moved ]; do sleep 0.02; done | swarmrun sh -c 'ls d; cat; echo command >d/f'";
    const before = 'mkdir d new && echo users >new/f';
    const running = swarm.start('m1', ['bash', '-c', `cd ${project} && ${before} && ${script}`]);
    await until(
      async () => (await swarm.lan.processes('m2')).some((line) => line.includes('command >d/f')),
      10_000,
      'it runs',
    );
    assertClean(await sh(swarm, 'mv d was && mv new d && touch /tmp/moved'));
    assertClean(await running.ended);
    assert.deepEqual(await reasons(), ['conflict']);
  });

  await t.test('a program that is missing: nothing else is said of it', async () => {
    assert.equal((await sh(swarm, 'swarmrun no-such-program x')).status, 127);
    const job = (await swarm.explainJobs('m1')).at(-1);
    assert.deepEqual([job?.reasons.map(({ reason }) => reason), job?.details], [['no-command'], []]);
  });

  await t.test('a disk that is full here', async () => {
    assertClean(await sh(swarm, 'mkdir small && mount -t tmpfs -o size=64k none small'));
    const command = "sh -c 'head -c 1000000 /dev/zero >small/f'";
    const local = await sh(swarm, `exec ${command}`);
    assertClean(await sh(swarm, 'rm small/f'));
    assert.deepEqual(await sh(swarm, `exec swarmrun ${command}`), local);
    assert.match(local.stderr.toString(), /No space left/u);
    assert.deepEqual(await reasons(), ['unwritable']);
    assertClean(await sh(swarm, 'umount small'));
  });

  await t.test('a link into memory of this machine, of which a worker has its own', async () => {
    assertClean(await sh(swarm, 'mkdir -p /dev/shm/linked && echo "int x;" | tee /dev/shm/linked/x.c >y.c'));
    for (const to of ['/dev/shm/linked', '../../dev/shm/linked']) {
      assertClean(await sh(swarm, `ln -sfn ${to} build && swarmrun gcc -c build/x.c -o linked.o`));
      assert.deepEqual(await reasons(), ['tree-fault'], to);
      // Of each job anew, whatever the kernel remembers.
      const seen = await sh(swarm, 'swarmrun sh -c "test -e build/x.c && echo there"');
      assert.equal(seen.stdout.toString(), 'there\n');
    }
    assertClean(await sh(swarm, 'swarmrun gcc -c y.c -o y.o'));
    assert.deepEqual(await reasons(), []);
  });

  await t.test('a directory that no worker has: none is asked', async () => {
    for (const directory of ['/dev/shm/build', '/run/build']) {
      const compile = `mkdir ${directory} && cd ${directory} && echo 'int x;' >x.c && swarmrun gcc -c x.c && ls x.o`;
      assertClean(await sh(swarm, compile));
      assert.deepEqual(await reasons(), ['outside-share'], directory);
    }
  });

  await t.test('a worker that cannot mount any more', async () => {
    await swarm.check('m2', ['mount', '--bind', '/dev/null', '/dev/fuse']);
    // A tree that is mounted goes on; another one is asked for.
    assertClean(
      await swarm.exec('m1', ['sh', '-c', 'mkdir /srv/other && cd /srv/other && swarmrun sh -c "echo 1 >f"']),
    );
    assert.ok((await reasons()).includes('no-namespace'), String(await reasons()));
  });
});

test('ccache in front is asked on the caller’s machine, and what it lacks is compiled on the other one', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  const compile = 'ccache g++ -Iinclude -MD -c twice.cc -o twice.o && sha256sum twice.*';
  const environment = `export CCACHE_DIR=${project}/cache`;
  const script = (front: string) =>
    `${environment} && rm -rf run && mkdir run && cd run && ${sources} && ${front} ${compile}`;
  const home = (await sh(swarm, `${script('')}; rm -rf ${project}/cache`)).stdout.toString();
  for (const hits of [0, 1]) {
    const ended = await sh(swarm, script('swarmrun'));
    assert.deepEqual([ended.status, ended.stderr.toString(), ended.stdout.toString()], [0, '', home]);
    const statistics = (await sh(swarm, `${environment} && ccache --print-stats`)).stdout.toString();
    const told = ['direct_cache_hit', 'cache_miss'].map(
      (key) => new RegExp(`^${key}\\t(\\d+)$`, 'm').exec(statistics)?.[1],
    );
    assert.deepEqual(told, [String(hits), '1'], statistics);
  }
  const jobs = await swarm.explainJobs('m1');
  const compilers = jobs.filter(({ command }) => !command.startsWith('ccache '));
  const places = compilers.map(({ command, place }) => [/ -E /.test(command), place]);
  assert.ok(
    places.length > 0 && places.every(([isText, place]) => isText === (place === 'inline')),
    JSON.stringify(places),
  );
  assert.equal(places.filter(([, place]) => place === 'm2').length, 1);
});

test('of three machines one does not have the tree: all build in it, each in its way', {
  skip,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, peers: ['m1', 'm2'] });
  // A share in the one that all see, and that the third machine covers: trust is shown by the outer one.
  const inner = `${swarm.share}/inner`;
  await swarm.check('m1', [
    'sh',
    '-c',
    `mkdir -m 700 -p ${inner}/.buildswarm/peers; chmod 700 ${inner}/.buildswarm`,
  ]);
  await swarm.check('m3', ['mount', '-t', 'tmpfs', 'none', inner]);
  await swarm.startPeer('m3');
  await swarm.untilSees('m1', 2);
  const jobs = 12;
  // Each takes a while, so that every slot is needed.
  const command = `cd ${inner} && seq ${jobs} | xargs -P6 -I@ swarmrun sh -c 'sleep 1; hostname >$0.host; echo $0 >$0.out' @`;
  await until(
    async () => {
      assertClean(await swarm.exec('m1', ['bash', '-c', command]));
      const { peers } = await swarm.status('m1');
      return peers.every(({ doneForMe }) => doneForMe > 0);
    },
    120_000,
    'both other machines have run some',
  );
  const steps = (await swarm.explainJobs('m1')).flatMap((job) => job.steps.map(({ text }) => text));
  assert.ok(steps.includes('offered to m3, which is shown the files of this machine'));
  assert.ok(!steps.includes('offered to m2, which is shown the files of this machine'));
  const hosts = await swarm.check('m1', [
    'sh',
    '-c',
    `cd ${inner} && cat *.host | sort -u && cat *.out | wc -l`,
  ]);
  // Served jobs see the name of their caller's machine; those on the shared tree that of the worker.
  assert.equal(hosts, `m1\nm2\n${jobs}\n`);
  const { peers } = await swarm.status('m1');
  assert.deepEqual(Object.fromEntries(peers.map(({ name, ways }) => [name, ways.includes('served')])), {
    m2: true,
    m3: true,
  });
});

test('a worker whose cache is removed makes it again', { skip }, async (t) => {
  await using swarm = await startSwarm(t);
  const job = 'swarmrun sh -c "hostname >host; echo >>count"';
  assertClean(await sh(swarm, job));
  await swarm.check('m2', ['sh', '-c', 'rm -rf "${BUILDSWARM_CACHE:-$HOME/.cache/buildswarm}"/trees/*']);
  // One that comes while the tree is mounted anew may run here.
  const isElsewhere = async (): Promise<boolean> => {
    assertClean(await sh(swarm, job));
    return (await swarm.explainJobs('m1'))[0]?.place === 'm2';
  };
  await until(isElsewhere, 20_000, 'a job runs there');
  const reasons = (await swarm.explainJobs('m1')).flatMap((one) => one.reasons.map(({ reason }) => reason));
  assert.ok(!reasons.includes('lost-peer'), reasons.join(' '));
});

test('what a worker has no room for is made where there is room', { skip }, async (t) => {
  await using swarm = await startSwarm(t);
  await swarm.stopPeer('m2');
  const disk = '/run/small';
  const start = `mkdir ${disk} && mount -t tmpfs -o size=48m small ${disk} && BUILDSWARM_CACHE=${disk} buildswarm start --slots 2`;
  await swarm.check('m2', ['bash', '-c', start]);
  await swarm.untilSees('m1', 1);
  // What cannot be written is passed over, and half a second later nothing shows that it was.
  const job =
    "swarmrun sh -c 'cat big big 2>/dev/null >copy; n=$(wc -c <copy); sleep 0.5; rm copy; echo $n >length'";
  const made = await sh(swarm, `head -c 30000000 /dev/zero >big && ${job}; cat length`);
  assertClean(made);
  assert.equal(made.stdout.toString(), '60000000\n');
  const codes = (await swarm.explainJobs('m1')).map(({ reasons }) => reasons.map(({ reason }) => reason));
  assert.deepEqual(codes, [['no-space-remote', 'retries-used-up']]);
});

test('a worker that may not keep so long a file as what it keeps of others runs commands all the same', {
  skip,
}, async (t) => {
  await using swarm = await startSwarm(t);
  await swarm.stopPeer('m2');
  await swarm.check('m2', ['bash', '-c', 'ulimit -f 2000; exec buildswarm start --slots 2']);
  await swarm.untilSees('m1', 1);
  const sum = "sh -c 'cat r* | sha256sum'";
  const made = await sh(
    swarm,
    `for i in 1 2 3 4 5; do head -c 1000000 /dev/urandom >r$i; done; ulimit -f 2000; ${sum}; swarmrun ${sum}; swarmrun ${sum}`,
  );
  assertClean(made);
  const [local, ...remote] = made.stdout.toString().trim().split('\n');
  assert.deepEqual(remote, [local, local]);
  await assertAllRemote(swarm, 2);
});
