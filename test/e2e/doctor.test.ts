/** Set-ups in which something is wrong, one a row: the doctor names the cause that it has seen, and the cure, in one line. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../../src/wire/cli-messages.ts';
import { checkout } from '../rig/child.ts';
import { makeQuotaGroup } from '../rig/cpu-quota.ts';
import type { Host } from '../rig/lan.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const buildswarm = path.join(checkout, 'bin/buildswarm');
const wrapper = path.join(checkout, 'bin/swarmrun');
const pid = "$(ps -e -o pid=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}')";

/** A fault of a machine whose peer runs. */
interface Stage {
  readonly what: string;
  /** Shell: brings it about, and takes it away. Both run in the share. */
  readonly stage?: string;
  readonly undo?: string;
  /** Shell: before `buildswarm doctor`, in the same shell. */
  readonly before?: string;
  readonly check: string;
  readonly says: RegExp;
}

const stages: readonly Stage[] = [
  {
    what: 'a directory that is in no share',
    before: 'cd /',
    check: 'share',
    says: /no directory at or above '\/' is a share/,
  },
  {
    what: 'a share whose directory is open to others',
    stage: 'chmod 755 .buildswarm',
    undo: 'chmod 700 .buildswarm',
    check: 'share',
    says: /755/,
  },
  {
    what: 'a share that is mounted nocto',
    stage: `{ cat /proc/self/mountinfo; echo "9999 1 0:99 / /nowhere rw - nfs4 server:/export rw,vers=4.2,nocto"; } >mounts; mount --bind mounts /proc/${pid}/mountinfo`,
    undo: `umount /proc/${pid}/mountinfo`,
    check: 'mount options',
    says: /\/nowhere is mounted nocto.*cure: mount it without nocto/,
  },
  {
    what: 'a full disk',
    stage: 'mount -t tmpfs -o size=64k tmpfs /tmp',
    undo: 'umount /tmp',
    check: 'space for temporary files',
    says: /0 MiB free in \/tmp.*cure: make room/,
  },
  {
    what: 'sixteen inotify watches',
    stage: 'echo 16 >watches; mount --bind watches /proc/sys/fs/inotify/max_user_watches',
    undo: 'umount /proc/sys/fs/inotify/max_user_watches',
    check: 'inotify',
    says: /may watch 16 files.*sysctl -w fs\.inotify/,
  },
  {
    what: 'a wrapper that is not native',
    stage: `echo '#!/bin/sh' >script; chmod 755 script; mount --bind script ${wrapper}`,
    undo: `umount ${wrapper}`,
    check: 'wrapper',
    says: /not the native program.*cure: .*npm run build/,
  },
  {
    what: 'no wrapper in PATH',
    before: `d=${path.dirname(wrapper)}; PATH=$(echo "$PATH" | tr : '\\n' | grep -vx "$d" | paste -sd :)`,
    check: 'swarmrun',
    says: /is not in PATH; cure: put .*\/bin into PATH/,
  },
  {
    what: 'links of compilers behind the compilers in PATH',
    before: `mkdir -p links; ln -sf ${wrapper} links/gcc; PATH=$PATH:$PWD/links`,
    check: 'masquerade gcc',
    says: /comes before \S*links\/gcc in PATH.*cure: put \S*links before/,
  },
  ...(existsSync('/usr/bin/ccache')
    ? [
        {
          what: 'swarmrun before ccache, whose cache no machine shares',
          before: `mkdir -p links cc; ln -sf ${wrapper} links/gcc; ln -sf /usr/bin/ccache cc/gcc; PATH=$PWD/links:$PWD/cc:$PATH; export CCACHE_DIR=/var/nowhere`,
          check: 'ccache',
          says: /swarmrun stands before ccache.*\/var\/nowhere is in no share.*CCACHE_PREFIX=swarmrun/,
        },
        {
          what: 'ccache that hands on preprocessed text',
          before: 'export CCACHE_PREFIX=swarmrun CCACHE_NOCPP2=1',
          check: 'ccache',
          says: /run_second_cpp is false.*cure/,
        },
      ]
    : []),
];

/** All in one peer: how its machine is when it starts, and what the doctor says of that. */
const badStart = `
echo '{"version": "9.9.9"}' >package.json; mount --bind package.json ${checkout}/package.json
mknod dead c 10 251 && mount --bind dead /dev/fuse || mount --bind /dev/null /dev/fuse
ip route replace unreachable 224.0.0.0/4
ulimit -n 256 -u 100
exec buildswarm start --slots 1`;
const badChecks: readonly (readonly [what: string, check: string, says: RegExp])[] = [
  ['another version', 'version', /m1 is \d.*this peer 9\.9\.9.*cure: install the same version/],
  ['no /dev/fuse', 'namespaces', /cannot run here; cure: ./],
  ['multicast blocked', 'multicast', /no route for multicast.*cure: .*ip route add 224/],
  ['few descriptors', 'open files', /at most 256.*cure: raise the limit/],
  ['few processes', 'processes', /at most 100.*cure: raise the limit/],
];

test('the doctor names what is wrong and the cure', { concurrency: false }, async (t) => {
  await using group = makeQuotaGroup(1);
  await using swarm = await SwarmRig.start(t, { machines: 4, peers: ['m1', 'm2'] });
  const examine = async (host: Host, before = 'true'): Promise<string[]> => {
    const { stdout } = await swarm.exec(host, ['sh', '-c', `${before}; exec ${buildswarm} doctor --json`]);
    const { findings } = JSON.parse(stdout.toString()) as { findings: Finding[] };
    return findings.map(({ check, state, text, cure }) => `${state} ${check}: ${text}; cure: ${cure ?? '-'}`);
  };
  const named = (lines: readonly string[], check: string, says: RegExp): void => {
    const line = lines.find(
      (each) => each.replace(/^\w+ /, '').startsWith(`${check}: `) && !each.startsWith('ok'),
    );
    assert.match(line ?? `nothing about ${check}:\n${lines.join('\n')}`, says);
  };
  const healthy = await examine('m1');
  t.diagnostic(
    `faults of this machine itself: ${healthy.filter((line) => line.startsWith('fault')).join('\n')}`,
  );

  await t.test('a machine in order has none of these faults', () => {
    for (const { check } of stages)
      assert.ok(
        !healthy.some((line) => line.startsWith(`fault ${check}: `)),
        `${check}: ${healthy.join('\n')}`,
      );
    assert.ok(
      healthy.some((line) => /^ok multicast: \d+ queries sent, [1-9]/.test(line)),
      healthy.join('\n'),
    );
    assert.ok(
      healthy.some((line) => /^ok member files: .* seen by m2/.test(line)),
      healthy.join('\n'),
    );
    assert.ok(
      healthy.some((line) => line.startsWith('ok peer m2: takes jobs')),
      healthy.join('\n'),
    );
  });

  for (const { what, stage, undo, before, check, says } of stages)
    await t.test(what, async () => {
      if (stage !== undefined) await swarm.check('m1', ['sh', '-c', stage]);
      try {
        named(await examine('m1', before), check, says);
      } finally {
        if (undo !== undefined) await swarm.check('m1', ['sh', '-c', undo]);
      }
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

  const join = group === undefined ? '' : `echo $$ >${group.processes}`;
  await swarm.check('m3', ['bash', '-c', `${join}\n${badStart}`]);
  const bad = await until(
    async () => {
      const lines = await examine('m3');
      return lines.some((line) => line.includes('peer m1')) && lines;
    },
    20_000,
    'm3 has met m1, by its file in the share',
  );
  for (const [what, check, says] of badChecks) await t.test(what, () => named(bad, check, says));
  await t.test('a quota of one core', (t) => {
    if (group === undefined) return t.skip('no control group with a CPU quota can be made here');
    named(bad, 'CPU quota', /leaves 1 of \d+ cores/);
  });
  await swarm.stopPeer('m3');

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
