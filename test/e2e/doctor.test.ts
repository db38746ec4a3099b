/** Set-ups in which something is wrong, many at a time: the doctor, or `why`, names each cause that it has seen, and the cure, in one line. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Finding } from '../../src/wire/cli-messages.ts';
import { checkout } from '../rig/child.ts';
import { makeQuotaGroup } from '../rig/cpu-quota.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const buildswarm = path.join(checkout, 'bin/buildswarm');
const wrapper = path.join(checkout, 'bin/swarmrun');
const pid = "$(ps -e -o pid=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}')";

type Fault = readonly [what: string, check: string, says: RegExp];

/** Faults of a machine whose peer runs. What does not stand in another's way is staged at once. */
interface Scene {
  /** Shell: brings them about, and takes them away. Both run in the share. */
  readonly stage: readonly string[];
  readonly undo: readonly string[];
  /** Shell: before `buildswarm doctor`, in the same shell. */
  readonly before: readonly string[];
  readonly faults: readonly Fault[];
}

const hasCcache = existsSync('/usr/bin/ccache');
const scenes: readonly Scene[] = [
  {
    stage: [
      'cat /proc/self/mountinfo >mounts',
      'echo "9999 1 0:99 / /nowhere rw - nfs4 server:/export rw,vers=4.2,nocto" >>mounts',
      `mount --bind mounts /proc/${pid}/mountinfo`,
      'mount -t tmpfs -o size=64k tmpfs /tmp',
      'echo 16 >watches; mount --bind watches /proc/sys/fs/inotify/max_user_watches',
      `echo '#!/bin/sh' >script; chmod 755 script; mount --bind script ${wrapper}`,
    ],
    undo: [
      `umount ${wrapper}`,
      'umount /proc/sys/fs/inotify/max_user_watches',
      'umount /tmp',
      `umount /proc/${pid}/mountinfo`,
    ],
    before: [`mkdir -p links; ln -sf ${wrapper} links/gcc; PATH=$PATH:$PWD/links`],
    faults: [
      [
        'a share that is mounted nocto',
        'mount options',
        /\/nowhere is mounted nocto.*cure: mount it without/,
      ],
      ['a full disk', 'space for temporary files', /0 MiB free in \/tmp.*cure: make room/],
      ['sixteen inotify watches', 'inotify', /may watch 16 files.*sysctl -w fs\.inotify/],
      ['a wrapper that is not native', 'wrapper', /not the native program.*cure: .*npm run build/],
      [
        'links of compilers behind the compilers in PATH',
        'masquerade gcc',
        /comes before \S*links\/gcc in PATH.*cure: put \S*links before/,
      ],
    ],
  },
  {
    stage: [`prlimit --pid ${pid} --nofile=$(($(ls /proc/${pid}/fd | wc -l) * 120 / 100)):`],
    undo: [`prlimit --pid ${pid} --nofile=8192:`],
    before: [
      `d=${path.dirname(wrapper)}; PATH=$(echo "$PATH" | tr : '\\n' | grep -vx "$d" | paste -sd :)`,
      'export CCACHE_PREFIX=swarmrun CCACHE_NOCPP2=1; cd /',
    ],
    faults: [
      ['a directory that is in no share', 'share', /no directory at or above '\/' is a share/],
      ['nearly no descriptors left', 'open files', /at most \d\d, \d\d used; cure: raise the limit/],
      ['no wrapper in PATH', 'swarmrun', /is not in PATH; cure: put .*\/bin into PATH/],
      ...(hasCcache
        ? [['ccache that hands on preprocessed text', 'ccache', /run_second_cpp is false.*cure/] as const]
        : []),
    ],
  },
  {
    stage: ['chmod 755 .buildswarm'],
    undo: ['chmod 700 .buildswarm'],
    before: [
      `mkdir -p links cc; ln -sf ${wrapper} links/gcc; ln -sf /usr/bin/ccache cc/gcc`,
      'PATH=$PWD/links:$PWD/cc:$PATH; export CCACHE_DIR=/var/nowhere',
    ],
    faults: [
      ['a share whose directory is open to others', 'share', /755/],
      ...(hasCcache
        ? [
            [
              'swarmrun before ccache, whose cache no machine shares',
              'ccache',
              /swarmrun stands before ccache.*\/var\/nowhere is in no share.*CCACHE_PREFIX=swarmrun/,
            ] as const,
          ]
        : []),
    ],
  },
];

/** How a machine is when its peer starts, and what the doctor says there. */
const poorStart = `
echo '{"version": "9.9.9"}' >package.json; mount --bind package.json ${checkout}/package.json
mknod dead c 10 251 && mount --bind dead /dev/fuse || mount --bind /dev/null /dev/fuse
ip route replace unreachable 224.0.0.0/4
mkdir -p "$BUILDSWARM_CACHE"; mount -t tmpfs -o size=64k tmpfs "$BUILDSWARM_CACHE"
gcc=$(realpath "$(command -v gcc)"); cp "$gcc" /tmp/gcc; printf '#!/bin/sh\\nexec /tmp/gcc "$@"\\n' >other-gcc
chmod 755 other-gcc; mount --bind other-gcc "$gcc"
ulimit -n 256 -u 100
exec buildswarm start --slots 1`;
const poorFaults: readonly Fault[] = [
  ['another version', 'version', /m1 is \d.*this peer 9\.9\.9.*cure: install the same version/],
  ['no /dev/fuse', 'namespaces', /cannot run here; cure: ./],
  ['multicast blocked', 'multicast', /no route for multicast.*cure: .*ip route add 224/],
  ['a full cache', 'space for files of other machines', /0 MiB free in .*cure: make room/],
  ['few descriptors', 'open files', /at most 256.*cure: raise the limit/],
  ['few processes', 'processes', /at most 100.*cure: raise the limit/],
];

/** As iptables or nft would: nothing for mDNS leaves, nobody is let in; then no user namespaces, and a clock a minute ahead. */
const walledStart = `
ip rule add pref 10 ipproto udp dport 5353 prohibit
ip rule add pref 20 iif eth0 ipproto tcp dport 4001 prohibit
ip rule add pref 30 lookup local; ip rule del pref 0
gcc -shared -fPIC -o ahead.so ${checkout}/test/rig/clock-ahead.c
sed -E 's/^(MemAvailable|MemFree):.*/\\1: 102400 kB/' /proc/meminfo >meminfo; mount --bind meminfo /proc/meminfo
export LD_PRELOAD=$PWD/ahead.so BUILDSWARM_PEERS=$0
exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces
  exec buildswarm start --slots 0 --listen /ip4/0.0.0.0/tcp/4001'`;
const walledFaults: readonly Fault[] = [
  ['a firewall for multicast', 'multicast', /^fault multicast: .*; cure: let UDP port 5353/],
  ['a firewall for connections', 'dial back', /no other machine has opened.*cure: .*let TCP in/],
  ['no user namespaces', 'namespaces', /may not make user namespaces; as root: sysctl/],
  ['no memory', 'memory', /^fault memory: 100 MiB free; cure: /],
  ['a clock that is off', 'clock', /this machine is \d\d\.\d s ahead of the file server.*cure: .*NTP/],
];

test('the doctor names what is wrong and the cure', { concurrency: false }, async (t) => {
  await using group = makeQuotaGroup(1);
  await using swarm = await SwarmRig.start(t, { machines: 4, peers: ['m1', 'm2'] });
  const examine = async (host: Host, before = 'true'): Promise<string[]> => {
    const { stdout } = await swarm.exec(host, ['sh', '-c', `${before}\nexec ${buildswarm} doctor --json`]);
    const { findings } = JSON.parse(stdout.toString()) as { findings: Finding[] };
    return findings.map(({ check, state, text, cure }) => `${state} ${check}: ${text}; cure: ${cure ?? '-'}`);
  };
  const healthy = await examine('m1');
  t.diagnostic(
    `faults of this machine itself: ${healthy.filter((line) => line.startsWith('fault')).join('\n')}`,
  );
  await t.test('a machine in order has none of these faults', () => assertHealthy(healthy));

  for (const { stage, undo, before, faults } of scenes) {
    await swarm.check('m1', ['sh', '-ec', ['true', ...stage].join('\n')]);
    const look = async (): Promise<string[]> => {
      try {
        return await examine('m1', before.join('\n'));
      } finally {
        await swarm.check('m1', ['sh', '-ec', ['true', ...undo].join('\n')]);
      }
    };
    const lines = await look();
    await assertAll(t, lines, faults);
  }

  await t.test('a peer among other mounts than the shell', async () => {
    const { stdout } = await swarm.exec('m1', ['unshare', '-m', buildswarm, 'doctor']);
    assert.match(
      stdout.toString(),
      /^FAULT surroundings: process \d+, the peer, has other mounts .* run here; cure: start/m,
    );
    assert.ok(!healthy.some((line) => line.includes('surroundings')), healthy.join('\n'));
  });

  await t.test('status 1 and a sentence for people', async () => {
    const { status, stdout } = await swarm.exec('m1', [
      'sh',
      '-c',
      'PATH=/usr/bin:/bin exec $0 doctor',
      buildswarm,
    ]);
    assert.equal(status, 1);
    assert.match(stdout.toString(), /\nFAULT swarmrun: is not in PATH; cure: put .* into PATH\n/);
    assert.match(stdout.toString(), /\n\d+ of \d+ checks found a fault\.\n$/);
  });

  await t.test('no peer, and a socket directory that is open to others', async () => {
    named(await examine('m4'), 'peer', /none is running.*cure: start one with `buildswarm start`/);
    named(
      await examine('m4', 'mkdir -p -m 755 $XDG_RUNTIME_DIR/buildswarm'),
      'peer',
      /cure: chmod 700 .*has mode 755/,
    );
  });

  const address = (await swarm.status('m1')).self.addresses.find((each) => each.includes('10.99.0.1')) ?? '';
  const join = group === undefined ? '' : `echo $$ >${group.processes}`;
  await swarm.check('m3', ['bash', '-c', `${join}\n${poorStart}`]);
  await swarm.check('m4', ['bash', '-c', `rm -r $XDG_RUNTIME_DIR/buildswarm\n${walledStart}`, address]);
  const other = await startAsOther(swarm, address);
  const others = other ? ['m3', 'm4', 'other'] : ['m3', 'm4'];
  await until(
    async () => {
      const names = (await swarm.status('m1')).peers.map(({ name }) => name);
      return others.every((name) => names.includes(name));
    },
    20_000,
    `m1 sees ${others.join(', ')}`,
  );
  const poor = await examine('m3');
  await assertAll(t, poor, poorFaults);
  await t.test('a quota of one core', (t) => {
    if (group === undefined) return t.skip('no control group with a CPU quota can be made here');
    named(poor, 'CPU quota', /leaves 1 of \d+ cores/);
  });
  await assertAll(t, await examine('m4'), walledFaults);
  await t.test('another peer is asked, if it trusts this one', async () => {
    const ask = async (name: string) =>
      (await swarm.exec('m1', [buildswarm, 'doctor', '--peer', name])).stdout.toString();
    assert.match(await ask('m3'), /^FAULT namespaces: .*cannot run here; cure: ./m);
    assert.match(await ask('m9'), /^FAULT peer m9: is not connected; cure: name one of m2, m3, m4/m);
    if (other) assert.match(await ask('other'), /^FAULT peer other: cannot be asked: .* do not trust/m);
  });

  await flood(swarm, address);
  await mkdir(path.join(swarm.share, 'src'));
  await writeFile(path.join(swarm.share, 'src/a.c'), 'int a;\n');
  const seen = await untilDiffering(swarm, () => examine('m1'));
  await assertAll(t, seen, [
    ['a peer that is given no slots', 'peer m4', /takes no jobs: owner-active; cure: .*--slots 0/],
    ['another compiler in the old way', 'peer m3', /toolchain: .*cure: install the same packages/],
    [
      'strangers that flood',
      'strangers',
      /[1-9]\d* connections .* the last of 10\.99\.0\.2 .*cure: look what/,
    ],
  ]);
  await t.test('another user', (t) => {
    if (!other) return t.skip('no process of another user can be started here');
    named(
      seen,
      'peer other',
      /takes no jobs: not-member.*cure: make it known .* start it as the same user there/,
    );
  });
  await t.test('a stale view, told by why', () => testStaleView(swarm));
  if (other) await swarm.check('m3', ['sh', '-c', asOther(`${buildswarm} stop --now`)]);
  await swarm.stopPeer('m3');
  await swarm.stopPeer('m4');

  await t.test('a frozen peer, seen by itself and by another one', async () => {
    const job = swarm.start('m1', ['buildswarm', 'run', '--remote', '--', 'sleep', '30']);
    await until(
      async () => (await swarm.jobs('m2')).some((line) => line.includes('sleep 30')),
      20_000,
      'm2 has a job',
    );
    await swarm.signalPeer('m2', 'STOP');
    named(await examine('m2'), 'peer', /is stopped by a signal; cure: let it go on: kill -CONT \d+/);
    // Where the doctor takes long, m2 is given up meanwhile.
    const silentOrGone =
      /^fault (?:peer m2: is silent.*cure: look whether|peers: no other peer is connected)/;
    await until(
      async () => (await examine('m1')).some((line) => silentOrGone.test(line)),
      30_000,
      'm1 finds m2 silent or gone',
    );
    job.signalGroup('SIGKILL');
    await swarm.signalPeer('m2', 'CONT');
    await job.ended;
  });

  await t.test('a socket directory that was removed', async () => {
    await swarm.check('m1', ['sh', '-c', 'rm -r $XDG_RUNTIME_DIR/buildswarm']);
    named(await examine('m1'), 'peer', /none is running|its socket .* is not there; cure/);
  });
});

function assertHealthy(lines: readonly string[]): void {
  const text = lines.join('\n');
  for (const [, check] of scenes.flatMap(({ faults }) => faults))
    assert.ok(!text.includes(`fault ${check}: `), `${check}: ${text}`);
  assert.match(text, /^ok multicast: \d+ queries sent, [1-9]/m);
  assert.match(text, /^ok member files: .* seen by m2/m);
  assert.match(text, /^ok peer m2: takes jobs/m);
}

async function assertAll(t: TestContext, lines: readonly string[], faults: readonly Fault[]): Promise<void> {
  for (const [what, check, says] of faults) await t.test(what, () => named(lines, check, says));
}

/** One of the lines is of that check, is not well, and says so. */
function named(lines: readonly string[], check: string, says: RegExp): void {
  const line = lines.find(
    (each) => each.replace(/^\w+ /, '').startsWith(`${check}: `) && !each.startsWith('ok'),
  );
  // Not matched against all lines: one of them that says so and calls it well would do.
  assert.ok(line !== undefined, `nothing about ${check}:\n${lines.join('\n')}`);
  assert.match(line, says);
}

/** Shell: a command of a user whom the system does not know, as in a container. */
function asOther(command: string): string {
  return `cd /tmp && exec env -u HOME XDG_RUNTIME_DIR=/tmp/other setpriv --reuid 1234 --regid 1234 --clear-groups ${command}`;
}

/** A peer of that user on m3. @returns whether it may read all this. */
async function startAsOther(swarm: SwarmRig, address: string): Promise<boolean> {
  const mayRead = asOther(`test -r ${checkout}/dist/bundle/main.js`);
  if ((await swarm.exec('m3', ['sh', '-c', mayRead])).status !== 0) return false;
  const start = asOther(`${buildswarm} start --name other --slots 1 --peer ${address}`);
  await swarm.check('m3', ['sh', '-c', `mkdir -m 700 /tmp/other && chown 1234 /tmp/other && ${start}`]);
  return true;
}

/** m2 goes on seeing a directory as it was. */
async function testStaleView(swarm: SwarmRig): Promise<void> {
  await cp(path.join(swarm.share, 'src'), path.join(swarm.share, 'old'), { recursive: true });
  await swarm.check('m2', ['mount', '--bind', 'old', 'src']);
  try {
    await swarm.check('m1', ['swarmrun', 'gcc', '-c', 'src/a.c', '-o', 'a.o']);
  } finally {
    await swarm.check('m2', ['umount', 'src']);
  }
  const told = await swarm.check('m1', [buildswarm, 'why', 'a.o']);
  assert.match(told, /stale-view: .*\(m2\); cure: if it comes often, compare mount options/);
}

/** More connections than a machine may make at once. */
async function flood(swarm: SwarmRig, address: string): Promise<void> {
  const [, host, port] = /\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? [];
  await swarm.check('m2', [
    'bash',
    '-c',
    `for i in {1..40}; do : <>/dev/tcp/${host}/${port}; done 2>/dev/null; true`,
  ]);
}

/** Two compiles at a time have more than one worker, until m3 has been asked for one. */
async function untilDiffering(swarm: SwarmRig, examine: () => Promise<string[]>): Promise<string[]> {
  return until(
    async () => {
      const compile = (n: number) =>
        swarm.check('m1', ['swarmrun', '--remote', 'gcc', '-c', 'src/a.c', '-o', `${n}.o`]);
      await Promise.all([1, 2, 3, 4].map(compile));
      const lines = await examine();
      return lines.some((line) => line.includes('toolchain:')) && lines;
    },
    30_000,
    'm3 refuses a compile',
  );
}
