/** What peers keep of other machines' files: whose it is, what of it is swept, and what `buildswarm cache` says of it. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  claimCache,
  hiddenNamesIn,
  listCaches,
  sweepCaches,
  treeCachesIn,
} from '../../src/peer/serve/served/tree-caches.ts';
import { noteDirectory, sweepJournal } from '../../src/share/blocking/hidden-journal.ts';
import { HiddenNames } from '../../src/tree/hidden-names.ts';
import { checkout } from '../rig/child.ts';

let cache: string;
let all: string;

before(async () => {
  cache = mkdtempSync(path.join(tmpdir(), 'cache-'));
  all = treeCachesIn(cache);
  const claim = await claimCache(path.join(all, 'mine'));
  claim.stop();
  const owner = readFileSync(path.join(all, 'mine/owner'), 'latin1');
  const [boot, view, pid, started] = owner.trim().split(' ');
  const ended = spawn('true');
  await once(ended, 'exit');
  const owners: Readonly<Record<string, string>> = {
    killed: `${boot} ${view} ${ended.pid} ${started}`,
    // Its number was given to another process since.
    reused: `${boot} ${view} ${pid} ${Number(started) - 1}`,
    elsewhere: `0-1 ${view} ${pid} ${started}`,
    'elsewhere-long-ago': `0-1 ${view} ${pid} ${started}`,
    'other-namespace': `${boot} pid:[1] ${ended.pid} 1`,
  };
  for (const [name, text] of Object.entries(owners)) {
    mkdirSync(path.join(all, name, 'tree/cache'), { recursive: true });
    writeFileSync(path.join(all, name, 'owner'), `${text}\n`);
    writeFileSync(path.join(all, name, 'tree/cache/pack'), Buffer.alloc(1_000_000, 1));
  }
  mkdirSync(path.join(all, 'just-made'));
  const names = new HiddenNames(hiddenNamesIn(path.join(all, 'killed')));
  const { journal } = await names.of('', []);
  assert.equal(noteDirectory(journal, realpathSync(cache)), true);
  writeFileSync(path.join(cache, `${names.freshPrefix()}1`), '');
  const longAgo = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(path.join(all, 'elsewhere-long-ago'), longAgo, longAgo);
});
after(() => rmSync(cache, { recursive: true, force: true }));

const run = (...words: readonly string[]): string =>
  execFileSync(path.join(checkout, 'bin/buildswarm'), ['cache', ...words], {
    env: { ...process.env, BUILDSWARM_CACHE: cache, BUILDSWARM_CACHE_GB: '7' },
  }).toString();

const abandoned = ['elsewhere-long-ago', 'killed', 'reused'];
const kept = ['elsewhere', 'just-made', 'mine', 'other-namespace'];

test('what no peer uses is told from what one may use that cannot be seen from here', async () => {
  const caches = await listCaches(all);
  const named = caches.filter(({ isAbandoned }) => isAbandoned).map((one) => path.basename(one.path));
  assert.deepEqual(named.toSorted(), abandoned);
  assert.ok(caches.every((one) => path.basename(one.path) !== 'killed' || one.sizeBytes >= 1_000_000));
  assert.deepEqual(await listCaches(path.join(cache, 'nowhere')), []);
});

test('buildswarm cache shows sizes and the limit, and prune removes what no peer uses', async () => {
  const shown = run();
  assert.match(shown, /^1 MB abandoned .+\/killed$/m);
  assert.match(shown, /^0 MB in use .+\/mine$/m);
  assert.match(shown, /^5 MB in .+\/trees; a tree keeps 7000 MB of contents at most$/m);
  assert.match(run('prune'), /^removed 3 MB of 3 peers that are gone$/m);
  assert.deepEqual(readdirSync(all).toSorted(), kept);
  assert.deepEqual(readdirSync(cache), ['trees']);
  await sweepCaches(all, sweepJournal);
  assert.deepEqual(readdirSync(all).toSorted(), kept);
  assert.equal(existsSync(path.join(all, 'elsewhere/tree/cache/pack')), true);
});

test('what a plain user may not list is removed: an overlay keeps a directory without rights', () => {
  const left = path.join(all, 'killed/ready/1/0/w/work');
  mkdirSync(left, { recursive: true });

  const old = new Date(Date.now() - 25 * 3_600_000);
  chmodSync(left, 0);
  chmodSync(path.dirname(left), 0o500);
  utimesSync(path.join(all, 'killed'), old, old);
  assert.match(pruneAsPlainUser(), /^removed 0 MB of 1 peers that are gone$/m);
  assert.deepEqual(readdirSync(all).toSorted(), kept);
});

/** With root's rights gone, if it is root that tests. */
function pruneAsPlainUser(): string {
  const words = [path.join(checkout, 'bin/buildswarm'), 'cache', 'prune'];
  const without = ['setpriv', '--bounding-set=-dac_override,-dac_read_search', ...words];
  const [program = '', ...rest] = process.getuid?.() === 0 ? without : words;
  return execFileSync(program, rest, { env: { ...process.env, BUILDSWARM_CACHE: cache } }).toString();
}
