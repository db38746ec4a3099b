/** What scripts/test promises to those who call it: it tests what is there now, and never counts what did not run. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type CheckoutCopy, copyCheckout } from '../rig/checkout-copy.ts';
import { type Ended, run, tell } from '../rig/child.ts';

let copy: CheckoutCopy;

before(() => {
  copy = copyCheckout();
  rmSync(path.join(copy.root, 'test/unit'), { recursive: true });
  writeTest('a.test.ts', 'assert.equal(1, 1)');
  writeTest('deeper/b.test.ts', 'assert.equal(2, 2)');
});
after(() => copy[Symbol.dispose]());

function writeTest(name: string, statement: string): void {
  const file = path.join(copy.root, 'test/unit', name);
  const imports = "import assert from 'node:assert/strict';\nimport { test } from 'node:test';";
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${imports}\ntest('${name}', () => ${statement});\n`);
}

const testUnits = (): Promise<Ended> => run(['scripts/test', 'unit'], { cwd: copy.root, timeoutMs: 120_000 });

const lastLine = (ended: Ended): string | undefined => ended.stdout.toString().trimEnd().split('\n').at(-1);

test('a stage of tests builds first and counts the tests of every file', async () => {
  const ended = await testUnits();
  assert.equal(ended.status, 0, tell(ended));
  assert.match(ended.stdout.toString(), /== build\n[^]*== unit\n[^]*ℹ pass 2\n/);
  assert.equal(lastLine(ended), '2 passed, 0 failed');
});

test('a test that fails is shown at its line of the source, and counted', async () => {
  writeTest('b.test.ts', 'assert.equal(1, 2)');
  const ended = await testUnits();
  assert.equal(ended.status, 1, tell(ended));
  assert.match(ended.stdout.toString(), /✖ b\.test\.ts[^]*test\/unit\/b\.test\.ts:3:\d+/);
  assert.equal(lastLine(ended), '2 passed, 1 failed');
  rmSync(path.join(copy.root, 'test/unit/b.test.ts'));
});

test('a runner of unit tests that does not end is ended and started once more, and to end it again is a failure', async () => {
  // Its process ends with the runner, to which it speaks.
  writeTest('c.test.ts', "new Promise(() => setInterval(() => console.log('still here'), 50))");
  const command = ['env', 'BUILDSWARM_TESTS_DEADLINE_S=9', 'scripts/test', 'unit'];
  const ended = await run(command, { cwd: copy.root, timeoutMs: 120_000 });
  assert.equal(ended.status, 1, tell(ended));
  assert.match(ended.stdout.toString(), /(== unit\n[^]*== unit was ended: the runner of its tests [^]*){2}/);
  assert.match(lastLine(ended) ?? '', /, 1 failed$/);
  rmSync(path.join(copy.root, 'test/unit/c.test.ts'));
});

test('what does not build is not tested', async () => {
  appendFileSync(path.join(copy.root, 'test/unit/a.test.ts'), "export const count: number = 'three';\n");
  const ended = await testUnits();
  assert.equal(ended.status, 1, tell(ended));
  assert.match(ended.stdout.toString(), /test\/unit\/a\.test\.ts\(4,14\): error/);
  assert.match(ended.stdout.toString(), /== build FAILED\n== unit NOT RUN, since the build failed/);
  assert.equal(lastLine(ended), '0 passed, 1 failed');
});

test('a stage that is not there is refused before anything runs', async () => {
  const ended = await run(['scripts/test', 'unit', 'units'], { cwd: copy.root });
  assert.equal(ended.status, 2, tell(ended));
  assert.equal(ended.stdout.toString(), '');
  assert.match(ended.stderr.toString(), /there is no stage 'units'[^]*Stages: build/);
});

test('a checkout below /tmp is tested in a copy, where machines of a LAN have no files of their own', async (t) => {
  writeTest('a.test.ts', 'assert.equal(1, 1)');
  const folder = mkdtempSync('/tmp/checkout-');
  t.after(() => rmSync(folder, { recursive: true }));
  const root = path.join(folder, 'checkout');
  cpSync(copy.root, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  const file = 'test/e2e/where.test.ts';
  writeFileSync(
    path.join(root, file),
    "import { test } from 'node:test';\ntest('where', () => console.log(`in ${process.cwd()}`));\n",
  );
  const ended = await run(['scripts/test', file], { cwd: root, timeoutMs: 120_000 });
  assert.equal(ended.status, 0, tell(ended));
  const [, place = ''] = /^in (.*)$/m.exec(ended.stdout.toString()) ?? [];
  assert.match(place, /\/buildswarm-test\.\w+\/checkout$/);
  assert.ok(!place.startsWith('/tmp/') && !existsSync(place), `${place} is left`);
  assert.ok(
    existsSync(path.join(root, '.cache/test/test-e2e-where.test.ts.tap')),
    'its report is where it was asked for',
  );
  assert.equal(lastLine(ended), '1 passed, 0 failed');
});
