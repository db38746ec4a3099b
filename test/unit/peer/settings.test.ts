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
