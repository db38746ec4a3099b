import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../../src/core/fact.ts';
import type { NamedFact, ToldChanges, ViewJob, WorkerMount } from '../../../../src/core/view/contract.ts';
import type { JobView } from '../../../../src/core/view/job-view.ts';
import { SubmitterView, type SubmitterViewOptions } from '../../../../src/core/view/submitter.ts';

const v4: WorkerMount = { cacheMaxMs: 60_000, timesOnly: false };
const v3: WorkerMount = { cacheMaxMs: 60_000, timesOnly: true };

/** A tree of facts, and a submitter's side that looks at it. The server's clock is the local one. */
class Rig {
  nowMs = 1_000_000;
  readonly facts = new Map<string, Fact>();
  readonly links = new Map<string, string>();
  readonly subdirectories = new Map<string, string[]>();
  readonly view: SubmitterView;
  looked: string[] = [];
  listed: string[] = [];
  bumped: string[] = [];
  onWait = (): void => assert.fail('it waits');

  constructor(options: Partial<SubmitterViewOptions> = {}) {
    this.view = new SubmitterView({ root: '/s', ...options });
    this.view.setClock({ aheadMs: 0, uncertaintyMs: 10 });
    for (const path of ['/s', '/s/src', '/s/one', '/s/two']) this.put(path, 'directory', 500_000);
    for (const path of ['/s/src/a.c', '/s/two/h.h']) this.put(path, 'file', 500_000);
  }

  put(path: string, kind: Fact['kind'], atMs = this.nowMs): void {
    const ns = `${atMs}000000`;
    this.facts.set(path, { kind, inode: String(path.length), sizeBytes: 1, mtimeNs: ns, ctimeNs: ns });
  }

  fact(path: string): Fact {
    return this.facts.get(path) ?? absent;
  }

  begin(job: Partial<ViewJob> = {}, expected: readonly string[] = []): JobView {
    this.looked = [];
    this.nowMs += 1_000;
    return this.view.begin(
      {
        cwd: '/s/src',
        inputs: ['a.c'],
        includeDirs: ['../one', '/s/two'],
        otherDirs: [],
        renamedOutputs: ['a.o'],
        inPlaceOutputs: [],
        key: 'a.o',
        kinships: [],
        byStat: false,
        reports: true,
        ...job,
      },
      this.nowMs,
      expected,
    );
  }

  /** Looks are with a watch, of this generation. */
  watches: number | undefined;

  look(step: { paths: readonly string[]; links: readonly string[]; lists: readonly string[] }): void {
    this.looked.push(...step.paths);
    this.listed.push(...step.lists);
    const beganMs = this.nowMs++;
    this.view.observe(
      step.paths.map((path) => ({ path, fact: this.fact(path) })),
      beganMs,
      this.nowMs,
      this.watches === undefined ? undefined : { generation: this.watches, paths: new Set(step.paths) },
    );
    this.view.observeLinks(step.links.map((path) => ({ path, target: this.links.get(path) ?? '' })));
    const listedMs = this.nowMs++;
    const lists = step.lists.map((path) => ({ path, names: this.subdirectories.get(path) ?? [] }));
    this.view.observeLists(lists, listedMs);
  }

  prepare(job: JobView, worker = 'w', mount = v4) {
    for (;;) {
      const step = this.view.prepare(job, worker, mount, this.nowMs);
      if (step.kind === 'offer' || step.kind === 'inline') return step;
      if (step.kind === 'look') this.look(step);
      else if (step.kind === 'wait') this.nowMs = step.untilMs;
      else {
        this.bumped.push(...step.directories);
        const beganMs = this.nowMs;
        this.nowMs += 10;
        for (const path of step.directories)
          this.facts.set(path, { ...this.fact(path), ctimeNs: `${this.nowMs}000000` });
        const seen = step.directories.map((path) => ({ path, fact: this.fact(path) }));
        this.view.bumped(seen, [], beganMs, ++this.nowMs);
      }
    }
  }

  offer(job: JobView, worker = 'w', mount = v4) {
    const step = this.prepare(job, worker, mount);
    assert.equal(step.kind, 'offer');
    return step.kind === 'offer' ? step : assert.fail();
  }

  /** Runs a job to its verdict, reading these files (as the worker sees them). */
  run(job: JobView, read: readonly NamedFact[], mount = v4) {
    const { attempt } = this.offer(job, 'w', mount);
    this.view.answered(attempt, { kind: 'ready' });
    this.nowMs += 100;
    const added = read.map((item, place) => ({ number: this.#numbers + place, ...item }));
    this.#numbers += read.length;
    const report = { read: added.map(({ number }) => number), added };
    for (;;) {
      const verdict = this.view.judge(job, attempt, { succeeded: true, report });
      if (verdict.kind === 'look') this.look(verdict);
      else if (verdict.kind === 'wait') {
        this.nowMs = verdict.untilMs;
        this.onWait();
      } else return verdict;
    }
  }
  #numbers = 0;

  readBy(...paths: string[]): NamedFact[] {
    return paths.map((path) => ({ path, fact: this.fact(path) }));
  }

  /** Directories in which names were looked up. */
  searched(...paths: string[]): NamedFact[] {
    return paths.map((path) => ({ path, fact: { ...absent, kind: 'directory' } }));
  }
}

test('a tree that has been quiet needs no refreshing, only its source is compared', () => {
  const rig = new Rig();
  const { offer } = rig.offer(rig.begin());
  assert.deepEqual(offer.refresh, []);
  assert.deepEqual(offer.files, rig.readBy('/s/src/a.c'));
});

test('what changed is refreshed by each worker once, parents first, until it changes again', () => {
  const rig = new Rig();
  rig.put('/s', 'directory');
  rig.put('/s/one', 'directory');
  const refresh = (worker: string) => {
    const { offer, attempt } = rig.offer(rig.begin(), worker);
    rig.view.answered(attempt, { kind: 'ready' });
    return offer.refresh;
  };
  rig.nowMs += 10_000;
  assert.deepEqual(refresh('w'), ['/s', '/s/one']);
  assert.deepEqual(refresh('w'), []);
  assert.deepEqual(refresh('x'), ['/s', '/s/one']);
  rig.put('/s/one', 'directory');
  assert.deepEqual(refresh('w'), ['/s/one']);
});

test('below an include directory all is expected to be searched but where the job puts its objects', () => {
  const rig = new Rig();
  rig.subdirectories.set('/s/one', ['inc', 'out']);
  const job = { renamedOutputs: ['../one/out/a.o'] };
  for (const path of ['/s/one', '/s/one/inc', '/s/one/out']) rig.put(path, 'directory');
  rig.nowMs += 10_000;
  const { offer, attempt } = rig.offer(rig.begin(job));
  rig.view.answered(attempt, { kind: 'ready' });
  assert.deepEqual(offer.refresh, ['/s/one', '/s/one/inc']);
  // Each job changes it: it must not have to be refreshed each time.
  rig.put('/s/one/out', 'directory');
  rig.nowMs += 10_000;
  assert.deepEqual(rig.offer(rig.begin(job)).offer.refresh, []);
});

test('a directory that just changed counts as changed until a look a tick later', () => {
  const rig = new Rig();
  rig.nowMs += 1_000;
  rig.put('/s/one', 'directory', rig.nowMs + 999);
  const refresh = () => {
    const { offer, attempt } = rig.offer(rig.begin());
    rig.view.answered(attempt, { kind: 'ready' });
    return offer.refresh;
  };
  assert.deepEqual([refresh(), refresh(), refresh()], [['/s/one'], ['/s/one'], []]);
});

test('one look serves all jobs that were handed in before it', () => {
  const rig = new Rig();
  const first = rig.begin();
  const second = rig.view.begin({ ...first.job, key: 'b.o' }, rig.nowMs);
  rig.offer(first);
  rig.looked = [];
  rig.offer(second);
  assert.deepEqual(rig.looked, []);
});

test('a worker that answered stale is told everything on the way to that file again', () => {
  const rig = new Rig();
  const job = rig.begin();
  const { attempt } = rig.offer(job);
  const files = [{ path: '/s/src/a.c', fact: absent }];
  assert.equal(rig.view.answered(attempt, { kind: 'stale', files }), false);
  const { offer } = rig.offer(job);
  assert.deepEqual(offer.refresh, ['/s', '/s/src']);
  assert.deepEqual(
    offer.files.map(({ path }) => path),
    ['/s/src/a.c'],
  );
});

test('on a mount that goes by times alone each directory is bumped once before it is told', () => {
  const rig = new Rig();
  rig.offer(rig.begin(), 'w', v3);
  assert.deepEqual(new Set(rig.bumped), new Set(['/s', '/s/src', '/s/one', '/s/two']));
  rig.bumped = [];
  rig.offer(rig.begin(), 'w', v3);
  assert.deepEqual(rig.bumped, []);
  rig.put('/s/one', 'directory');
  rig.offer(rig.begin(), 'w', v3);
  assert.deepEqual(rig.bumped, ['/s/one']);
});

test('a result is believed if all that it read and searched is as it is here', () => {
  const rig = new Rig();
  assert.equal(rig.run(rig.begin(), rig.readBy('/s/src/a.c', '/s/two/h.h')).kind, 'believed');
});

test('a header that was read otherwise than it is here makes the job run again', () => {
  const rig = new Rig();
  const read = rig.readBy('/s/src/a.c', '/s/two/h.h');
  rig.put('/s/two/h.h', 'file', 600_000);
  const verdict = rig.run(rig.begin(), read);
  assert.deepEqual([verdict.kind, 'reason' in verdict && verdict.reason], ['again', 'stale-view']);
});

test('a header that is gone with its directory, which was never looked at, was read otherwise', () => {
  const rig = new Rig();
  rig.put('/s/two/sub', 'directory', 500_000);
  rig.put('/s/two/sub/x.h', 'file', 500_000);
  const read = rig.readBy('/s/src/a.c', '/s/two/sub/x.h');
  for (const path of ['/s/two/sub', '/s/two/sub/x.h']) rig.facts.delete(path);
  const verdict = rig.run(rig.begin(), read);
  assert.deepEqual([verdict.kind, 'reason' in verdict && verdict.reason], ['again', 'stale-view']);
});

test('a header seen only in the tick of its change is looked at again a tick later', () => {
  for (const kind of ['believed', 'again'] as const) {
    const rig = new Rig();
    const job = rig.begin();
    rig.put('/s/two/h.h', 'file');
    rig.look({ paths: ['/s/two/h.h'], links: [], lists: [] });
    const read = rig.readBy('/s/src/a.c', '/s/two/h.h');
    let waits = 0;
    rig.onWait = () => {
      waits += 1;
      if (kind === 'again') rig.put('/s/two/h.h', 'file');
    };
    assert.equal(rig.run(job, read).kind, kind);
    assert.equal(waits, 1);
  }
});

test('a header that is new to its job is believed if it was written before the offer, even after the hand-in', () => {
  for (const [beforeMs, kind] of [
    [20, 'believed'],
    [0, 'again'],
  ] as const) {
    const rig = new Rig();
    const job = rig.begin();
    rig.nowMs += 100;
    rig.offer(job);
    rig.put('/s/two/h.h', 'file', rig.nowMs - beforeMs);
    rig.onWait = () => undefined;
    assert.equal(rig.run(job, rig.readBy('/s/src/a.c', '/s/two/h.h')).kind, kind);
  }
});

test('directories that were missing are looked at again only if the one above changed', () => {
  const rig = new Rig();
  rig.put('/s/two/sub', 'directory', 500_000);
  rig.put('/s/two/sub/x.h', 'file', 500_000);
  const missing = ['/s/one/sub', '/s/src/sub', '/s/two/sub/sub'];
  const read = (): NamedFact[] => [
    ...rig.readBy('/s/src/a.c', '/s/two/sub/x.h'),
    ...rig.searched('/s/two/sub', ...missing),
  ];
  for (let jobs = 0; jobs < 3; jobs++) assert.equal(rig.run(rig.begin(), read()).kind, 'believed');
  rig.looked = [];
  assert.equal(rig.run(rig.begin(), read()).kind, 'believed');
  assert.ok(!rig.looked.some((path) => missing.includes(path)), rig.looked.join(' '));
  rig.put('/s/one', 'directory', 900_000);
  rig.run(rig.begin(), read());
  assert.deepEqual(
    rig.looked.filter((path) => missing.includes(path)),
    ['/s/one/sub'],
  );
});

test('a directory that turns out to be searched and is new makes the job run again, once', () => {
  const rig = new Rig({ limits: { maxPredicted: 0 } });
  rig.put('/s/two/sub', 'directory', 500_000);
  rig.put('/s/two/sub/x.h', 'file', 500_000);
  rig.put('/s/one/sub', 'directory');
  const job = rig.begin();
  const read = [...rig.readBy('/s/src/a.c', '/s/two/sub/x.h'), ...rig.searched('/s/one/sub')];
  const first = rig.run(job, read);
  assert.deepEqual([first.kind, 'reason' in first && first.reason], ['again', 'view-grew']);
  assert.equal(rig.run(job, read).kind, 'believed');
  assert.ok(rig.begin().wanted.size > 6);
});

test('what one job has searched is refreshed before its like runs, and before itself once its source changed', () => {
  const rig = new Rig({ limits: { maxPredicted: 0 } });
  const kin = { kinships: ['/s/src'] };
  rig.put('/s/two/sub', 'directory');
  const searching = [...rig.readBy('/s/src/a.c'), ...rig.searched('/s/two/sub')];
  assert.equal(rig.run(rig.begin({ ...kin, key: 'b.o' }), rig.readBy('/s/src/a.c')).kind, 'believed');
  assert.equal(rig.run(rig.begin({ ...kin, key: 'c.o' }), searching).kind, 'again');
  assert.equal(rig.run(rig.begin({ ...kin, key: 'd.o' }), searching).kind, 'believed');
  rig.put('/s/two/sub', 'directory');
  assert.equal(rig.run(rig.begin({ kinships: ['/s/one'], key: 'e.o' }), searching).kind, 'again');
  rig.put('/s/two/sub', 'directory');
  rig.put('/s/src/a.c', 'file');
  rig.nowMs += 100;
  const changed = [...rig.readBy('/s/src/a.c'), ...rig.searched('/s/two/sub')];
  assert.equal(rig.run(rig.begin({ ...kin, key: 'b.o' }), changed).kind, 'believed');
});

test('what its like has searched is refreshed, too, once a header that a job found may lead elsewhere', () => {
  const rig = new Rig({ limits: { maxPredicted: 0 } });
  const kin = { kinships: ['/s/src'] };
  for (const path of ['/s/lib', '/s/gen']) rig.put(path, 'directory');
  rig.put('/s/two/h.h', 'file');
  const found = () => rig.readBy('/s/src/a.c', '/s/two/h.h');
  const other = [...rig.readBy('/s/src/a.c'), ...rig.searched('/s/gen')];
  rig.run(rig.begin({ ...kin, key: 'b.o' }), found());
  assert.equal(rig.run(rig.begin({ ...kin, key: 'c.o' }), other).kind, 'again');
  rig.put('/s/gen', 'directory');
  rig.nowMs += 100;
  rig.put('/s/two', 'directory');
  rig.nowMs += 100;
  const changed = [...found(), ...rig.searched('/s/gen')];
  assert.equal(rig.run(rig.begin({ ...kin, key: 'b.o' }), changed).kind, 'believed');
});

test('what is only expected to be searched is refreshed, and keeps no job here where a link misleads', () => {
  const rig = new Rig({ limits: { maxPredicted: 0 } });
  for (const path of ['/s/gen', '/s/real', '/s/real/gen']) rig.put(path, 'directory');
  rig.put('/s/one', 'link', 500_000);
  rig.links.set('/s/one', 'real');
  const expected = ['/s/src/../gen', '/s/one/../gen'];
  const read = [...rig.readBy('/s/src/a.c'), ...rig.searched('/s/src/../gen')];
  assert.equal(rig.run(rig.begin({ key: 'b.o' }), read).kind, 'again');
  rig.put('/s/gen', 'directory');
  assert.equal(rig.run(rig.begin({}, expected), read).kind, 'believed');
});

test('a directory that a path only passes through by `..` is refreshed, too', () => {
  const rig = new Rig({ limits: { maxPredicted: 0 } });
  rig.put('/s/two/sub', 'directory');
  const job = rig.begin();
  const [header] = rig.readBy('/s/two/h.h');
  const read = [...rig.readBy('/s/src/a.c'), { path: '/s/two/sub/../h.h', fact: header?.fact ?? absent }];
  const first = rig.run(job, read);
  assert.deepEqual([first.kind, 'reason' in first && first.reason], ['again', 'view-grew']);
  assert.equal(rig.run(job, read).kind, 'believed');
  assert.equal(rig.run(rig.begin(), read).kind, 'believed');
});

test('a header that just changed makes a command that goes by stat run again, once', () => {
  const rig = new Rig();
  rig.put('/s/two/h.h', 'file');
  const job = rig.begin({ byStat: true });
  const first = rig.run(job, rig.readBy('/s/src/a.c', '/s/two/h.h'));
  assert.deepEqual([first.kind, 'reason' in first && first.reason], ['again', 'view-grew']);
  assert.equal(rig.run(job, rig.readBy('/s/src/a.c', '/s/two/h.h')).kind, 'believed');
});

test('a failure is believed only if it is told what was read', () => {
  const rig = new Rig();
  const job = rig.begin();
  const { attempt } = rig.offer(job);
  rig.view.answered(attempt, { kind: 'ready' });
  const judge = (succeeded: boolean) => rig.view.judge(job, attempt, { succeeded, report: undefined }).kind;
  assert.equal(judge(false), 'inline');
  assert.equal(judge(true), 'inline');
  const link = rig.begin({ reports: false });
  assert.equal(rig.view.judge(link, attempt, { succeeded: true, report: undefined }).kind, 'believed');
});

test('a link is followed: what it leads to is watched under its real name', () => {
  const rig = new Rig();
  rig.put('/s/two', 'link');
  rig.links.set('/s/two', 'real/two');
  for (const path of ['/s/real', '/s/real/two']) rig.put(path, 'directory');
  const { offer } = rig.offer(rig.begin());
  assert.deepEqual(offer.refresh, ['/s/real', '/s/real/two']);
});

test('a path that goes up again from a link, or a link out of the share, keeps the job here', () => {
  const up = new Rig();
  up.put('/s/src', 'link');
  up.links.set('/s/src', 'two');
  up.put('/s/two/a.c', 'file', 500_000);
  assert.equal(up.prepare(up.begin()).kind, 'inline');
  const out = new Rig();
  out.put('/s/two', 'link');
  out.links.set('/s/two', '/elsewhere');
  assert.equal(out.prepare(out.begin()).kind, 'inline');
});

test('a file of the system that is reached through a link of the share keeps the job here; a program does not', () => {
  const rig = new Rig();
  rig.put('/s/one', 'link', 500_000);
  rig.links.set('/s/one', '/usr/include/one');
  const read = [...rig.readBy('/s/src/a.c'), { path: '/s/one/h.h', fact: rig.fact('/s/two/h.h') }];
  assert.equal(rig.run(rig.begin(), read).kind, 'inline');
  assert.equal(rig.prepare(rig.begin({ inputs: ['a.c', '/s/one/lib.a'] })).kind, 'inline');
  assert.equal(rig.prepare(rig.begin({ programs: ['/s/one/g++'] })).kind, 'offer');
});

test('a report that refers to what never came is asked for in full', () => {
  const rig = new Rig();
  const job = rig.begin();
  const { attempt } = rig.offer(job);
  rig.view.answered(attempt, { kind: 'ready' });
  const report = { read: [7], added: [] };
  assert.equal(rig.view.judge(job, attempt, { succeeded: true, report }).kind, 'again');
  assert.equal(rig.offer(rig.begin()).offer.knownReports, 0);
});

test('beyond its bounds a view forgets everything and jobs in flight stay here', () => {
  const rig = new Rig({ limits: { maxEntries: 20 } });
  const early = rig.begin();
  for (let n = 0; n < 30; n++) rig.offer(rig.begin({ includeDirs: [`/s/d${n}`] }));
  assert.ok(rig.view.sizes.paths <= 40);
  assert.equal(rig.prepare(early).kind, 'inline');
});

/** A submitter's side that has looked at everything with a watch, generation 1. */
function watchedRig(): Rig {
  const rig = new Rig();
  rig.watches = 1;
  rig.offer(rig.begin());
  return rig;
}

/** What the next job looks at once these changes were told. */
function lookedAfter(rig: Rig, told: Partial<ToldChanges>): string[] {
  const job = rig.begin();
  rig.view.told({ generation: 2, changes: [], everything: false, ...told }, rig.nowMs);
  rig.watches = 2;
  rig.offer(job);
  return rig.looked;
}

const all = ['/s', '/s/src', '/s/src/a.c', '/s/one', '/s/two'];

test('what was looked at with a watch is looked at again once a change of it is told', () => {
  assert.deepEqual(lookedAfter(watchedRig(), {}), []);
  const node = (path: string) => lookedAfter(watchedRig(), { changes: [{ kind: 'node', path }] });
  const name = (path: string) => lookedAfter(watchedRig(), { changes: [{ kind: 'name', path }] });
  assert.deepEqual(node('/s/src/a.c'), ['/s/src/a.c']);
  assert.deepEqual(node('/s/src'), ['/s/src']);
  assert.deepEqual(name('/s/src/a.c'), ['/s/src', '/s/src/a.c']);
  assert.deepEqual(name('/s/src/b.c'), ['/s/src']);
  assert.deepEqual(name('/s/src'), ['/s', '/s/src', '/s/src/a.c']);
  assert.deepEqual(name('/s'), all);
  assert.deepEqual(name('/elsewhere'), []);
  assert.deepEqual(lookedAfter(watchedRig(), { everything: true }), all);
  const many = Array.from({ length: 40 }, (_, n) => ({ kind: 'name' as const, path: `/s/two/${n}` }));
  assert.deepEqual(lookedAfter(watchedRig(), { changes: many }), ['/s/two']);
});

test('what is told of before a job does not count for that job, and who tells is believed while he tells', () => {
  const rig = watchedRig();
  const early = rig.nowMs;
  const job = rig.begin();
  rig.view.told({ generation: 2, changes: [], everything: false }, early);
  rig.offer(job);
  assert.deepEqual(rig.looked, all);
  rig.view.lostSight();
  assert.deepEqual(lookedAfter(rig, {}), all);
});

test('a look with a watch that was overtaken by changes that were told is one like any other', () => {
  const rig = watchedRig();
  lookedAfter(rig, { changes: [{ kind: 'node', path: '/s/src/a.c' }] });
  // It was taken before the change.
  rig.watches = 1;
  const job = rig.begin();
  rig.view.told({ generation: 3, changes: [{ kind: 'node', path: '/s/one' }], everything: false }, rig.nowMs);
  rig.offer(job);
  assert.deepEqual(rig.looked, ['/s/one']);
  const next = rig.begin();
  rig.view.told({ generation: 3, changes: [], everything: false }, rig.nowMs);
  rig.offer(next);
  assert.deepEqual(rig.looked, ['/s/one']);
});

test('a header that was written right before a job is looked at before the command starts, and its reading believed', () => {
  const rig = new Rig();
  rig.run(rig.begin(), rig.readBy('/s/src/a.c', '/s/two/h.h'));
  // A generator has just written it, and the clocks do not tell whether before the job.
  const job = rig.begin();
  rig.put('/s/two/h.h', 'file', rig.nowMs - 5);
  rig.onWait = (): void => undefined;
  assert.equal(rig.run(job, rig.readBy('/s/src/a.c', '/s/two/h.h')).kind, 'believed');
  assert.ok(rig.looked.includes('/s/two/h.h'));
  // What it read once stands in no way: that it leads out of the share now says the job itself, if it still reads it.
  rig.put('/s/two/h.h', 'link');
  rig.links.set('/s/two/h.h', '/elsewhere/h.h');
  rig.offer(rig.begin());
});

test('an include directory in which names come and go is listed once a second, not for each job', () => {
  const rig = new Rig();
  const job = { includeDirs: ['/s/one'], renamedOutputs: [], key: 'b.o' };
  rig.prepare(rig.begin(job));
  assert.deepEqual(rig.listed, ['/s/one']);
  for (const [passedMs, listed] of [
    [-900, []],
    [-900, []],
    [-100, ['/s/one']],
    [-900, []],
  ] as const) {
    rig.listed = [];
    rig.nowMs += passedMs;
    rig.put('/s/one', 'directory');
    const view = rig.begin(job);
    rig.prepare(view);
    assert.ok(rig.looked.includes('/s/one'), 'it is looked at each time');
    assert.deepEqual(rig.listed, listed);
  }
});
