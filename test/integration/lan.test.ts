import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { checked, checkout, run } from '../rig/child.ts';
import { type Host, Lan } from '../rig/lan.ts';
import { until } from '../rig/until.ts';

async function shell(lan: Lan, host: Host, script: string): Promise<string> {
  const argv = ['sh', '-c', script];
  return checked(argv, await lan.exec(host, argv)).trim();
}

/** Knocks at a closed port: only a machine that is reached refuses. */
async function reaches(lan: Lan, host: Host, address: string): Promise<boolean> {
  const knock = `const s = require('net').connect(9, '${address}');
    s.on('error', (e) => { console.log(e.code); process.exit(); }); setTimeout(() => process.exit(), 300);`;
  return (await shell(lan, host, `node -e "${knock}"`)) === 'ECONNREFUSED';
}

test('machines reach each other over IPv4 and IPv6, and not while the cable is pulled', async () => {
  await using lan = await Lan.up(2);
  assert.ok(await reaches(lan, 'm1', '10.99.0.2'));
  assert.ok(await reaches(lan, 'm2', 'fd00::1'));
  await lan.cut('m2');
  assert.ok(!(await reaches(lan, 'm1', '10.99.0.2')));
  await lan.mend('m2');
  await until(() => reaches(lan, 'm1', '10.99.0.2'), 5000, 'm2 is back');
});

test('a multicast of one machine reaches the others', async () => {
  await using lan = await Lan.up(3);
  const listen = `const s = require('dgram').createSocket('udp4');
    s.on('message', (m) => { console.log(String(m)); process.exit(); });
    s.bind(5353, () => { s.addMembership('224.0.0.251'); require('fs').writeFileSync(process.argv[1], ''); });`;
  const listeners = (['m2', 'm3'] as const).map((host) =>
    lan.start(host, ['node', '-e', listen, path.join(lan.folder, host)], { timeoutMs: 10_000 }),
  );
  await until(async () => (await readdir(lan.folder)).length === 2, 5000, 'both listen');
  const send = `require('dgram').createSocket('udp4').send('hello', 5353, '224.0.0.251', () => process.exit())`;
  await lan.exec('m1', ['node', '-e', send]);
  for (const listener of listeners) assert.equal((await listener.ended).stdout.toString(), 'hello\n');
});

test('each machine has its own name, /tmp, /var/tmp, /run and process list, and the disk is shared', async () => {
  await using lan = await Lan.up(2);
  const sleeper = lan.start('m1', ['sleep', '1000']);
  await until(
    async () => (await lan.processes('m1')).some((line) => line.endsWith('sleep 1000')),
    5000,
    'it runs',
  );
  assert.deepEqual(await lan.processes('m2'), []);
  assert.equal(
    await shell(lan, 'm2', 'hostname; echo one | tee /tmp/mine /var/tmp/mine >/run/mine; echo two >shared'),
    'm2',
  );
  assert.equal(
    await shell(
      lan,
      'm1',
      '! ls /tmp/mine /var/tmp/mine /run/mine 2>/dev/null && cat shared && stat -c %a $XDG_RUNTIME_DIR',
    ),
    'two\n700',
  );
  const outside = process.env['XDG_RUNTIME_DIR'] ?? '/run/dbus';
  assert.equal(await shell(lan, 'm1', `ls -A ${outside} 2>/dev/null || true`), '');
  await lan.crash('m1');
  assert.equal((await sleeper.ended).signal, 'SIGKILL');
});

test('machines have their own copies of the directories that are asked for, and nobody else sees them change', async () => {
  await using lan = await Lan.up(2, { ownRoots: ['/usr/local', '/etc'] });
  const mode = ((await stat('/usr/local')).mode & 0o7777).toString(8);
  await shell(
    lan,
    'm1',
    'echo one >/etc/only-m1; mkdir /usr/local/include/d; echo 1 >/usr/local/include/d/x.h',
  );
  assert.equal(await shell(lan, 'm2', 'ls /etc/only-m1 /usr/local/include/d 2>/dev/null || true'), '');
  // What was there before can be changed, moved and removed as well.
  await shell(lan, 'm2', 'rm /etc/passwd; echo hello >>/etc/group; mv /usr/local/lib /usr/local/gone');
  assert.equal(
    await shell(lan, 'm1', 'ls -d /usr/local/lib; grep -c hello /etc/group; head -c 5 /etc/passwd'),
    '/usr/local/lib\n0\nroot:',
  );
  assert.equal(await shell(lan, 'm1', 'stat -c %a /usr/local; cat /etc/only-m1'), `${mode}\none`);
  await assert.rejects(readdir('/usr/local/include/d'), { code: 'ENOENT' });
  await shell(lan, 'm1', 'echo three >file');
  assert.equal(await shell(lan, 'm2', 'cat file'), 'three');
});

test('exec is transparent: directory, arguments, stdin, output, exit status and signal', async () => {
  await using lan = await Lan.up(1);
  const script = 'pwd; cat; printf "[%s]" "$@"; echo oops >&2; exit 42';
  const ended = await lan.exec('m1', ['sh', '-c', script, 'sh', 'a b', '', '*'], { stdin: 'input\n' });
  assert.equal(ended.stdout.toString(), `${lan.folder}\ninput\n[a b][][*]`);
  assert.equal(ended.stderr.toString(), 'oops\n');
  assert.equal(ended.status, 42);
  // The shell in front of nsenter execs it, so the signal is seen as it was.
  assert.equal((await lan.exec('m1', ['sh', '-c', 'kill -SEGV $$'])).signal, 'SIGSEGV');
});

test('down leaves no process, no mount and no file, also after a machine has crashed', async () => {
  let folder: string;
  {
    await using lan = await Lan.up(3);
    folder = lan.folder;
    for (const host of lan.hosts) await shell(lan, host, 'setsid sleep 1000 >/dev/null 2>&1 </dev/null &');
    await lan.crash('m2');
  }
  const left: string[] = [];
  for (const pid of await readdir('/proc')) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (environment.includes(path.dirname(folder))) left.push(pid);
  }
  assert.deepEqual(left, []);
  assert.ok(!(await readFile('/proc/self/mountinfo', 'latin1')).includes(folder));
  await assert.rejects(readdir(path.dirname(folder)), { code: 'ENOENT' });
});

test('a LAN that cannot be raised says why and leaves nothing', async () => {
  const script = path.join(checkout, 'scripts/lan');
  const state = path.join(checkout, '.lan', `failing-${process.pid}`);
  const failing = await run([script, 'up', '2', '/no/such/directory'], { env: { BUILDSWARM_LAN: state } });
  assert.equal(failing.status, 1);
  assert.match(failing.stderr.toString(), /'\/no\/such\/directory' is no directory/);
  await assert.rejects(readdir(state), { code: 'ENOENT' });
});
