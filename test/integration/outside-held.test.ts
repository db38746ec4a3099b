/** Names outside a share that are looked at once: what changes there is seen by the next job, with the real swarmtree. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { OutsideName } from '../../src/core/view/outside-name.ts';
import { viewRules } from '../../src/core/view/rules.ts';
import { OutsideNames } from '../../src/machine/outside-names.ts';
import { Tracking } from '../../src/peer/submit/tracking.ts';
import { Disk } from '../../src/share/disk.ts';
import { childrenOf } from '../rig/children-of.ts';
import { builtPrograms } from '../rig/programs.ts';
import { systemLooks } from '../rig/system-looks.ts';
import { until } from '../rig/until.ts';

const now = (): number => performance.now();

/** Some of a machine's system, a share beside it, and jobs that look names up. */
class System {
  readonly #top: string;
  readonly #disk = new Disk({ lookProgram: builtPrograms().swarmlook });
  readonly #outside = new OutsideNames(systemLooks.outside);
  readonly #tracking: Tracking;

  constructor(t: TestContext, { watches = true } = {}) {
    this.#top = realpathSync(mkdtempSync(path.join(tmpdir(), 'outside-held-')));
    for (const directory of ['share/.buildswarm', 'usr/lib', 'usr/include', 'usr/list', 'other/lib'])
      mkdirSync(this.at(directory), { recursive: true });
    for (const file of ['usr/lib/x.h', 'other/lib/x.h', 'usr/list/a', 'share/in.h'])
      writeFileSync(this.at(file), file);
    linkSync(this.at('usr/lib/x.h'), this.at('hard.h'));
    symlinkSync('usr', this.at('link'));
    symlinkSync('x.h', this.at('usr/lib/tool'));
    symlinkSync('../share/in.h', this.at('usr/shared.h'));
    this.#tracking = new Tracking({
      disk: this.#disk,
      now,
      rules: viewRules,
      watchProgram: watches ? builtPrograms().swarmtree : undefined,
      log: () => undefined,
    });
    t.after(async () => {
      await this.#tracking.close();
      await this.#disk.close();
      rmSync(this.#top, { recursive: true, force: true });
    });
  }

  at(name: string): string {
    return path.join(this.#top, name);
  }

  /**
   * A job is handed in.
   *
   * @param meanwhile - done when what changed before it has been told.
   * @returns which of these are known without a look, and looks at the others.
   */
  async job(
    names: readonly OutsideName[],
    meanwhile = (): void => undefined,
  ): Promise<{ held: boolean[]; answers: string[] }> {
    const { view } = this.#tracking.share(this.at('share'));
    const sinceMs = now();
    const job = await view.begin(
      {
        cwd: this.at('share'),
        inputs: [],
        includeDirs: [],
        otherDirs: [],
        renamedOutputs: [],
        inPlaceOutputs: [],
        key: 'job',
        kinships: [],
        byStat: false,
        reports: true,
      },
      sinceMs,
    );
    await view.prepare(job, 'worker', { cacheMaxMs: 60_000, timesOnly: false });
    meanwhile();
    const tracked = names.map(({ look, path: name }) => this.#outside.of({ look, path: this.at(name) }));
    const held = tracked.map((name) => name.isSeen(sinceMs));
    await this.#tracking.see(
      tracked.filter((_, at) => held[at] !== true),
      this.at('share'),
    );
    return { held, answers: await Promise.all(tracked.map(async (name) => (await name.answer) ?? '')) };
  }

  async settle(names: readonly OutsideName[]): Promise<string[]> {
    return await until(
      async () => {
        const { held, answers } = await this.job(names);
        return held.every(Boolean) ? answers : undefined;
      },
      5_000,
      'all are held',
    );
  }
}

const names: readonly OutsideName[] = [
  { look: 'content', path: 'usr/lib/x.h' },
  { look: 'content', path: 'link/lib/../lib/x.h' },
  { look: 'content', path: 'link/include/none.h' },
  { look: 'content', path: 'usr/include/deep/none.h' },
  { look: 'content', path: 'usr/include/.' },
  { look: 'place', path: 'link/lib/tool' },
  { look: 'names', path: 'usr/list' },
];

for (const [what, change, changed] of [
  ['a file is written to', (s) => appendFileSync(s.at('usr/lib/x.h'), 'more'), [0, 1]],
  ['a file is written to by another name', (s) => appendFileSync(s.at('hard.h'), 'more'), [0, 1]],
  [
    'a file is mapped and written to',
    (s) =>
      execFileSync('python3', [
        '-c',
        `import mmap; f = open(${JSON.stringify(s.at('usr/lib/x.h'))}, 'r+b'); mmap.mmap(f.fileno(), 3)[0:3] = b'new'; f.close()`,
      ]),
    [0, 1],
  ],
  [
    'another file takes its name',
    (s) => {
      writeFileSync(s.at('new'), 'another');
      renameSync(s.at('new'), s.at('usr/lib/x.h'));
    },
    [0, 1],
  ],
  [
    'a link leads elsewhere',
    (s) => {
      symlinkSync('other', s.at('new'));
      renameSync(s.at('new'), s.at('link'));
    },
    [1, 5],
  ],
  [
    'a directory takes the place of another',
    (s) => {
      renameSync(s.at('usr'), s.at('old'));
      renameSync(s.at('other'), s.at('usr'));
    },
    [0, 1, 4, 5, 6],
  ],
  ['what was not there comes', (s) => writeFileSync(s.at('usr/include/none.h'), ''), [2]],
  [
    'what was not there comes with its directory',
    (s) => {
      mkdirSync(s.at('usr/include/deep'));
      writeFileSync(s.at('usr/include/deep/none.h'), '');
    },
    [3],
  ],
  ['a directory goes', (s) => rmSync(s.at('usr/include'), { recursive: true }), [4]],
  [
    'a link at the end leads elsewhere',
    (s) => {
      unlinkSync(s.at('usr/lib/tool'));
      symlinkSync('y.h', s.at('usr/lib/tool'));
    },
    [5],
  ],
  ['a name comes into a list', (s) => writeFileSync(s.at('usr/list/b'), ''), [6]],
] as const satisfies [string, (system: System) => unknown, number[]][])
  test(`when ${what} the next job sees it`, async (t) => {
    const system = new System(t);
    const before = await system.settle(names);
    change(system);
    const { held, answers } = await system.job(names);
    assert.deepEqual(
      held.map((each, at) => each && changed.some((other) => other === at)),
      names.map(() => false),
    );
    const different = answers.flatMap((answer, at) => (answer === before[at] ? [] : at));
    assert.deepEqual(different, [...changed]);
    assert.deepEqual(await system.settle(names), answers);
  });

test('what changes beside them keeps none from being held', async (t) => {
  const system = new System(t);
  await system.settle(names);
  writeFileSync(system.at('usr/lib/another'), '');
  writeFileSync(system.at('usr/include/another'), '');
  writeFileSync(system.at('usr/another'), '');
  appendFileSync(system.at('other/lib/x.h'), 'more');
  chmodSync(system.at('usr/another'), 0o600);
  assert.ok((await system.job(names)).held.every(Boolean));
});

test('what is in the share, or not on a disk, is looked at each time', async (t) => {
  const system = new System(t);
  await system.settle(names);
  const others: OutsideName[] = [
    { look: 'content', path: 'usr/shared.h' },
    { look: 'content', path: `${'../'.repeat(20)}proc/self/status` },
    { look: 'content', path: `${'../'.repeat(20)}dev/null` },
  ];
  for (let job = 0; job < 3; job += 1)
    assert.deepEqual((await system.job(others)).held, [false, false, false]);
  assert.ok((await system.job(names)).held.every(Boolean));
});

test('who tells of changes and is stopped holds up no job for long, and is not asked again', async (t) => {
  const system = new System(t);
  const before = await system.settle(names);
  const others: OutsideName[] = [{ look: 'content', path: 'other/lib/x.h' }];
  const [pid = 0] = childrenOf(builtPrograms().swarmtree);
  const { held, answers } = await system.job([...names, ...others], () => process.kill(pid, 'SIGSTOP'));
  assert.deepEqual(held, [...names.map(() => true), false]);
  assert.deepEqual(answers.slice(0, names.length), before);
  appendFileSync(system.at('usr/lib/x.h'), 'more');
  const next = await system.job(names);
  assert.deepEqual([next.held.some(Boolean), next.answers[0] === before[0]], [false, false]);
  assert.deepEqual(childrenOf(builtPrograms().swarmtree), []);
});

test('where nobody tells of changes all is looked at each time', async (t) => {
  const system = new System(t, { watches: false });
  for (let job = 0; job < 3; job += 1) assert.ok(!(await system.job(names)).held.some(Boolean));
});
