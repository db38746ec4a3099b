/** What scripts/test promises to those who call it: it tests what is there now, and never counts what did not run. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
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
