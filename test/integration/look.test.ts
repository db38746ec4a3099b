/** Looks at many paths: by the compiled program, as it ships and with the sanitizers, and by threads; all see the same. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { absent, factBytes } from '../../src/core/fact.ts';
import { outsideLooks } from '../../src/core/view/outside-name.ts';
import { Disk } from '../../src/share/disk.ts';
import { readFacts } from '../../src/share/facts.ts';
import { type LookRequest, parseRecord } from '../../src/share/look-answer.ts';
import { Looker } from '../../src/share/looker.ts';
import type { Walked, WalkRequest } from '../../src/share/walk-answer.ts';
import { fromBytes, fromText, toBytes } from '../../src/wire/bytes.ts';
import { childrenOf } from '../rig/children-of.ts';
import { type BuildName, builds, compilePrograms, type Programs } from '../rig/programs.ts';
import { until } from '../rig/until.ts';
import { shareRig } from './share-rig.ts';

const timeoutMs = 20_000;
const compiled = new Map<BuildName, Programs>();
before(() => {
  for (const build of Object.keys(builds) as BuildName[]) compiled.set(build, compilePrograms(build));
});
after(() => {
  for (const programs of compiled.values()) programs.remove();
});
const program = (build: BuildName = 'normal'): string => compiled.get(build)?.swarmlook ?? '';

const factsOf = (records: Uint8Array) =>
  Array.from({ length: records.length / factBytes }, (_, index) =>
    parseRecord(fromBytes(records.subarray(index * factBytes, (index + 1) * factBytes))),
  );

/** A name that is no text. */
const odd = fromBytes(Buffer.from([0xff, 0x0a, 0x20, 0xe4]));

/** A disk that looks by the compiled program, beside one that looks by threads. */
function looksOf(build: BuildName) {
  const rig = shareRig();
  const { disk, directory } = rig;
  const looking = new Disk({ lookProgram: program(build) });
  return {
    disk,
    looking,
    directory,
    path: (name: string): string => `${directory}/${name}`,
    async [Symbol.asyncDispose]() {
      await looking.close();
      await rig[Symbol.asyncDispose]();
    },
  };
}

for (const build of Object.keys(builds) as BuildName[])
  test(`what the ${build} program sees is what threads see`, async () => {
    await using rig = shareRig();
    const path = (name: string): string => `${rig.directory}/${name}`;
    writeFileSync(path('file'), 'abc');
    mkdirSync(path('directory/below/deep'), { recursive: true });
    mkdirSync(path('directory/.hidden'));
    mkdirSync(toBytes(`${path('directory')}/${odd}`));
    symlinkSync('below', path('directory/link'));
    symlinkSync('nowhere', path('dangling'));
    symlinkSync(toBytes(odd), path('odd-link'));
    mkdirSync(path('empty'));
    mkdirSync(path('closed'));
    chmodSync(path('closed'), 0);
    assert.equal(spawnSync('mkfifo', [path('fifo')]).status, 0);
    const names = ['file', 'directory', 'directory/link', 'dangling', 'odd-link', 'empty', 'closed', 'fifo'];
    const pool = [...names, 'missing', 'file/below', `directory/${odd}`, fromText('ä')].map(path);
    const looker = new Looker({ program: program(build) });
    const some = fc.array(fc.constantFrom(...pool), { maxLength: 40 });
    const same = async (request: LookRequest): Promise<void> => {
      const [mine, theirs] = [await looker.look(request, timeoutMs), await rig.disk.look(request)];
      assert.deepEqual(factsOf(mine.records), factsOf(theirs.records));
      assert.deepEqual(mine.targets, theirs.targets);
      assert.deepEqual(
        mine.names.map((each) => each.toSorted()),
        theirs.names.map((each) => each.toSorted()),
      );
    };
    await fc.assert(fc.asyncProperty(fc.record({ paths: some, links: some, lists: some }), same), {
      numRuns: 60,
    });
    const all = await looker.look({ paths: pool, links: pool, lists: pool }, timeoutMs);
    const facts = factsOf(all.records);
    const expected = await readFacts(rig.disk, pool);
    for (const [index, fact] of facts.entries())
      if (fact.kind !== 'link') assert.deepEqual(fact, expected[index], pool[index]);
    assert.deepEqual(facts[8], absent);
    assert.deepEqual(all.targets.slice(0, 5), [undefined, undefined, 'below', 'nowhere', odd]);
    assert.deepEqual(all.names[1]?.toSorted(), ['.hidden', 'below', odd].toSorted());
    await looker.close();
  });

for (const build of Object.keys(builds) as BuildName[])
  test(`a walk of the ${build} program finds what one of a thread finds`, async () => {
    await using rig = looksOf(build);
    const { disk, looking, directory, path } = rig;
    mkdirSync(path('a/b/c'), { recursive: true });
    mkdirSync(path('a/.buildswarm/peers'), { recursive: true });
    mkdirSync(path('z'));
    for (const name of ['a/.buildswarm-1-t-x.o', 'a/.buildswarm/peers/p', 'a/one', 'a/b/c/deep', 'z/last'])
      writeFileSync(path(name), name);
    writeFileSync(toBytes(path(`z/${odd}`)), '');
    symlinkSync('../z', path('a/link'));
    symlinkSync('nowhere', path('a/b/dangling'));
    assert.equal(spawnSync('mkfifo', [path('a/fifo')]).status, 0);
    const whole = { purpose: 'changed', sinceMs: 0, maxLooks: 1_000, maxChanged: 1_000, timeoutMs } as const;
    const walks: Partial<WalkRequest>[] = [
      {},
      { directories: [path('a'), path('a/b'), path('a'), path('missing'), path('a/one')] },
      { directories: [path('a/link')] },
      { directories: [] },
      { sinceMs: Date.now() + 3_600_000 },
      { sinceMs: Number(statSync(path('a/b/c/deep'), { bigint: true }).ctimeNs / 1_000_000n) + 0.5 },
      { purpose: 'anew' },
    ];
    for (const walk of walks) {
      const request = { ...whole, directories: [directory], ...walk };
      const [mine, theirs] = [await looking.walk(request), await disk.walk(request)];
      const sorted = (walked: Walked) =>
        walked.changed
          .toSorted((a, b) => (a.path < b.path ? -1 : 1))
          .map(({ path, fact }) => ({ path, fact }));
      assert.deepEqual([sorted(mine), mine.cut], [sorted(theirs), theirs.cut], JSON.stringify(walk));
    }
    const { changed } = await looking.walk({ ...whole, directories: [directory] });
    const names = changed.map(({ path }) => path.slice(directory.length));
    assert.deepEqual(names.toSorted(), [
      '',
      '/a',
      '/a/b',
      '/a/b/c',
      '/a/b/c/deep',
      '/a/b/dangling',
      '/a/fifo',
      '/a/link',
      '/a/one',
      '/z',
      '/z/last',
      `/z/${odd}`,
    ]);
    for (const [at, name] of names.entries())
      assert.ok(
        names.indexOf(name.slice(0, name.lastIndexOf('/'))) < Math.max(at, 1),
        'a directory comes before what is in it',
      );
    // What is cut off says so, whichever bound it meets.
    for (const each of [looking, disk]) {
      const cut = async (bounds: Partial<WalkRequest>) =>
        (await each.walk({ ...whole, directories: [directory], ...bounds })).cut;
      assert.equal(await cut({ maxLooks: 5 }), 'more than 5 names are there');
      assert.equal(await cut({ maxChanged: 3 }), 'more than 3 files and directories changed');
      assert.equal(await cut({ maxChanged: 12 }), undefined);
    }
  });

for (const build of Object.keys(builds) as BuildName[])
  test(`questions of several kinds are answered by the ${build} program as by a thread`, async () => {
    await using rig = looksOf(build);
    const { disk, looking, directory, path } = rig;
    mkdirSync(path('a/b'), { recursive: true });
    for (const name of ['file', 'a/one', 'a/b/deep']) writeFileSync(path(name), name);
    writeFileSync(toBytes(path(`a/${odd}`)), '');
    symlinkSync('a/b', path('to-b'));
    symlinkSync('a/one', path('to-one'));
    symlinkSync('to-one', path('a/loop'));
    symlinkSync('loop', path('a/to-one'));
    symlinkSync('nowhere', path('dangling'));
    assert.equal(spawnSync('mkfifo', [path('fifo')]).status, 0);
    const looked = [
      'file',
      'a',
      'a/one',
      `a/${odd}`,
      'to-b',
      'to-one',
      'to-b/deep',
      'dangling',
      'fifo',
      'no',
    ];
    const ways = [
      'a/..',
      'a/.',
      'a/',
      'to-b/..',
      'to-b/../one',
      'no/x',
      'file/x',
      'to-one/x',
      'a/loop',
      'dangling/x',
    ];
    const stamped = [...looked, ...ways].flatMap((name) =>
      outsideLooks.map((look) => ({ look, path: path(name) })),
    );
    stamped.push({ look: 'place', path: '/' }, { look: 'place', path: '/usr' }, { look: 'place', path: '' });
    const paths = looked.map(path);
    const questions = { fresh: paths, behind: paths, plain: paths, stamped };
    const [mine, theirs] = [await looking.ask(questions), await disk.ask(questions)];
    for (const kind of ['fresh', 'behind', 'plain'] as const)
      assert.deepEqual(mine[kind], theirs[kind], kind);
    assert.equal(mine.fresh[4]?.kind, 'link');
    assert.ok(mine.fresh[4]?.inode.includes('>a/b>'), 'with what it leads to');
    for (const [at, { look, path: name }] of stamped.entries()) {
      const [one, other] = [mine.stamped[at] ?? '', theirs.stamped[at] ?? ''];
      if (look === 'place') assert.equal(one, other, `the place of ${name}`);
      else assert.equal(one === '', other.trim() === '', `${look} of ${name}`);
    }
    assert.deepEqual((await looking.ask(questions)).stamped, mine.stamped, 'nothing has changed');
    // Each change shows in what it is seen through, and nowhere else.
    const changed = async (change: () => void): Promise<string[]> => {
      const before = (await looking.ask(questions)).stamped;
      change();
      const after = (await looking.ask(questions)).stamped;
      return stamped.flatMap(({ look, path: name }, at) =>
        before[at] === after[at] ? [] : `${look} ${name.slice(directory.length + 1)}`,
      );
    };
    const both = (...names: string[]) =>
      names.flatMap((name) => ['content', 'link', 'names'].map((look) => `${look} ${name}`)).toSorted();
    assert.deepEqual((await changed(() => chmodSync(path('a/b/deep'), 0o600))).toSorted(), both('to-b/deep'));
    assert.deepEqual(
      (await changed(() => writeFileSync(path('a/one'), 'more'))).toSorted(),
      both('a/one', 'to-b/../one', 'to-one'),
    );
    const listed = await changed(() => writeFileSync(path('a/b/new'), ''));
    assert.deepEqual(listed, ['names to-b'], 'but for its names it is the same directory');
    const swapped = await changed(() => {
      rmSync(path('to-one'));
      symlinkSync('file', path('to-one'));
    });
    assert.ok(swapped.includes('place to-one') && swapped.includes('link to-one'), swapped.join());
    const moved = await changed(() => {
      renameSync(path('a/b'), path('a/c'));
      symlinkSync('c', path('a/b'));
    });
    for (const each of ['content to-b', 'link to-b', 'place to-b'])
      assert.ok(moved.includes(each), `${each} in ${moved.join()}`);
    await assert.rejects(looking.ask({ ...questions, plain: [path('x'.repeat(300))] }), {
      code: 'ENAMETOOLONG',
    });
    assert.equal((await looking.ask(questions)).plain[0]?.kind, 'file', 'and the next look is well');
  });

for (const build of Object.keys(builds) as BuildName[])
  test(`where names really are, whatever they end with, is told by the ${build} program as by a thread`, async () => {
    await using rig = looksOf(build);
    const { disk, looking, path } = rig;
    mkdirSync(path('a/b/c'), { recursive: true });
    for (const name of ['file', 'a/one', 'a/b/deep']) writeFileSync(path(name), '');
    const links = { 'to-b': 'a/b', 'a/up': '..', 'to-one': 'a/one', dangling: 'nowhere', loop: 'loop' };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, path(name));
    const starts = [
      '',
      'a',
      'a/b',
      'a/up',
      'to-b',
      'to-one',
      'file',
      'no',
      'dangling',
      'loop',
      'a//b',
      'a/./b',
    ];
    const ends = [
      '/',
      '/.',
      '//',
      '/..',
      '/../',
      '/../..',
      '/c',
      '/../b',
      '/./deep',
      '/../../to-b',
      '/../one/..',
    ];
    const ways = starts.flatMap((start) => ends.map((end) => path(`${start}${end}`)));
    ways.push('/', '', '/usr', '//usr/.', '/.', '/..', '/usr/..', '/usr/../usr/bin', '/./usr', '/lib/..');
    ways.push(...[20, 60, 700, 2000].map((times) => path(`a/${'../a/'.repeat(times)}b/c`)));
    const placesOf = (names: readonly string[]) => ({
      fresh: [],
      behind: [],
      plain: [],
      stamped: names.map((name) => ({ look: 'place' as const, path: name })),
    });
    // In this order and in the other, as one helps the next; and of more directories than are remembered.
    const many = Array.from({ length: 200 }, (_, n) =>
      path(`a${'/.'.repeat(n % 20)}/b${'/.'.repeat(n)}/c/.`),
    );
    for (const names of [ways, ways.toReversed(), [...many, ...ways]]) {
      const [mine, theirs] = [await looking.ask(placesOf(names)), await disk.ask(placesOf(names))];
      for (const [at, name] of names.entries())
        assert.equal(mine.stamped[at], theirs.stamped[at], `the place of ${name.slice(0, 200)}`);
    }
  });

test('a walk that takes too long is cut off, and says so', async (t) => {
  await using rig = shareRig();
  for (let n = 0; n < 200; n += 1) writeFileSync(`${rig.directory}/${n}`, '');
  const looking = new Disk({ lookProgram: program() });
  t.after(() => looking.close());
  const bounds = {
    purpose: 'changed',
    sinceMs: 0,
    maxLooks: 1_000,
    maxChanged: 1_000,
    timeoutMs: 0,
  } as const;
  for (const disk of [looking, rig.disk]) {
    const { cut } = await disk.walk({ ...bounds, directories: [rig.directory] });
    assert.match(cut ?? '', /^it took too long: \d+ names were looked at, last in \//);
  }
});

test('a walk that opens all anew opens each file, and one that looks for changes none', async (t) => {
  await using rig = shareRig();
  const { directory } = rig;
  mkdirSync(`${directory}/below`);
  const held = `${directory}/below/held`;
  // Opening a file under a lease is refused, which shows that it was opened.
  const lease =
    '$SIG{IO} = "IGNORE"; open F, ">", $ARGV[0]; fcntl F, 1024, 1 or die; $| = 1; print "held"; sleep 60';
  const holder = spawn('perl', ['-e', lease, held], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => holder.kill());
  await once(holder.stdout, 'data');
  const looking = new Disk({ lookProgram: program() });
  t.after(() => looking.close());
  const bounds = { sinceMs: 0, maxLooks: 1_000, maxChanged: 1_000, timeoutMs, directories: [directory] };
  for (const disk of [looking, rig.disk]) {
    assert.equal((await disk.walk({ ...bounds, purpose: 'changed' })).changed.length, 3);
    await assert.rejects(disk.walk({ ...bounds, purpose: 'anew' }), { code: 'EAGAIN' });
  }
});

test('a directory that this user may write to and not read is told, as anything may be in it', async (t) => {
  await using rig = shareRig();
  const { directory } = rig;
  chmodSync(directory, 0o755);
  for (const [name, mode] of [
    ['drop', 0o333],
    ['closed', 0o700],
  ] as const) {
    mkdirSync(`${directory}/${name}`);
    chmodSync(`${directory}/${name}`, mode);
  }
  // Of root nothing is hidden.
  const asNobody = `${directory}/as-nobody`;
  const lookProgram = program();
  const found = `exec setpriv --reuid=65534 --regid=65534 --clear-groups ${lookProgram}`;
  writeFileSync(asNobody, `#!/bin/sh\n[ $(id -u) = 0 ] || exec ${lookProgram}\n${found}\n`, { mode: 0o755 });
  const looking = new Disk({ lookProgram: asNobody });
  t.after(() => looking.close());
  const bounds = { sinceMs: 0, maxLooks: 1_000, maxChanged: 1_000, timeoutMs } as const;
  const walk = async (purpose: WalkRequest['purpose'], name: string) =>
    (await looking.walk({ ...bounds, purpose, directories: [`${directory}/${name}`] })).cut;
  assert.equal(await walk('changed', 'drop'), `${directory}/drop may be written to, and not be read`);
  assert.equal(await walk('anew', 'drop'), undefined, 'what cannot be listed is opened by nobody');
  if (process.getuid?.() === 0) assert.equal(await walk('changed', 'closed'), undefined);
});

test('what cannot be looked at is told with its errno and path', async () => {
  await using rig = shareRig();
  const looker = new Looker({ program: program() });
  const request = { paths: [rig.directory, `${rig.directory}/${'x'.repeat(300)}`], links: [], lists: [] };
  await assert.rejects(looker.look(request, timeoutMs), {
    code: 'ENAMETOOLONG',
    message: /x{300} cannot be/,
  });
  const next = await looker.look({ ...request, paths: [rig.directory] }, timeoutMs);
  assert.equal(factsOf(next.records)[0]?.kind, 'directory', 'and the next look is well');
  await looker.close();
});

const lookers = (): number[] => childrenOf(program());

test('a program that hangs is left behind at the deadline, one that was killed is replaced, and none stays', async (t) => {
  await using rig = shareRig();
  await until(() => lookers().length === 0, 5_000, 'those of the tests before have ended');
  const disk = new Disk({ lookProgram: program() });
  t.after(() => disk.close());
  const request = { paths: [rig.directory], links: [], lists: [] };
  await disk.look(request);
  const [first = 0] = lookers();
  process.kill(first, 'SIGSTOP');
  await assert.rejects(disk.look(request, 200), { code: 'HUNG', message: /within 200 ms/ });
  await disk.look(request);
  await until(() => !lookers().includes(first), 5_000, 'the one that hung is gone');
  const [second = 0] = lookers();
  process.kill(second, 'SIGSTOP');
  const lost = assert.rejects(disk.look(request), { code: 'INTERNAL', message: /SIGKILL/ });
  process.kill(second, 'SIGKILL');
  await lost;
  await disk.look(request);
  await Promise.all(Array.from({ length: 50 }, () => disk.look(request)));
  assert.ok(lookers().length <= 4);
  await disk.close();
  await until(() => lookers().length === 0, 5_000, 'all of them ended');
  await assert.rejects(disk.look(request), { code: 'CLOSED' });
});

test('without the program every look fails in words', async () => {
  const looker = new Looker({ program: '/proc/self/no-such-directory/swarmlook' });
  const request = { paths: ['/'], links: [], lists: [] };
  await assert.rejects(looker.look(request, timeoutMs), { code: 'INTERNAL', message: /ENOENT/ });
  await looker.close();
});
