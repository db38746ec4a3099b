/** Machines that share nothing and are made known to each other: by `invite`, through Debian's sshd. */
import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Status } from '../../src/wire/cli-messages.ts';
import { checkout, type Running } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import { SshLan } from '../rig/ssh-lan.ts';
import type { StrangerReport, StrangerTask } from '../rig/stranger.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const buildswarm = path.join(checkout, 'bin/buildswarm');
const swarmrun = path.join(checkout, 'bin/swarmrun');
const options = { skip: process.getuid?.() === 0 ? false : 'only root can run sshd', timeout: 240_000 };
const victim = '/ip4/10.99.0.1/tcp/7701';

let machines: SshLan;

before(async () => {
  if (!options.skip) machines = await SshLan.up(4);
});

after(async () => {
  if (!options.skip) await machines[Symbol.asyncDispose]();
});

/** Each test begins with machines that know nobody, and no peer. */
beforeEach(async () => {
  if (options.skip) return;
  const reset = `[ ! -e $XDG_RUNTIME_DIR/buildswarm/peer.sock ] || ${buildswarm} stop --now
    rm -rf /root/.config; chmod 700 /root`;
  await Promise.all(machines.lan.hosts.map((host) => machines.shell(host, reset)));
});

async function startPeers(hosts: readonly Host[], ...flags: readonly string[]): Promise<void> {
  const port = ['--listen', '/ip4/0.0.0.0/tcp/7701'];
  await Promise.all(hosts.map((host) => machines.buildswarm(host, 'start', ...port, ...flags)));
}

/** A job stream of a peer on m3 to m1, after it has said all that it has heard of lasting keys. */
async function strangersAnswers(repeatsKnownOf: readonly string[]): Promise<readonly string[]> {
  const task: StrangerTask = { victim, share: '/tmp', file: 'none', offers: [{}], repeatsKnownOf };
  const program = path.join(checkout, 'dist/test/rig/stranger.js');
  const ended = await machines.run('m3', [process.execPath, program, JSON.stringify(task)]);
  const { answers, repeated } = JSON.parse(ended.stdout.toString()) as StrangerReport;
  assert.ok(repeated >= 2, 'it had something to replay');
  return answers;
}

test('one invitation makes two machines known to each other, and nobody else', options, async () => {
  await startPeers(machines.lan.hosts);
  assert.match(
    await machines.buildswarm('m1', 'invite', 'm2'),
    /^m2 and this machine know each other now\.\n$/,
  );
  await machines.untilConnected('m1', 'm2');
  await machines.untilConnected('m2', 'm1');
  assert.match(await machines.buildswarm('m1', 'peers'), /^m2 +connected\n$/);
  assert.match(await machines.buildswarm('m3', 'peers'), /^No machine is known/);
  const [own] = await machines.peers('m2');
  assert.deepEqual(
    await machines.shell('m1', 'cd /root/.config/buildswarm && stat -c "%n %a" . * */*'),
    '. 700\naddresses 700\nkeys 700\npeers 700\naddresses/m2 600\nkeys/m1 600\npeers/m2 600\n',
  );
  // It is found wherever it was last, not by its name alone.
  assert.deepEqual(own?.addresses, ['/ip4/10.99.0.1/tcp/7701']);
  // Said again, it changes nothing.
  await machines.buildswarm('m2', 'invite', 'm1');
  await machines.untilConnected('m1', 'm2');
});

test('a peer that was not invited gets nothing, whatever it has heard and says again', options, async () => {
  await startPeers(['m1', 'm2']);
  await machines.buildswarm('m1', 'invite', 'm2');
  await machines.untilConnected('m1', 'm2');
  assert.deepEqual(await strangersAnswers(['/ip4/10.99.0.2/tcp/7701']), [
    'not-member: no member file of yours is on any share here, and your machine was not made known to this one',
  ]);
  await machines.untilConnected('m1', 'm2');
});

test(
  'a machine that is forgotten is cut off at once, and an old invitation does not bring it back',
  options,
  async () => {
    await startPeers(['m1', 'm2']);
    await machines.buildswarm('m1', 'invite', 'm2');
    await machines.untilConnected('m2', 'm1');
    const said = await machines.shell('m2', 'cat /root/.config/buildswarm/peers/m1');
    assert.match(await machines.buildswarm('m1', 'forget', 'm2'), /^m2 is forgotten/);
    assert.match(await machines.shell('m1', 'cat $XDG_RUNTIME_DIR/buildswarm/peer.log'), /known no longer/);
    assert.deepEqual(await machines.peers('m1'), []);
    await machines.untilConnected('m2');
    // What m1 had said of itself, once more to m2 and to m3: m1 has to know them, too.
    const { key } = JSON.parse(said) as { key: string };
    const invitation = JSON.stringify({ name: 'm1', key, addresses: ['/ip4/10.99.0.1/tcp/7701'] });
    await startPeers(['m3']);
    for (const host of ['m2', 'm3'] as const)
      await machines.shell(host, `echo 'buildswarm-introduction 1 ${invitation}' | ${buildswarm} accept`);
    await machines.untilConnected('m2');
    await machines.untilConnected('m3');
    assert.match(await machines.complaint('m1', ['forget', 'm2']), /No machine is known as m2/);
    await machines.buildswarm('m1', 'invite', 'm2');
    await machines.untilConnected('m2', 'm1');
  },
);

/** Runs a script in a project that m1 alone has. @returns what it printed, and how many jobs ran elsewhere and here. */
async function inProject(script: string): Promise<{ out: string; remote: number; inline: number }> {
  const count = async (): Promise<Status['jobs']> => {
    return (JSON.parse(await machines.buildswarm('m1', 'status', '--json')) as Status).jobs;
  };
  const before = await count();
  const out = await machines.shell('m1', `mkdir -p /srv/project && cd /srv/project && ${script}`);
  const { remote, inline } = await count();
  return { out, remote: remote - before.remote, inline: inline - before.inline };
}

test('commands run on the invited machine in the files of the one that invites, and no more when it is forgotten', {
  ...options,
  skip: options.skip || (treeObstacle() ?? false),
}, async () => {
  await startPeers(machines.lan.hosts, '--never-serve', 'tokens', '--never-serve', '/srv/project/link/own');
  await machines.shell('m1', 'mkdir -p /srv/project/real/own && ln -sfn real /srv/project/link');
  const make = 'rm -f a.* && echo "int a;" >a.c && swarmrun gcc -c a.c && nm a.o';
  const symbol = '0000000000000000 B a\n';
  assert.deepEqual(await inProject(make), { out: symbol, remote: 0, inline: 1 });
  await machines.buildswarm('m1', 'invite', 'm2');
  await machines.untilConnected('m1', 'm2');
  await machines.untilConnected('m2', 'm1');
  assert.deepEqual(await inProject(make), { out: symbol, remote: 1, inline: 0 });
  // What is never served: the other machine does not get it, so they run here.
  const secrets = ['tokens/a', 'real/own/a', '.netrc', '~/.ssh/id_ed25519', '/etc/ssh/ssh_host_ed25519_key'];
  await inProject('mkdir -p tokens && touch tokens/a real/own/a .netrc');
  for (const secret of secrets)
    assert.deepEqual(
      await inProject(`swarmrun cat ${secret} >/dev/null`),
      { out: '', remote: 0, inline: 1 },
      secret,
    );
  await machines.buildswarm('m1', 'forget', 'm2');
  assert.deepEqual(await inProject(make), { out: symbol, remote: 0, inline: 1 });
});

test(
  'machines that no multicast joins find each other by the invitation, and after a restart',
  options,
  async () => {
    await Promise.all((['m1', 'm2'] as const).map((host) => machines.buildswarm(host, 'start', '--no-mdns')));
    await machines.buildswarm('m1', 'invite', 'm2');
    await machines.untilConnected('m1', 'm2');
    await machines.untilConnected('m2', 'm1');
    await machines.buildswarm('m1', 'stop', '--now');
    await machines.untilConnected('m2');
    await machines.buildswarm('m1', 'start', '--no-mdns');
    await machines.untilConnected('m2', 'm1');
    // Neither is left where the other could have seen it last.
    for (const host of ['m1', 'm2'] as const) await machines.buildswarm(host, 'stop', '--now');
    for (const host of ['m1', 'm2'] as const) await machines.buildswarm(host, 'start', '--no-mdns');
    await machines.untilConnected('m1', 'm2');
    await machines.untilConnected('m2', 'm1');
  },
);

/** `buildswarm pair` in a shell that answers when it is told to: `echo yes >/tmp/answer`. */
function pairOn(host: Host): { readonly running: Running; digits: () => string } {
  const script = `rm -f /tmp/answer; mkfifo /tmp/answer; ${buildswarm} pair <>/tmp/answer`;
  const running = machines.start(host, ['bash', '-c', script]);
  let said = '';
  running.child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return { running, digits: () => /^ {2}(\d{3} \d{3})$/m.exec(said)?.[1] ?? '' };
}

test(
  'two machines are paired when the digits on both screens were confirmed, and not before',
  options,
  async () => {
    await startPeers(machines.lan.hosts);
    for (const answers of [
      ['yes', 'no'],
      ['yes', 'yes'],
    ] as const) {
      const [one, other] = [pairOn('m1'), pairOn('m2')];
      await until(() => one.digits() !== '' && other.digits() !== '', 60_000, 'both show digits');
      assert.equal(one.digits(), other.digits());
      await machines.shell('m1', `echo ${answers[0]} >/tmp/answer`);
      assert.deepEqual(await machines.peers('m1'), []);
      await machines.shell('m2', `echo ${answers[1]} >/tmp/answer`);
      const ended = await Promise.all([one.running.ended, other.running.ended]);
      const isPaired = answers[1] === 'yes';
      assert.deepEqual(
        ended.map(({ status }) => status),
        isPaired ? [0, 0] : [1, 1],
      );
      const names = (await machines.peers('m1')).map(({ name }) => name);
      assert.deepEqual(names, isPaired ? ['m2'] : []);
    }
    await machines.untilConnected('m1', 'm2');
    await machines.untilConnected('m2', 'm1');
  },
);

test(
  'a machine that cannot keep what jobs write says so, with the cure, before any job comes',
  options,
  async () => {
    await machines.shell('m3', `unset BUILDSWARM_CACHE; ${buildswarm} start`);
    const { warnings } = JSON.parse(await machines.buildswarm('m3', 'status', '--json')) as Status;
    assert.match(
      warnings.join('\n'),
      /runs nothing in other machines' files: \/root\/\S+ lies on an overlay, .* set BUILDSWARM_CACHE/,
    );
  },
);

test('a home that others may write to is refused at both ends, with the cure', options, async () => {
  for (const [open, where] of [
    ['m1', ''],
    ['m2', 'm2 does not accept: '],
  ] as const) {
    await machines.shell(open, 'chmod 770 /root');
    const args = ['invite', 'm2', '-o', 'StrictHostKeyChecking=yes'];
    assert.equal(
      await machines.complaint('m1', args),
      `buildswarm: ${where}Others may write to /root, so they could replace what you keep below it; run: chmod go-w /root`,
    );
    await machines.shell(open, 'chmod 700 /root');
  }
  await machines.buildswarm('m1', 'invite', 'm2');
});

test('whatever keeps an invitation from its end is said in a sentence', options, async () => {
  const says = async (pattern: RegExp, args: readonly string[], more = {}): Promise<void> => {
    assert.match(await machines.complaint('m1', ['invite', ...args], more), pattern);
  };
  const folder = machines.lan.folder;
  const fake = (name: string, script: string): string => {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return file;
  };
  await says(/m2 has no `\/nowhere\/buildswarm` .* --command/, ['--command', '/nowhere/buildswarm', 'm2']);
  await says(/too old and does not know `accept`/, [
    '--command',
    fake('old', `echo "error: unknown command 'accept'" >&2; exit 2`),
    'm2',
  ]);
  await says(/another version of buildswarm/, [
    '--command',
    fake('newer', 'echo "buildswarm-introduction 2 {}"'),
    'm2',
  ]);
  await says(/did not introduce itself/, ['--command', fake('silent', 'cat >/dev/null'), 'm2']);
  symlinkSync(process.execPath, path.join(folder, 'node'));
  await says(/There is no ssh in the PATH; install it/, ['m2'], { path: folder });
  await says(/ssh did not reach m9: see what ssh says/, ['m9']);
  await says(/ssh did not reach m2: see what ssh says/, ['m2', '-p', '23']);
  await says(/"-oProxyCommand=x" is not a host/, ['--', '-oProxyCommand=x']);
  await says(/m1 does not accept: This is the machine that invites\./, ['m1']);
  await says(/it did not let you in/, ['nobody@m2', '-o', 'BatchMode=yes']);
  await machines.shell('m1', 'sed -i s/^m2/m7/ /root/.ssh/known_hosts');
  await says(/its host key was not confirmed/, ['m2', '-o', 'StrictHostKeyChecking=yes']);
  await machines.shell('m1', 'sed -i "s/^m7/m2/; s/^m3/m9/; s/^m2/m3/; s/^m9/m2/" /root/.ssh/known_hosts');
  await says(/its host key is not the one that you have known/, ['m2']);
  await machines.shell('m1', 'sed -i "s/^m3/m9/; s/^m2/m3/; s/^m9/m2/" /root/.ssh/known_hosts');
  // Taken by another key: it may be the same machine, installed anew.
  await machines.buildswarm('m1', 'invite', 'm2');
  await machines.shell('m2', 'rm -r /root/.config');
  await says(/Another machine is known as m2 already; run `buildswarm forget m2`/, ['m2']);
  await machines.buildswarm('m1', 'forget', 'm2');
  await machines.buildswarm('m1', 'invite', '--name', 'bench', 'm2');
  assert.deepEqual(
    (await machines.peers('m1')).map(({ name }) => name),
    ['bench'],
  );
  assert.match(
    await machines.buildswarm('m1', 'invite', '--name', 'lab', 'm2'),
    /It was known as bench before and keeps this name; to call it lab, run `buildswarm forget bench` and/,
  );
  for (const name of ['../x', 'a b', ''])
    await says(/" cannot be the name of a machine; give letters/, ['--name', name, 'm2']);
  assert.match(await machines.complaint('m1', ['accept'], { stdin: 'hello\n' }), /did not introduce itself/);
});

test('a machine on the same tree and two that have no tree build one project at once, and are told apart', {
  ...options,
  skip: options.skip || (treeObstacle() ?? false),
}, async () => {
  const tree = path.join(machines.lan.folder, 'tree');
  await machines.shell('m1', `mkdir -m 700 ${tree} && ${buildswarm} share ${tree}`);
  for (const host of ['m3', 'm4'] as const)
    await machines.shell(host, `mount -t tmpfs none ${tree} && rm -f /srv/*; :`);
  await startPeers(machines.lan.hosts, '--slots', '2');
  for (const host of ['m3', 'm4']) await machines.buildswarm('m1', 'invite', host);
  await machines.untilConnected('m1', 'm3', 'm4');

  const units = 16;
  const sources = `mkdir -p src && for n in $(seq ${units}); do
      printf '#include <string>\\n#include "all.h"\\nstd::string f%d() { return std::to_string(COUNT + %d); }\\n' $n $n >src/$n.cc
    done; echo '#define COUNT ${units}' >src/all.h
    printf 'int main() { return 0; }\\n' >src/main.cc`;
  const build = `for f in src/*.cc; do echo \${f%.cc}; done | xargs -P8 -I@ $S g++ -O1 -MD -c @.cc -o @.o &&
    $S ar rcD src/lib.a src/[0-9]*.o && $S g++ src/main.o src/lib.a -o src/main && $S ./src/main && sha256sum src/*.[oda] src/main`;
  const home = await machines.shell('m1', `cd ${tree} && ${sources} && S= && ${build}`);
  await until(
    async () => {
      const made = await machines.shell(
        'm1',
        `cd ${tree} && rm src/*.[oda] src/main && S=${swarmrun} && ${build}`,
      );
      assert.equal(made, home);
      const { peers } = JSON.parse(await machines.buildswarm('m1', 'status', '--json')) as Status;
      return peers.length === 3 && peers.every(({ doneForMe }) => doneForMe > 0);
    },
    120_000,
    'all three have built some of it',
  );
  const status = JSON.parse(await machines.buildswarm('m1', 'status', '--json')) as Status;
  const ways = Object.fromEntries(status.peers.map((peer) => [peer.name, peer.ways.join()]));
  assert.deepEqual(ways, { m2: 'direct,served', m3: 'served', m4: 'served' });
  const shown = await machines.buildswarm('m1', 'status');
  assert.match(shown, /^direct \(.*\): m2$/m);
  assert.match(shown, /^served \(.*\): m2, m3, m4$/m);
});
