/**
 * A share on a disk of this machine: what was looked at is not looked at again for each job, and whatever changes is seen by
 * the next one all the same.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { absent, type Fact } from '../../src/core/fact.ts';
import { viewRules } from '../../src/core/view/rules.ts';
import { ShareView, type ShareViewInit } from '../../src/peer/submit/share-view.ts';
import { ShareWatch } from '../../src/peer/submit/share-watch.ts';
import { toFact } from '../../src/share/blocking/look.ts';
import { Disk } from '../../src/share/disk.ts';
import { checkout } from '../rig/child.ts';
import { childrenOf } from '../rig/children-of.ts';
import { noFewWatches, swarmtreeWithFewWatches } from '../rig/few-watches.ts';
import { builtPrograms } from '../rig/programs.ts';
import { until } from '../rig/until.ts';

const now = (): number => performance.now();
const searched: Fact = { ...absent, kind: 'directory' };

/** A tree of a source and its headers, `cur` a link to one of two directories, and compiles of it by ever new workers. */
class Compiles {
  readonly #outer: string;
  readonly root: string;
  readonly #disk = new Disk({ lookProgram: builtPrograms().swarmlook });
  readonly #view: ShareView;
  readonly #program: string;
  readonly logged: string[] = [];
  /** Paths that were looked at plainly since it was set to 0. */
  #plain = 0;
  #runs = 0;

  constructor(
    t: TestContext,
    {
      program = builtPrograms().swarmtree,
      ...rest
    }: Partial<Pick<ShareViewInit, 'watchIdleMs' | 'mostWatched'>> & { readonly program?: string } = {},
  ) {
    this.#outer = realpathSync(mkdtempSync(path.join(tmpdir(), 'share-watch-')));
    this.root = path.join(this.#outer, 'way/share');
    this.#program = program;
    for (const directory of ['.buildswarm', 'src', 'early', 'inc/d', 'r1', 'r2', 'other'])
      mkdirSync(this.at(directory), { recursive: true });
    for (const file of ['src/a.c', 'inc/d/x.h', 'r1/l.h', 'r2/l.h', 'other/d.h', 'inc/y.h'])
      writeFileSync(this.at(file), '11111111');
    symlinkSync('r1', this.at('cur'));
    linkSync(this.at('src/a.c'), path.join(this.#outer, 'a.c'));
    const disk = new Proxy(this.#disk, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...rest: unknown[]): unknown => {
          if (name === 'look') this.#plain += (rest[0] as { paths: readonly string[] }).paths.length;
          return value.apply(target, rest);
        };
      },
    });
    this.#view = new ShareView({
      root: this.root,
      disk,
      now,
      rules: viewRules,
      watchProgram: program,
      ...rest,
      log: (message) => this.logged.push(message),
    });
    t.after(async () => {
      await this.#view.close();
      await this.#disk.close();
      rmSync(this.#outer, { recursive: true, force: true });
    });
  }

  at(name: string): string {
    return path.join(this.root, name);
  }

  /** Beside the share, or above it. */
  out(name: string): string {
    return path.join(this.#outer, name);
  }

  /** Of the program that watches. */
  get pids(): number[] {
    return childrenOf(this.#program);
  }

  get pid(): number {
    const [pid = 0, ...more] = this.pids;
    assert.ok(pid !== 0 && more.length === 0);
    return pid;
  }

  /**
   * A job that reads what is there now is believed, on a worker that was told all; what was not there before is searched.
   *
   * @returns what its worker was told to refresh, and how many paths were looked at plainly.
   */
  async run({ header = 'inc/d/x.h' } = {}): Promise<{ refresh: readonly string[]; plain: number }> {
    this.#plain = 0;
    this.#runs += 1;
    const read = ['src/a.c', header, 'cur/l.h', 'early/d/x.h'].map((name) => this.at(name));
    const view = await this.#view.begin(
      {
        cwd: this.at('src'),
        inputs: ['a.c'],
        includeDirs: ['../early', '../inc', '../cur'],
        otherDirs: [],
        renamedOutputs: ['a.o'],
        inPlaceOutputs: [],
        key: header,
        kinships: [],
        byStat: false,
        reports: true,
      },
      now(),
    );
    for (let attempt = 1; ; attempt += 1) {
      const prepared = await this.#view.prepare(view, 'w', { cacheMaxMs: 60_000, timesOnly: false });
      if (prepared.kind === 'inline') assert.fail(prepared.because);
      for (const { path: file, fact } of prepared.offer.files) assert.deepEqual(fact, factOf(file), file);
      this.#view.answered(prepared.attempt, { kind: 'ready' });
      const seen = read
        .map((file) => ({ path: file, fact: behind(file) }))
        .filter(({ fact }) => fact.kind === 'file');
      const directories = ['src', 'early', 'inc', path.dirname(header), 'cur'].map((name) => ({
        path: this.at(name),
        fact: searched,
      }));
      // Numbers are for the life of the worker, and each of its runs has its own here.
      const added = [...seen, ...directories].map((entry, place) => ({
        ...entry,
        number: this.#runs * 100 + attempt * 10 + place,
      }));
      const report = { read: added.map(({ number }) => number), added };
      const verdict = await this.#view.judge(view, prepared.attempt, { succeeded: true, report });
      if (verdict.kind === 'believed') return { refresh: prepared.offer.refresh, plain: this.#plain };
      // What is searched is learnt once.
      const why = `${JSON.stringify(verdict)} after ${attempt}`;
      assert.ok(verdict.kind === 'again' && verdict.reason === 'view-grew' && attempt < 3, why);
    }
  }

  /** Jobs until all would be held that can be. */
  async keepOn(options: { header?: string } = {}): Promise<void> {
    const untilMs = now() + 100;
    while (now() < untilMs) await this.run(options);
  }

  /** Until a job asks for nothing but changes: what is new may change once more in the same tick of a clock, and is looked at again. */
  async settle(options: { header?: string } = {}): Promise<void> {
    await until(
      async () => {
        const [pid] = this.pids;
        const before = pid === undefined ? 0 : bytesReadBy(pid);
        const { plain } = await this.run(options);
        return plain === 0 && pid !== undefined && bytesReadBy(pid) - before < 30;
      },
      5_000,
      'nothing is looked at',
    );
  }
}

function bytesReadBy(pid: number): number {
  return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
}

function factOf(file: string): Fact {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? absent : toFact(stats);
}

function behind(file: string): Fact {
  try {
    return factOf(realpathSync(file));
  } catch {
    return absent;
  }
}

function compiled(t: TestContext, source: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'share-watch-program-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const program = path.join(directory, 'program');
  execFileSync('cc', ['-O1', '-o', program, path.join(checkout, 'test/rig', source)]);
  return program;
}

/** What may be younger than the job by any clock is not believed, whoever saw it. */
async function older(): Promise<void> {
  const olderMs = now() + 100;
  await until(() => now() > olderMs, 1_000, 'the change is older than the job');
}

const swap = (one: string, other: string): void => {
  renameSync(one, `${one}.away`);
  renameSync(other, one);
};

test('each change is seen by the next job, though nothing is looked at for jobs without one', async (t) => {
  const compiles = new Compiles(t);
  const mapWrite = compiled(t, 'map-write.c');
  const [source, header, parked] = [compiles.at('src/a.c'), compiles.at('inc/d/x.h'), compiles.out('parked')];
  const changes: readonly (readonly [what: string, change: () => void, refreshed?: string])[] = [
    ['a source is written in place', () => writeFileSync(source, '22222222')],
    ['a header is written in place', () => writeFileSync(header, '22222222')],
    ['a header grows', () => appendFileSync(header, '3')],
    ['a source is written by a name elsewhere', () => writeFileSync(compiles.out('a.c'), '44444444')],
    [
      'a header gets another name, and is written by it',
      () => {
        linkSync(header, compiles.out('x.h'));
        writeFileSync(compiles.out('x.h'), '555555555');
      },
    ],
    ['a header is written through a mapping', () => execFileSync(mapWrite, [header, '66666666'])],
    ['a header is cut off', () => truncateSync(header, 3)],
    ['the mode of a header changes', () => chmodSync(header, 0o600)],
    ['the time of a header is set', () => utimesSync(header, 1_000_000_000, 1_000_000_000)],
    [
      'a header is replaced',
      () => {
        writeFileSync(compiles.at('inc/d/new'), '88888888');
        renameSync(compiles.at('inc/d/new'), header);
      },
      'inc/d',
    ],
    ['a header goes', () => unlinkSync(header), 'inc/d'],
    ['and comes again', () => writeFileSync(header, '99999999'), 'inc/d'],
    [
      'a link leads elsewhere',
      () => (symlinkSync('r2', compiles.at('new')), renameSync(compiles.at('new'), compiles.at('cur'))),
    ],
    [
      'a directory is exchanged',
      () => {
        mkdirSync(compiles.at('instead'));
        writeFileSync(compiles.at('instead/x.h'), 'aaaaaaaa');
        swap(compiles.at('inc/d'), compiles.at('instead'));
      },
      'inc/d',
    ],
    ['a directory comes into an earlier one', () => mkdirSync(compiles.at('early/d')), 'early'],
    ['a header comes into that', () => writeFileSync(compiles.at('early/d/x.h'), 'bbbbbbbb'), 'early/d'],
    [
      'the directory above the share is exchanged',
      () => {
        execFileSync('cp', ['-a', compiles.out('way'), parked]);
        writeFileSync(path.join(parked, 'share/inc/d/x.h'), 'cccccccc');
        swap(compiles.out('way'), parked);
      },
    ],
    ['a header of the new one is written', () => writeFileSync(header, 'dddddddd')],
    [
      'more changes at once than the kernel keeps',
      () => {
        const { pid } = compiles;
        process.kill(pid, 'SIGSTOP');
        for (let n = 0; n < 9_000; n += 1) writeFileSync(compiles.at(`inc/d/${n}.h`), '');
        writeFileSync(header, 'eeeeeeee');
        process.kill(pid, 'SIGCONT');
      },
    ],
  ];
  await compiles.settle();
  for (const [what, change, refreshed] of changes)
    await t.test(what, async () => {
      change();
      await older();
      const { refresh } = await compiles.run();
      if (refreshed !== undefined) assert.ok(refresh.includes(compiles.at(refreshed)), refresh.join(' '));
      await compiles.settle();
    });
});

for (const [what, end] of [
  ['is killed', 'SIGKILL'],
  ['is stopped', 'SIGSTOP'],
] as const)
  test(`once the program that watches ${what} all is looked at for each job`, async (t) => {
    const compiles = new Compiles(t);
    await compiles.settle();
    const { pid } = compiles;
    process.kill(pid, end);
    for (const text of ['22222222', '33333333']) {
      writeFileSync(compiles.at('inc/d/x.h'), text);
      await older();
      assert.ok((await compiles.run()).plain > 5);
    }
    await until(() => !existsPid(pid), 2_000, 'it is gone');
    assert.equal(compiles.logged.length, 1);
  });

function existsPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a share of which nobody asks anything for long is watched no more, until somebody does', async (t) => {
  const compiles = new Compiles(t, { watchIdleMs: 500 });
  await compiles.settle();
  await compiles.settle({ header: 'other/d.h' });
  await until(() => compiles.pids.length === 0, 2_000, 'it has ended');
  assert.deepEqual(compiles.logged, []);
  for (const name of ['inc/d/x.h', 'other/d.h']) writeFileSync(compiles.at(name), '22222222');
  await older();
  assert.ok((await compiles.run()).plain > 5);
  await compiles.settle();
  // Of this one nobody has told.
  await compiles.run({ header: 'other/d.h' });
});

test('below a directory that may be searched and not read all is looked at for each job', async (t) => {
  const isRoot = process.getuid?.() === 0;
  const directory = mkdtempSync(path.join(tmpdir(), 'share-watch-nobody-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  // Root may read everything.
  const program = path.join(directory, 'as-nobody');
  const nobody = isRoot ? 'setpriv --reuid=65534 --regid=65534 --clear-groups ' : '';
  writeFileSync(program, `#!/bin/sh\nexec ${nobody}${builtPrograms().swarmtree}\n`, { mode: 0o755 });
  const compiles = new Compiles(t, { program });
  chmodSync(compiles.out('.'), 0o755);
  chmodSync(compiles.at('inc'), isRoot ? 0o711 : 0o311);
  await until(async () => (await compiles.run()).plain < 8, 5_000, 'some is watched');
  assert.ok((await compiles.run()).plain > 0);
  const header = 'inc/y.h';
  for (const text of ['22222222', '33333333']) {
    await compiles.keepOn({ header });
    writeFileSync(compiles.at('instead'), text);
    swap(compiles.at(header), compiles.at('instead'));
    await older();
    await compiles.run({ header });
  }
});

/** The way to the share, and two more. */
const few = realpathSync(tmpdir()).split('/').length + 5;

for (const [what, skip, optionsIn] of [
  [
    'the kernel lets no more be watched',
    noFewWatches,
    (directory: string) => ({ program: swarmtreeWithFewWatches(directory, few) }),
  ],
  ['more would be more than our part', false, () => ({ mostWatched: few })],
] as const)
  test(`where ${what} the rest is looked at for each job`, { skip }, async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'share-watch-few-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const compiles = new Compiles(t, optionsIn(directory));
    await until(async () => (await compiles.run()).plain < 8, 5_000, 'some is watched');
    await compiles.keepOn();
    const { plain } = await compiles.run();
    assert.ok(plain > 0 && plain < 8, `${plain} are looked at`);
    for (const name of ['src/a.c', 'inc/d/x.h', 'r1/l.h'])
      for (const text of ['2', '3']) {
        await compiles.keepOn();
        writeFileSync(compiles.at(name), text);
        await older();
        await compiles.run();
      }
    writeFileSync(compiles.at('new'), '');
    await compiles.keepOn();
    assert.equal((await compiles.run()).plain, plain, 'what was watched still is');
  });

test('where not every change is told nothing is watched', async () => {
  const never = { onTold: assert.fail, onLost: assert.fail, onIdle: assert.fail, idleMs: 60_000 };
  const init = { program: builtPrograms().swarmtree, now, ...never };
  assert.equal(await ShareWatch.start({ ...init, root: '/proc' }), undefined);
});
