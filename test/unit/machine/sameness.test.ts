/** What two machines answer about names outside a share, compared. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { OutsideName } from '../../../src/core/view/trace.ts';
import { OutsideCheck, OutsideLog } from '../../../src/machine/outside-log.ts';
import { Sameness } from '../../../src/machine/sameness.ts';

/** Looks a name up, changes what is there, and compares with what is seen then. */
async function compareAcross(
  prepare: (directory: string) => void,
  change: (directory: string) => void,
  look: OutsideName['look'],
  name: string,
): Promise<string> {
  const directory = mkdtempSync(path.join(tmpdir(), 'sameness-'));
  try {
    prepare(directory);
    const names = [{ look, path: path.join(directory, name) }];
    const report = await new OutsideLog().report(names, new Sameness(), 0);
    change(directory);
    return (await new OutsideCheck().compare(report, new Sameness())).kind;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const write = (name: string, text: string) => (directory: string) =>
  writeFileSync(path.join(directory, name), text);
const link = (name: string, target: string) => (directory: string) =>
  symlinkSync(target, path.join(directory, name));
const nothing = (): void => undefined;

/** [what is there for the one, and what becomes of it for the other, how and which name is looked up] */
const rows: readonly (readonly [string, ...Parameters<typeof compareAcross>])[] = [
  ['equal', write('a', 'x'), write('a', 'x'), 'content', 'a'],
  ['differs', write('a', 'x'), write('a', 'y'), 'content', 'a'],
  ['equal', nothing, nothing, 'content', 'a'],
  ['differs', nothing, write('a', ''), 'content', 'a'],
  ['differs', write('a', ''), (d) => rmSync(path.join(d, 'a')), 'content', 'a'],
  ['equal', nothing, write('b', ''), 'content', '.'],
  ['differs', nothing, write('b', ''), 'names', '.'],
  ['equal', write('b', '1'), write('b', '2'), 'names', '.'],
  [
    'differs',
    (d) => mkdirSync(path.join(d, 'a')),
    (d) => rmSync(path.join(d, 'a'), { recursive: true }),
    'content',
    'a',
  ],
  ['equal', link('a', 'b'), nothing, 'link', 'a'],
  ['differs', link('a', 'b'), (d) => (rmSync(path.join(d, 'a')), link('a', 'c')(d)), 'link', 'a'],
  ['equal', write('a', ''), nothing, 'place', 'a'],
  [
    'differs',
    (d) => (write('b', '')(d), write('c', '')(d), link('a', 'b')(d)),
    (d) => (rmSync(path.join(d, 'a')), link('a', 'c')(d)),
    'place',
    'a',
  ],
  // A link to swarmrun stands for the next program of its name.
  ['equal', nothing, (d) => (write('swarmrun', '')(d), link('gcc', 'swarmrun')(d)), 'content', 'gcc'],
];
for (const [verdict, prepare, change, look, name] of rows)
  test(`${look} of ${name} ${verdict}: ${String(prepare)}; ${String(change)}`, async () => {
    assert.equal(await compareAcross(prepare, change, look, name), verdict);
  });

test('each answer is told once, and again when it has changed or the other end lacks it', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sameness-'));
  try {
    const names = ['a', 'b'].map(
      (name): OutsideName => ({ look: 'content', path: path.join(directory, name) }),
    );
    write('a', '1')(directory);
    const log = new OutsideLog();
    const check = new OutsideCheck();
    const first = await log.report(names, new Sameness(), check.known);
    assert.deepEqual([first.used, first.added.length], [[0, 1], 2]);
    assert.equal((await check.compare(first, new Sameness())).kind, 'equal');
    assert.equal(check.known, 2);
    const second = await log.report(names, new Sameness(), check.known);
    assert.deepEqual(second, { used: [0, 1], added: [] });
    write('a', '2')(directory);
    assert.deepEqual(await check.compare(second, new Sameness()), { kind: 'differs', path: names[0]?.path });
    const third = await log.report(names, new Sameness(), check.known);
    assert.deepEqual([third.used, third.added.map(({ number }) => number)], [[1, 2], [2]]);
    assert.equal((await check.compare(third, new Sameness())).kind, 'equal');
    const other = new OutsideCheck();
    assert.equal((await other.compare(second, new Sameness())).kind, 'unknown');
    assert.equal(other.known, 0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
