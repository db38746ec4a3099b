import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  addKnownPeer,
  forgetKnownPeer,
  knownPeersStamp,
  pairingDirectory,
  readAddresses,
  readKnownPeers,
  writeAddresses,
} from '../../../src/pairing/known-peers.ts';
import { ensureLastingKey } from '../../../src/pairing/lasting-key.ts';

const keyOf = (letter: string): string => `${letter.repeat(43)}=`;

function directoryFor(t: TestContext): string {
  const home = mkdtempSync(path.join(tmpdir(), 'pairing-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return path.join(home, 'buildswarm');
}

test('a machine is known until it is forgotten', async (t) => {
  const directory = directoryFor(t);
  assert.deepEqual(await readKnownPeers(directory), { machines: [], faults: [] });
  const stamps = [await knownPeersStamp(directory)];
  assert.equal(await addKnownPeer(directory, { name: 'lab1', key: keyOf('a') }), 'lab1');
  stamps.push(await knownPeersStamp(directory));
  await addKnownPeer(directory, { name: 'lab2', key: keyOf('b') });
  assert.deepEqual((await readKnownPeers(directory)).machines, [
    { name: 'lab1', key: keyOf('a') },
    { name: 'lab2', key: keyOf('b') },
  ]);
  await writeAddresses(directory, 'lab1', ['/ip4/10.0.0.1/tcp/1']);
  assert.deepEqual(await readAddresses(directory, 'lab1'), ['/ip4/10.0.0.1/tcp/1']);
  assert.equal(await forgetKnownPeer(directory, 'lab1'), true);
  assert.equal(await forgetKnownPeer(directory, 'lab1'), false);
  assert.deepEqual((await readKnownPeers(directory)).machines, [{ name: 'lab2', key: keyOf('b') }]);
  assert.deepEqual(await readAddresses(directory, 'lab1'), []);
  assert.equal(new Set(stamps).size, 2);
});

test('a name that is taken by another key is refused, a key that is known keeps its name', async (t) => {
  const directory = directoryFor(t);
  await addKnownPeer(directory, { name: 'lab1', key: keyOf('a') });
  assert.equal(await addKnownPeer(directory, { name: 'new-name', key: keyOf('a') }), 'lab1');
  await assert.rejects(
    addKnownPeer(directory, { name: 'lab1', key: keyOf('b') }),
    /known as lab1 already; run `buildswarm forget lab1`/,
  );
  assert.deepEqual((await readKnownPeers(directory)).machines, [{ name: 'lab1', key: keyOf('a') }]);
});

test('no name leads out of the directory', async (t) => {
  const directory = directoryFor(t);
  await addKnownPeer(directory, { name: 'lab1', key: keyOf('a') });
  writeFileSync(path.join(directory, 'precious'), '');
  for (const name of ['../precious', '..', '.', '', '/etc/passwd', 'a/../../precious'])
    assert.equal(await forgetKnownPeer(directory, name), false, name);
  assert.ok(readdirSync(directory).includes('precious'));
});

test('files that others may write, links and damaged ones are not believed, the rest is', async (t) => {
  const directory = directoryFor(t);
  for (const [name, letter] of [
    ['good', 'a'],
    ['open', 'b'],
    ['damaged', 'c'],
  ] as const)
    await addKnownPeer(directory, { name, key: keyOf(letter) });
  const file = (name: string): string => path.join(directory, 'peers', name);
  chmodSync(file('open'), 0o644);
  writeFileSync(file('damaged'), '{"key":"x"}');
  symlinkSync(file('good'), file('link'));
  const { machines, faults } = await readKnownPeers(directory);
  assert.deepEqual(machines, [{ name: 'good', key: keyOf('a') }]);
  assert.equal(faults.length, 3);
  assert.match(faults.join('\n'), /damaged is damaged; run `buildswarm forget damaged`/);
  assert.match(faults.join('\n'), /link cannot be read/);
  assert.match(faults.join('\n'), /run: chmod 600 \S+open$/);
});

test('nothing is kept where others may write, and the way is said', async (t) => {
  const directory = directoryFor(t);
  const home = path.dirname(directory);
  chmodSync(home, 0o775);
  await assert.rejects(addKnownPeer(directory, { name: 'lab1', key: keyOf('a') }), (error: Error) =>
    error.message.endsWith(`run: chmod go-w ${home}`),
  );
  await assert.rejects(ensureLastingKey(directory, 'host'), /run: chmod go-w/);
  chmodSync(home, 0o755);
  await addKnownPeer(directory, { name: 'lab1', key: keyOf('a') });
  chmodSync(path.join(directory, 'peers'), 0o750);
  await assert.rejects(readKnownPeers(directory), /run: chmod 700 \S+peers$/);
});

test('modes are private whatever the umask, and nothing else is left', async (t) => {
  const directory = directoryFor(t);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  await addKnownPeer(directory, { name: 'lab1', key: keyOf('a') });
  await writeAddresses(directory, 'lab1', []);
  await ensureLastingKey(directory, 'host');
  const modes = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map(
    (name) => `${name} ${(statSync(path.join(directory, name)).mode & 0o777).toString(8)}`,
  );
  assert.deepEqual(modes.toSorted(), [
    'addresses 700',
    'addresses/lab1 600',
    'keys 700',
    'keys/host 600',
    'peers 700',
    'peers/lab1 600',
  ]);
});

test('one host has one lasting key, however many commands ask for it at once', async (t) => {
  const directory = directoryFor(t);
  const keys = await Promise.all(Array.from({ length: 8 }, () => ensureLastingKey(directory, 'host')));
  assert.equal(new Set(keys.map(({ publicKey }) => publicKey)).size, 1);
  assert.notEqual((await ensureLastingKey(directory, 'other')).publicKey, keys[0]?.publicKey);
});

test('the directory is that of the XDG base directories', () => {
  assert.equal(pairingDirectory({ HOME: '/home/u' }), '/home/u/.config/buildswarm');
  assert.equal(pairingDirectory({ HOME: '/home/u', XDG_CONFIG_HOME: '/c' }), '/c/buildswarm');
  assert.equal(pairingDirectory({ HOME: '/home/u', XDG_CONFIG_HOME: 'c' }), '/home/u/.config/buildswarm');
});
