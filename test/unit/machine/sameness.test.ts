/** What two machines answer about names outside a share, compared. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { OutsideName, StampedName } from '../../../src/core/view/outside-name.ts';
import { FileIdentities } from '../../../src/machine/file-identity.ts';
import { OutsideCheck, OutsideLog, type OwnLook } from '../../../src/machine/outside-log.ts';
import { Sameness } from '../../../src/machine/sameness.ts';
import { outsideStamps } from '../../../src/share/blocking/stamps.ts';
import { systemLooks } from '../../rig/system-looks.ts';
import { until } from '../../rig/until.ts';

const stamped = (names: readonly OutsideName[]): StampedName[] => {
  const stamps = outsideStamps(names);
  return names.map((name, at) => ({ name, stamp: stamps[at] ?? '' }));
};
const ownLook: OwnLook = {
  sinceMs: 0,
  see: (names) => {
    const atMs = performance.now();
    const stamps = outsideStamps(names);
    for (const [at, name] of names.entries()) void name.see(stamps[at] ?? '', atMs);
    return Promise.resolve();
  },
};

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
    const report = await new OutsideLog().report(stamped(names), new Sameness(systemLooks), 0, 1);
    change(directory);
    return (await new OutsideCheck().compare(report, new Sameness(systemLooks), ownLook)).kind;
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
    const [worker, submitter] = [new Sameness(systemLooks), new Sameness(systemLooks)];
    const log = new OutsideLog();
    const check = new OutsideCheck();
    const first = await log.report(stamped(names), worker, check.known, 1);
    assert.deepEqual([first.used, first.added.length], [[0, 1], 2]);
    assert.equal((await check.compare(first, submitter, ownLook)).kind, 'equal');
    assert.equal(check.known, 2);
    const second = await log.report(stamped(names), worker, check.known, 1);
    assert.deepEqual(second, { used: [0, 1], added: [] });
    write('a', '2')(directory);
    const nowLook = { ...ownLook, sinceMs: performance.now() };
    assert.deepEqual(await check.compare(second, submitter, nowLook), {
      kind: 'differs',
      path: names[0]?.path,
    });
    const third = await log.report(stamped(names), worker, check.known, 1);
    assert.deepEqual([third.used, third.added.map(({ number }) => number)], [[1, 2], [2]]);
    assert.equal((await check.compare(third, submitter, ownLook)).kind, 'equal');
    const other = new OutsideCheck();
    assert.equal((await other.compare(second, new Sameness(systemLooks), ownLook)).kind, 'unknown');
    assert.equal(other.known, 0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** [what an answer is about, how it is looked at, and how it changes] */
const changes: readonly (readonly [string, OutsideName['look'], (directory: string) => void])[] = [
  ['a', 'content', write('a', '2')],
  ['new', 'content', write('new', '')],
  ['.', 'names', write('new', '')],
  ['l', 'link', (d) => (rmSync(path.join(d, 'l')), link('l', 'b')(d))],
  ['l', 'place', (d) => (rmSync(path.join(d, 'l')), link('l', 'b')(d))],
];
for (const [name, look, change] of changes)
  test(`what changed since the last answer is answered anew by both machines: ${look} of ${name}`, async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'sameness-'));
    try {
      for (const [file, text] of [
        ['a', '1'],
        ['b', '1'],
      ] as const)
        write(file, text)(directory);
      link('l', 'a')(directory);
      const names = [{ look, path: path.join(directory, name) }];
      const [worker, submitter] = [new Sameness(systemLooks), new Sameness(systemLooks)];
      const [log, check] = [new OutsideLog(), new OutsideCheck()];
      const report = (atMs: number) => log.report(stamped(names), worker, check.known, atMs);
      const compare = async (report: Awaited<ReturnType<typeof log.report>>, sinceMs: number) =>
        (await check.compare(report, submitter, { ...ownLook, sinceMs })).kind;
      const before = await report(1);
      assert.equal(await compare(before, 1), 'equal');
      change(directory);
      // A job that was handed in since sees it here; an earlier one may have what was here then.
      assert.equal(await compare(before, performance.now()), 'differs');
      assert.equal(await compare(await report(2), performance.now()), 'equal');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

test('a program that was not there is looked for again', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sameness-'));
  try {
    const sameness = new Sameness(systemLooks);
    const format = () => sameness.format('made-later', '/', new Map([['PATH', directory]]));
    assert.equal(await format(), undefined);
    writeFileSync(path.join(directory, 'made-later'), '#!/bin/sh\n', { mode: 0o755 });
    assert.equal(await format(), 'script');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('all names of a job that nobody has asked for go in one question, and so do the files of a program', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sameness-'));
  try {
    const asked: number[] = [];
    const counted =
      <Item, Answer>(ask: (items: readonly Item[]) => Promise<Answer>) =>
      (items: readonly Item[]) => {
        asked.push(items.length);
        return ask(items);
      };
    const sameness = new Sameness({
      identities: counted(systemLooks.identities),
      outside: counted(systemLooks.outside),
    });
    const names: OutsideName[] = ['a', 'b', 'c'].map((name) => ({
      look: 'content',
      path: path.join(directory, name),
    }));
    const report = await new OutsideLog().report(stamped(names), sameness, 0, 1);
    assert.deepEqual(asked.splice(0), [3]);
    assert.equal((await new OutsideCheck().compare(report, sameness, ownLook)).kind, 'equal');
    assert.deepEqual(asked.splice(0), [], 'what is known is not asked for');
    const identities = new FileIdentities({ ask: counted(systemLooks.identities), believedMs: 0 });
    const files = names.map((name) => name.path);
    assert.equal(await identities.fingerprint(files), await identities.fingerprint(files.toReversed()));
    assert.deepEqual(asked, [3, 3]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what cannot be told now is not believed to be absent, and asked for again', async () => {
  let why: string | undefined = 'EMFILE: too many open files';
  const sameness = new Sameness({
    identities: (files) =>
      why === undefined
        ? systemLooks.identities(files)
        : Promise.resolve(files.map(() => ({ kind: 'unanswered', why: why ?? '' }) as const)),
    outside: (names) =>
      why === undefined ? systemLooks.outside(names) : Promise.resolve(names.map(() => ({ why: why ?? '' }))),
  });
  const [name] = stamped([{ look: 'content', path: '/bin/sh' }]);
  assert.ok(name);
  await assert.rejects(sameness.identity('/bin/sh'), { code: 'E_NO_ANSWER' });
  await assert.rejects(new OutsideLog().report([name], sameness, 0, 1), { code: 'E_NO_ANSWER' });
  why = undefined;
  const [added] = (await new OutsideLog().report([name], sameness, 0, 1)).added;
  assert.equal(added?.answer, await sameness.identity('/bin/sh'));
  assert.match(added?.answer ?? '', /^(build-id|sha256):[0-9a-f]+$/);
});

test('a job is told what was seen after it, whatever a later job sees before the answer has come', async () => {
  const answering: ((answer: string) => void)[] = [];
  const outside = (names: readonly OutsideName[]) =>
    new Promise<{ answer: string }[]>((resolve) =>
      answering.push((answer) => resolve(names.map(() => ({ answer })))),
    );
  const sameness = new Sameness({ ...systemLooks, outside });
  const log = new OutsideLog();
  const report = (stamp: string, atMs: number) => {
    const names = ['/a', '/b'].map((path) => ({ name: { look: 'content' as const, path }, stamp }));
    return log.report(names, sameness, 0, atMs);
  };
  const answersOf = async (told: ReturnType<typeof report>) => (await told).added.map(({ answer }) => answer);
  const first = report('1', 1);
  await until(() => answering.length === 1, 5_000, 'the first is asked for');
  const second = report('2', 2);
  await until(() => answering.length === 2, 5_000, 'the second is asked for');
  answering[1]?.('new');
  assert.deepEqual(await answersOf(second), ['new', 'new']);
  answering[0]?.('old');
  assert.deepEqual(await answersOf(first), ['old', 'old']);
  // What came late is not taken for the answer to what is there now.
  assert.deepEqual(await answersOf(report('2', 3)), ['new', 'new']);
  assert.equal(answering.length, 2);
});
