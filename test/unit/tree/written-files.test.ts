/** Taking in what a job wrote, without a job: what a worker may say that is not honest, and what may fail here. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Disk } from '../../../src/share/disk.ts';
import { HiddenNames } from '../../../src/tree/hidden-names.ts';
import { WrittenFiles } from '../../../src/tree/receive-written.ts';
import { FrameError } from '../../../src/wire/frame.ts';
import { encodeWritten } from '../../../src/wire/written-messages.ts';
import { type Left, reportOf } from '../../rig/job-report.ts';
import { builtPrograms } from '../../rig/programs.ts';
import { until } from '../../rig/until.ts';

let disk: Disk;
let top: string;
let area: string;
let count = 0;
const earlier = Date.now() - 60_000;

beforeEach(() => {
  count += 1;
  area = path.join(top, String(count), 'area');
  mkdirSync(area, { recursive: true });
});
before(() => {
  top = realpathSync(mkdtempSync(path.join(tmpdir(), 'written-')));
});
after(() => rmSync(top, { recursive: true, force: true }));

const incoming = (startedAtMs: number): WrittenFiles =>
  new WrittenFiles({ disk, areas: [area], startedAtMs });
const inArea = (name: string): string => path.join(area, name);
const named = (left: readonly Left[]): Left[] => left.map((one) => ({ ...one, path: inArea(one.path) }));

interface Said {
  readonly startedAtMs?: number;
  readonly reportBytes?: number;
  readonly contentBytes?: number;
  /** Instead of the true contents. */
  readonly pieces?: readonly string[];
}

/** Tells all that a worker would tell of these. */
async function receive(left: readonly Left[], said: Said = {}): Promise<WrittenFiles> {
  const written = incoming(said.startedAtMs ?? Date.now() + 3_600_000);
  const report = reportOf(left);
  const pieces =
    said.pieces ?? left.flatMap(({ content, sameAs }) => (sameAs === undefined ? (content ?? []) : []));
  const contentBytes = said.contentBytes ?? pieces.reduce((sum, piece) => sum + piece.length, 0);
  const head = encodeWritten({
    reportBytes: said.reportBytes ?? report.length,
    contentBytes,
    startedMs: earlier,
    sentMs: Date.now(),
  });
  try {
    await written.take({ type: 'WRITTEN', payload: head });
    await written.take({ type: 'BLOB', payload: report });
    for (const piece of pieces)
      if (piece !== '') await written.take({ type: 'BLOB', payload: Buffer.from(piece) });
  } catch (error) {
    await written.drop();
    throw error;
  }
  return written;
}

async function commit(left: readonly Left[], said: Said = {}): ReturnType<WrittenFiles['commit']> {
  const written = await receive(named(left), said);
  try {
    return await written.commit();
  } finally {
    await written.drop();
  }
}

const namesIn = (place: string): string[] =>
  readdirSync(place, { recursive: true, encoding: 'utf8' }).toSorted();
const everything = (): string[] => namesIn(path.dirname(area));
const a = { kind: 'file', path: 'a', content: 'A' } as const;

for (const [how, options] of [
  ['by threads', {}],
  ['by swarmlook, and by threads what is not ordinary', { lookProgram: builtPrograms().swarmlook }],
] as const)
  describe(how, () => {
    before(() => {
      disk = new Disk(options);
    });
    after(() => disk.close());

    test('what has come is not whole while the last of it is being made', async () => {
      for (const last of [
        { kind: 'special', path: 'p', mode: 0o010644 },
        { kind: 'link', path: 'l', target: '/' },
        { ...a, content: '' },
        a,
      ] as const) {
        const content = 'content' in last ? last.content : '';
        const report = reportOf(named([last]));
        const written = incoming(Date.now() + 3_600_000);
        const head = {
          reportBytes: report.length,
          contentBytes: content.length,
          startedMs: earlier,
          sentMs: Date.now(),
        };
        const frames = [encodeWritten(head), report, ...(content === '' ? [] : [Buffer.from(content)])];
        for (const [index, payload] of frames.entries()) {
          const taken = written.take({ type: index === 0 ? 'WRITTEN' : 'BLOB', payload });
          assert.equal(written.isWhole, false, last.path);
          await taken;
        }
        assert.equal(written.isWhole, true, last.path);
        assert.deepEqual(await written.commit(), { committed: true });
      }
    });

    test('a worker that says what is not so ends its stream and leaves nothing', async () => {
      const lies: readonly (readonly [string, () => Promise<unknown>])[] = [
        ['outside', () => receive([{ ...a, path: path.join(area, '../b') }])],
        ['beside', () => receive([{ ...a, path: `${area}x/b` }])],
        ['another content', () => receive(named([a]), { pieces: ['B'] })],
        ['more content than it has', () => receive(named([a]), { pieces: ['A', 'B'], contentBytes: 1 })],
        ['more content in one piece', () => receive(named([a]), { pieces: ['AB'], contentBytes: 1 })],
        ['another sum', () => receive(named([a]), { contentBytes: 2 })],
        ['a longer report', () => receive(named([a]), { reportBytes: 1 })],
        ['a path twice', () => receive(named([a, a]))],
        [
          'a name below a link',
          () =>
            receive(
              named([
                { kind: 'link', path: 'd', target: '/' },
                { ...a, path: 'd/a' },
              ]),
            ),
        ],
        ['a device', () => receive(named([{ kind: 'special', path: 'd', mode: 0o020666 }]))],
      ];
      for (const [what, lie] of lies) {
        await assert.rejects(lie, FrameError, what);
        assert.deepEqual(everything(), ['area'], what);
      }
      const twice = incoming(0);
      const head = {
        type: 'WRITTEN',
        payload: encodeWritten({ reportBytes: 9, contentBytes: 0, startedMs: 0, sentMs: 0 }),
      } as const;
      await assert.rejects(twice.take({ type: 'BLOB', payload: Buffer.from('x') }), FrameError);
      await twice.take(head);
      await assert.rejects(twice.take(head), FrameError);
    });

    test('what came with another directory is not replaced, however old it is; what is new there appears', async () => {
      mkdirSync(inArea('d'));
      writeFileSync(inArea('d/a'), 'old');
      const written = await receive(named([{ ...a, path: 'd/a' }]));
      const conflict = await written.commit((where) => where === inArea('d/a'));
      await written.drop();
      const why = 'is in a directory that came here in the place of another while the command ran elsewhere';
      assert.deepEqual(conflict, { conflict: inArea('d/a'), why });
      assert.equal(readFileSync(inArea('d/a'), 'latin1'), 'old');
      const emptied = [{ kind: 'directory', path: 'd', opaque: true } as const];
      const anew = await receive(named(emptied));
      assert.deepEqual(await anew.commit(() => true), { conflict: inArea('d'), why });
      await anew.drop();
      assert.deepEqual(readdirSync(inArea('d')), ['a']);
      // Others have made it since, as `mkdir -p` does: there was nothing.
      const beside = await receive(named(emptied), { startedAtMs: earlier });
      assert.deepEqual(await beside.commit(() => true), { committed: true });
      await beside.drop();
      const made = await receive(named([{ ...a, path: 'd/b' }]));
      assert.deepEqual(await made.commit(() => true), { committed: true });
      await made.drop();
    });

    test('what is no directory takes the place of one, full or empty, and nothing of that is left', async () => {
      const left: readonly Left[] = [
        { ...a, path: 'file' },
        { kind: 'link', path: 'link', target: 'file' },
        { kind: 'special', path: 'fifo', mode: 0o010644 },
        { ...a, path: 'empty' },
      ];
      for (const { path: name } of left) mkdirSync(inArea(name));
      for (const name of ['file', 'link', 'fifo']) {
        mkdirSync(path.join(inArea(name), 'inner'));
        writeFileSync(path.join(inArea(name), 'inner/x'), 'x');
      }
      assert.deepEqual(await commit(left), { committed: true });
      assert.deepEqual(namesIn(area), ['empty', 'fifo', 'file', 'link']);
      assert.equal(readFileSync(inArea('link'), 'latin1'), 'A');
      assert.equal(lstatSync(inArea('fifo')).isFIFO(), true);
    });

    test('a link in the way leads nowhere, neither while contents come nor afterwards', async () => {
      const outside = path.join(path.dirname(area), 'outside');
      mkdirSync(path.join(outside, 'x'), { recursive: true });
      symlinkSync(outside, inArea('d'));
      const below = [{ ...a, path: 'd/a' }];
      assert.deepEqual(await commit(below), {
        conflict: inArea('d'),
        why: 'is gone here since the command began elsewhere',
      });
      assert.equal('conflict' in (await commit([{ ...a, path: 'd/x/a' }])), true);
      const made = await receive(
        named([
          { kind: 'directory', path: 'new' },
          { ...a, path: 'new/a' },
        ]),
      );
      symlinkSync(outside, inArea('new'));
      assert.deepEqual(
        await made.commit(),
        { committed: true },
        'the job made it anew, so the link is replaced',
      );
      await made.drop();
      assert.equal(readFileSync(inArea('new/a'), 'latin1'), 'A');
      const replaced = await receive(named([{ ...a, path: 'e/a' }]));
      symlinkSync(outside, inArea('e'));
      assert.equal('conflict' in (await replaced.commit()), true);
      await replaced.drop();
      assert.deepEqual(namesIn(outside), ['x']);
      assert.deepEqual(readdirSync(area).toSorted(), ['d', 'e', 'new']);
    });

    test('what changed here since the job began is a conflict, and nothing has changed then', async () => {
      const since = { startedAtMs: earlier };
      const conflicts: readonly (readonly [string, () => void, readonly Left[], string])[] = [
        ['rewritten', () => writeFileSync(inArea('b'), '1'), [{ ...a, path: 'b' }], 'b'],
        ['to be removed', () => writeFileSync(inArea('b'), '1'), [{ kind: 'removed', path: 'b' }], 'b'],
        [
          'in a tree to be removed',
          () => mkdirSync(inArea('d/x'), { recursive: true }),
          [{ kind: 'removed', path: 'd' }],
          'd/x',
        ],
        [
          'in a tree to be replaced',
          () => mkdirSync(inArea('d/x'), { recursive: true }),
          [{ ...a, path: 'd' }],
          'd/x',
        ],
        ['gone', () => {}, [{ ...a, path: 'b', inPlace: true }], 'b'],
        [
          'its directory is gone',
          () => {},
          [
            { kind: 'directory', path: 'd', inPlace: true },
            { ...a, path: 'd/b' },
          ],
          'd',
        ],
      ];
      for (const [what, change, left, conflict] of conflicts) {
        rmSync(area, { recursive: true });
        mkdirSync(area);
        change();
        const there = everything();
        const result = await commit([a, ...left], since);
        assert.equal('conflict' in result && result.conflict, inArea(conflict), what);
        assert.deepEqual(everything(), there, what);
      }
    });

    test('a file with other names here is neither replaced nor removed: they may have been written to', async () => {
      writeFileSync(inArea('b'), '1');
      linkSync(inArea('b'), inArea('c'));
      const ways: readonly Left[] = [
        { ...a, path: 'b', inPlace: true },
        { ...a, path: 'b' },
        { kind: 'removed', path: 'b' },
      ];
      for (const left of ways) {
        const result = await commit([left]);
        assert.match('conflict' in result ? result.why : '', /other names/);
      }
      assert.deepEqual(
        [readFileSync(inArea('b'), 'latin1'), readFileSync(inArea('c'), 'latin1')],
        ['1', '1'],
      );
    });

    test('two jobs that make the same directory both find theirs in it', async () => {
      const [one, two] = [Date.now() - 1, Date.now()];
      const both = [{ kind: 'directory', path: 'obj', opaque: true } as const];
      assert.deepEqual(await commit([...both, { ...a, path: 'obj/a' }], { startedAtMs: one }), {
        committed: true,
      });
      assert.deepEqual(await commit([...both, { ...a, path: 'obj/b' }], { startedAtMs: two - 5_000 }), {
        committed: true,
      });
      assert.deepEqual(namesIn(inArea('obj')), ['a', 'b']);
    });

    test('names, modes, times to the nanosecond, links, other names and fifos', async () => {
      const timeNs = 1_000_000_000_123_456_789n;
      mkdirSync(inArea('was'));
      const left: readonly Left[] = [
        { kind: 'directory', path: 'd', mode: 0o040711, timeNs },
        { kind: 'file', path: 'd/\u00ff\u00fe x', content: 'X', mode: 0o100640, timeNs },
        { kind: 'file', path: 'd/empty', content: '', mode: 0o100444, timeNs },
        { kind: 'file', path: 'd/other', sameAs: 1, mode: 0o100640, timeNs },
        { kind: 'link', path: 'd/l', target: '../nowhere', timeNs },
        { kind: 'special', path: 'd/p', mode: 0o010606, timeNs },
        { kind: 'directory', path: 'was', mode: 0o040700, timeNs },
      ];
      assert.deepEqual(await commit(left), { committed: true });
      const shown = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P %y %m %n %s %l %T@\\n'], {
        cwd: area,
        env: { LC_ALL: 'C' },
      });
      const time = '1000000000.1234567890';
      assert.deepEqual(
        shown
          .toString('latin1')
          .split('\n')
          .map((line) => line.replace(/^(\S+ d \d+) \d+ \d+/, '$1'))
          .filter((line) => line !== '')
          .toSorted(),
        [
          `d d 711  ${time}`,
          `d/empty f 444 1 0  ${time}`,
          `d/l l 777 1 10 ../nowhere ${time}`,
          `d/other f 640 2 1  ${time}`,
          `d/p p 606 1 0  ${time}`,
          `d/\u00ff\u00fe x f 640 2 1  ${time}`,
          `was d 700  ${time}`,
        ].toSorted(),
      );
    });

    test('what a job wrote has times of this clock, whatever clock its machine has', async () => {
      for (const aheadMs of [3_600_000, -3_600_000]) {
        const written = incoming(Date.now() + 60_000);
        const content = Buffer.from('A');
        const startedMs = Date.now() + aheadMs;
        const left = named([{ ...a, timeNs: BigInt(startedMs + 5) * 1_000_000n }]);
        const report = reportOf(left);
        const beforeMs = Date.now();
        await written.take({
          type: 'WRITTEN',
          payload: encodeWritten({
            reportBytes: report.length,
            contentBytes: 1,
            startedMs,
            sentMs: startedMs + 10,
          }),
        });
        await written.take({ type: 'BLOB', payload: report });
        await written.take({ type: 'BLOB', payload: content });
        assert.deepEqual(await written.commit(), { committed: true });
        await written.drop();
        const { mtimeMs } = lstatSync(inArea('a'));
        assert.ok(
          mtimeMs >= beforeMs - 6 && mtimeMs <= Date.now(),
          `${mtimeMs - beforeMs} ms after it was sent`,
        );
      }
    });

    test('a directory in which something was made has a new time, unless the job has chosen one', async () => {
      const oldMs = Date.parse('2001-02-03');
      const nsOf = (ms: number): bigint => BigInt(ms) * 1_000_000n;
      for (const content of ['A', 'A'.repeat(600_000)])
        for (const chosenMs of [undefined, Date.parse('2002-03-04')]) {
          const directory = {
            kind: 'directory',
            path: 'd',
            inPlace: true,
            timeNs: nsOf(chosenMs ?? oldMs),
          } as const;
          mkdirSync(inArea('d'));
          utimesSync(inArea('d'), oldMs / 1000, oldMs / 1000);
          assert.deepEqual(await commit([directory, { ...a, path: 'd/a', content }, { ...a, path: 'd/b' }]), {
            committed: true,
          });
          const { mtimeMs } = lstatSync(inArea('d'));
          if (chosenMs === undefined) assert.ok(mtimeMs > Date.now() - 60_000, `${mtimeMs}`);
          else assert.equal(mtimeMs, chosenMs);
          rmSync(inArea('d'), { recursive: true });
        }
    });

    test('a failure in the middle leaves what was complete and nothing else, and says a sentence', async () => {
      mkdirSync(inArea('full'));
      writeFileSync(inArea('was'), 'old');
      const written = await receive(
        named([
          a,
          { kind: 'directory', path: 'new' },
          { ...a, path: 'new/b' },
          { kind: 'directory', path: 'full', inPlace: true },
          // So much is written at once, while the directory is there.
          { ...a, path: 'full/z.d', content: 'z'.repeat(600_000) },
          { kind: 'directory', path: 'late' },
          { ...a, path: 'late/z.d' },
          { kind: 'directory', path: 'was' },
        ]),
      );
      renameSync(inArea('full'), path.join(path.dirname(area), 'moved'));
      mkdirSync(inArea('full'));
      await assert.rejects(written.commit(), {
        code: 'E_TREE',
        message: new RegExp(
          `^'${inArea('full/z.d')}', which the command wrote elsewhere, cannot be written here \\(.+\\)\\.$`,
        ),
      });
      await written.drop();
      assert.deepEqual(namesIn(area), ['a', 'full', 'new', 'new/b', 'was']);
      assert.equal(readFileSync(inArea('was'), 'latin1'), 'old');
    });

    test('a full disk is told when it is to appear, and leaves nothing', {
      skip: process.getuid?.() === 0 ? false : 'only root may mount a small disk',
    }, async () => {
      const small = path.join(path.dirname(area), 'small');
      mkdirSync(small);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]);
      area = small;
      try {
        const content = 'x'.repeat(60_000);
        const written = await receive(named([a, { ...a, path: 'b', content }, { ...a, path: 'c', content }]));
        await assert.rejects(written.commit(), { code: 'E_TREE', message: /ENOSPC/ });
        await written.drop();
        assert.deepEqual(readdirSync(small), []);
      } finally {
        execFileSync('umount', [small]);
      }
    });

    test('what is large is written while it comes, and is whole, or nothing of it is left', async () => {
      const content = Array.from({ length: 300_000 }, (_, n) => `${n}\n`).join('');
      const pieces = content.match(/.{1,60000}/gs) ?? [];
      const left: readonly Left[] = [
        { ...a, path: 'large', content, mode: 0o100640 },
        { ...a, path: 'other', sameAs: 0, mode: 0o100640 },
        { ...a, path: 'empty', content: '' },
        ...Array.from({ length: 450 }, (_, n) => ({ kind: 'link', path: `l${n}`, target: `${n}` }) as const),
      ];
      const written = await receive(named(left), { pieces });
      assert.ok(readdirSync(area).some((name) => lstatSync(inArea(name)).size > 1_000_000));
      assert.deepEqual(await written.commit(), { committed: true });
      await written.drop();
      assert.equal(readFileSync(inArea('large'), 'latin1'), content);
      assert.equal(lstatSync(inArea('large')).ino, lstatSync(inArea('other')).ino);
      assert.equal(lstatSync(inArea('large')).mode & 0o7777, 0o640);
      assert.equal(readdirSync(area).length, 453);

      for (const name of readdirSync(area)) rmSync(inArea(name));
      const lie = [...pieces.slice(0, -1), (pieces.at(-1) ?? '').toUpperCase().replaceAll('\n', ' ')];
      await assert.rejects(receive(named(left), { pieces: lie }), FrameError);
      const report = reportOf(named(left));
      const head = { reportBytes: report.length, contentBytes: content.length, startedMs: 0, sentMs: 0 };
      const journal = path.join(path.dirname(area), 'journal');
      const names = new HiddenNames(journal);
      for (let round = 0; round < 2; round += 1) {
        const given = new WrittenFiles({ disk, areas: [area], startedAtMs: 0, names });
        await given.take({ type: 'WRITTEN', payload: encodeWritten(head) });
        for (const payload of [report, ...pieces.slice(0, -1).map((piece) => Buffer.from(piece))])
          await given.take({ type: 'BLOB', payload });
        const [hidden = '', ...others] = readdirSync(area);
        assert.deepEqual(others, []);
        // Of a peer that is killed now, it is found: the directory is noted, once for all jobs.
        const [prefix = '', ...directories] = readFileSync(journal, 'latin1').split('\0');
        assert.deepEqual([hidden.startsWith(prefix), directories], [true, [area, '']]);
        await given.drop();
        assert.deepEqual(readdirSync(area), []);
      }
    });

    test('where the disk does not answer in time the commit fails, and nothing appears later', async (t) => {
      const own = new Disk({ maxThreads: 1 });
      t.after(() => own.close());
      await own.start();
      const hurried: Pick<Disk, 'run' | 'putWritten'> = {
        run: (name, input) => own.run(name, input, 1),
        putWritten: (work) => own.putWritten(work, 1),
      };
      const written = new WrittenFiles({ disk: hurried, areas: [area], startedAtMs: Date.now() + 3_600_000 });
      // Each is made by a program: that takes so long that this process is told of the deadline before it is done.
      const fifos = Array.from(
        { length: 60 },
        (_, n) => ({ kind: 'special', path: `p${n}`, mode: 0o010600 }) as const,
      );
      const report = reportOf(named([...fifos, a]));
      const head = { reportBytes: report.length, contentBytes: 1, startedMs: earlier, sentMs: Date.now() };
      await written.take({ type: 'WRITTEN', payload: encodeWritten(head) });
      await written.take({ type: 'BLOB', payload: report });
      await written.take({ type: 'BLOB', payload: Buffer.from('A') });
      await assert.rejects(written.commit(), {
        code: 'E_TREE',
        message: /^'.+\/p0', which the command wrote elsewhere, cannot be written here \(.+ms.+\)\.$/,
      });
      await written.drop();
      await until(() => own.hungThreads === 0, 5_000, 'the thread has ended what it was asked');
      assert.deepEqual(readdirSync(area), []);
    });

    test('what the command alone can write is refused whole', async () => {
      for (const left of [
        { ...a, path: 's', mode: 0o104755 },
        { kind: 'special', path: 's', mode: 0o140755 } as const,
        { ...a, path: '.buildswarm/peers/x' },
      ]) {
        assert.equal('conflict' in (await commit([a, left])), true);
        assert.deepEqual(readdirSync(area), []);
      }
    });
  });
