import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readSettings } from '../../../src/peer/settings.ts';
import { closedPaths } from '../../../src/peer/submit/served/closed-paths.ts';

test('what is never served are names and absolute paths, from the flags or the variable', async () => {
  const read = async (flags: object, env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> =>
    (await readSettings(flags, env, '/run/peer.sock')).neverServed;
  assert.deepEqual(await read({}), []);
  assert.deepEqual(await read({ neverServe: ['.secrets', 'conf/keys/', '/data/keys/'] }), [
    '.secrets',
    'conf/keys',
    '/data/keys',
  ]);
  assert.deepEqual(await read({}, { BUILDSWARM_NEVER_SERVE: ':a b:/c:' }), ['a b', '/c']);
  for (const wrong of ['', '/', '//', '..', 'a/../b', './a', 'a//b', '/a/./b'])
    await assert.rejects(read({ neverServe: [wrong] }), /--never-serve or BUILDSWARM_NEVER_SERVE: /, wrong);
});

test('an address that cannot be one is refused where it is read, not where it is dialled', async () => {
  const fits = [
    '/ip4/0.0.0.0/tcp/0',
    '/ip6/fd00::7/tcp/65535',
    '/dns4/lab1/tcp/4001',
    '/ip4/10.0.0.1/tcp/1/p2p/abc',
  ];
  for (const flags of [{ peer: fits }, { listen: fits }]) await readSettings(flags, {}, '/run/peer.sock');
  for (const [wrong, why] of [
    ['/ip4/999.1.1.1/tcp/1', /no valid IP address/],
    ['/ip4/lab1/tcp/1', /no valid IP address; a host name stands in \/dns4/],
    ['/ip6/10.0.0.1/tcp/1', /no valid IP address/],
    ['/ip4/10.0.0.1/tcp/99999', /no valid port; give one up to 65535/],
    ['10.0.0.1:4001', /is not an address; write it like/],
  ] as const) {
    for (const flags of [{ peer: [wrong] }, { listen: [wrong] }])
      await assert.rejects(readSettings(flags, {}, '/run/peer.sock'), { code: 'E_SETTING', message: why });
    for (const name of ['BUILDSWARM_PEERS', 'BUILDSWARM_LISTEN'])
      await assert.rejects(readSettings({}, { [name]: wrong }, '/run/peer.sock'), why);
  }
});

test('BUILDSWARM_MDNS is 0 or 1, and nothing else passes for either', async () => {
  const read = async (value: string, flags: object = {}): Promise<boolean> =>
    (await readSettings(flags, { BUILDSWARM_MDNS: value }, '/run/peer.sock')).mdns;
  assert.deepEqual([await read('0'), await read('1'), await read('')], [false, true, true]);
  assert.equal(await read('1', { mdns: false }), false);
  for (const wrong of ['off', 'no', 'false', '00'])
    await assert.rejects(
      read(wrong),
      /^SwarmError: --no-mdns or BUILDSWARM_MDNS: "\w+" is neither 0 .* nor 1 /,
    );
});

test('the paths that are never served are real ones, as far as they are there', async (t) => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'closed-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(path.join(folder, 'real/keys'), { recursive: true });
  symlinkSync('real', path.join(folder, 'link'));
  const settings = await readSettings(
    { neverServe: ['link', `${folder}/link/keys`, `${folder}/link/later/on`] },
    { HOME: `${folder}/link`, BUILDSWARM_CACHE: `${folder}/link/cache` },
    `${folder}/link/run/peer.sock`,
  );
  assert.deepEqual(await closedPaths(settings), [
    existsSync('/var/run') ? realpathSync('/var/run') : '/var/run',
    `${folder}/real/run`,
    `${folder}/real/cache`,
    `${folder}/real/.config/buildswarm`,
    'link',
    `${folder}/real/keys`,
    `${folder}/real/later/on`,
  ]);
});
