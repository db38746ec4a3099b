/** Runs what CONTRIBUTING tells newcomers to type, in a copy of this checkout, in the order of the page. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type CheckoutCopy, copyCheckout } from '../rig/checkout-copy.ts';
import { check, checkout, run } from '../rig/child.ts';

const timeoutMs = 240_000;

/** Lines of all blocks of shell commands, without what is said about them. */
const commands = [
  ...readFileSync(path.join(checkout, 'CONTRIBUTING.md'), 'utf8').matchAll(/^```sh\n([^]*?)^```$/gm),
].flatMap(([, block = '']) =>
  block
    .trim()
    .split('\n')
    .map((line) => line.replace(/\s+# .*$/, '')),
);

/** This would run itself; whoever runs this test has most likely just run it. */
const whole = 'npm test';

/** What a command must have said, where its status does not show that it did what the page says. */
const said: readonly (readonly [start: string, expected: RegExp])[] = [
  ['npm run test:unit', /\n[1-9]\d+ passed, 0 failed\n$/],
  ['scripts/test --node 22', /== unit \(Node 22\)[^]*\n[1-9]\d+ passed, 0 failed\n$/],
  ['scripts/test test/unit', /✔ frames [^]*\n[1-9]\d* passed, 0 failed\n$/],
  ['scripts/simulate --seed', /: all held\n$/],
  ['scripts/simulate --history', / jobs\n[^]*all held\n$/],
  ['scripts/watch', /^m1 [^]*^m2 /m],
  ['scripts/lan exec m1 bin/buildswarm status', /one \(me\)/],
  ["scripts/lan exec m2 sh -c 'cat", /"msg":/],
  ['scripts/release', /buildswarm-0\.2\.0\.tgz is buildswarm 0\.2\.0/],
];

let copy: CheckoutCopy;
const inCopy = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', EMAIL: 'test@example.com' };

before(async () => {
  copy = copyCheckout();
  // The tests have no network: scripts/test has brought that version of Node before.
  const node = path.join(checkout, '.cache/node-22');
  mkdirSync(path.join(copy.root, '.cache'));
  if (existsSync(node)) symlinkSync(node, path.join(copy.root, '.cache/node-22'));
  const git = (...words: string[]) => check(['git', ...words], { cwd: copy.root, env: inCopy });
  await git('init', '-q');
  appendFileSync(path.join(copy.root, '.git/info/exclude'), 'node_modules\n');
  await git('add', '-A');
  await git('-c', 'user.name=test', 'commit', '-qm', 'All of it');
  await git('config', 'user.name', 'test');
});

after(async () => {
  await run(['scripts/lan', 'down'], { cwd: copy.root });
  copy[Symbol.dispose]();
});

test('CONTRIBUTING has commands', () => {
  assert.ok(commands.length > 15);
  assert.ok(commands.includes(whole));
  const unused = said.filter(([start]) => !commands.some((command) => command.startsWith(start)));
  assert.deepEqual(unused, []);
});

for (const command of commands.filter((line) => line !== whole))
  test(command, async () => {
    const output = await check(['bash', '-c', command], { cwd: copy.root, env: inCopy, timeoutMs });
    for (const [start, expected] of said) if (command.startsWith(start)) assert.match(output, expected);
  });
