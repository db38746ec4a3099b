/**
 * What swarmlook does for a job where nothing is out of the ordinary, as it ships and with the sanitizers: it comes out as by a thread,
 * and where anything is out of the ordinary nothing is done.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { factFields } from '../../src/core/view/contract.ts';
import type { CommitRequest } from '../../src/share/commit-work.ts';
import { Disk } from '../../src/share/disk.ts';
import { DiskError } from '../../src/share/disk-error.ts';
import { readFacts } from '../../src/share/facts.ts';
import { packSight, parseSight, type SightRequest } from '../../src/share/first-sight.ts';
import { Looker } from '../../src/share/looker.ts';
import type { FilesOfCommand, OutputRole } from '../../src/share/obstacles.ts';
import { packCommit, parseCommit } from '../../src/share/plain-commit.ts';
import { packPut, parsePut } from '../../src/share/plain-put.ts';
import type { WrittenDone, WrittenWork } from '../../src/share/written-work.ts';
import { childrenOf } from '../rig/children-of.ts';
import { type BuildName, builds, compilePrograms, type Programs } from '../rig/programs.ts';
import { until } from '../rig/until.ts';
import { shareRig } from './share-rig.ts';

const timeoutMs = 20_000;
const prefix = '.buildswarm-test-';

/** Gives a file to another user, where this one may. */
function isOfAnother(path: string): boolean {
  try {
    chownSync(path, 1, 1);
    return true;
  } catch {
    return false;
  }
}

for (const build of Object.keys(builds) as BuildName[])
  describe(`by the ${build} program`, { timeout: 120_000 }, () => {
    let programs: Programs;
    let looker: Looker;
    before(() => {
      programs = compilePrograms(build);
      looker = new Looker({ program: programs.swarmlook, maxPrograms: 1 });
    });
    after(async () => {
      await looker.close();
      programs.remove();
    });

    /** What swarmlook itself makes of a request. */
    const asked = async <Answer>(
      request: Buffer | undefined,
      parse: (answer: Buffer) => Answer,
    ): Promise<Answer> => {
      assert.ok(request, 'it is packed');
      return looker.take({ request, parse }, 'a test', timeoutMs);
    };

    describe('files of served jobs', () => {
      const startedAtMs = Date.now() + 3_600_000;
      const timeNs = 1_700_000_000_123_456_789n;
      const dirTimeNs = 4_000_000_000_000_000_001n;
      interface Wanted {
        readonly name?: string;
        readonly mode?: number;
        readonly inPlace?: boolean;
        readonly startedAtMs?: number;
        readonly content?: string;
      }
      /** A file and its directory, as a compile leaves them. */
      const workIn = (area: string, wanted: Wanted = {}): WrittenWork => {
        const { name = 'd/f.o', mode = 0o100640, inPlace = false, content = 'object' } = wanted;
        const file = `${area}/${name}`;
        const directory = file.slice(0, file.lastIndexOf('/'));
        const time = { timeNs, isChosen: false };
        return {
          areas: [area],
          names: { prefix, journal: undefined, known: [] },
          staged: [],
          timesBefore: new Map(),
          note: [directory],
          steps: [
            {
              record: 1,
              path: file,
              kind: 'file',
              pieces: [Buffer.from(content.slice(0, 3)), Buffer.from(content.slice(3))],
              begins: true,
              end: { mode, time },
            },
          ],
          commit: {
            directories: [
              {
                record: 0,
                path: directory,
                kind: 'directory',
                inPlace: true,
                isOther: false,
                mode: 0o40755,
                time: { timeNs: dirTimeNs, isChosen: false },
              },
            ],
            entries: [{ record: 1, path: file, kind: 'file', inPlace, isOther: false, mode, time }],
            removals: [],
            emptied: new Set(),
            startedAtMs: wanted.startedAtMs ?? startedAtMs,
            elsewhere: new Set(),
          },
          halt: new SharedArrayBuffer(4),
        };
      };
      const put = (work: WrittenWork): Promise<WrittenDone | undefined> => asked(packPut(work), parsePut);
      const stateOf = (area: string): (readonly [name: string, ...rest: unknown[]])[] =>
        readdirSync(area, { recursive: true, encoding: 'utf8' })
          .toSorted()
          .map((name) => {
            const stats = lstatSync(`${area}/${name}`, { bigint: true });
            const content = stats.isFile() ? readFileSync(`${area}/${name}`, 'latin1') : '';
            // By a thread times are right to half a microsecond.
            return [name, stats.mode, stats.mtimeNs / 1_000n, stats.nlink, content];
          });
      const rigWith = (prepare: (area: string) => void) => {
        const rig = shareRig();
        const areas = ['by-thread', 'by-program'].map((name) => `${rig.directory}/${name}`);
        for (const area of areas) {
          mkdirSync(`${area}/d`, { recursive: true, mode: 0o700 });
          prepare(area);
          utimesSync(`${area}/d`, 1_000_000_000, 1_000_000_000);
        }
        return { rig, byThread: areas[0] ?? '', byProgram: areas[1] ?? '' };
      };

      for (const [what, prepare, wanted] of [
        ['where there was none', () => undefined, {}],
        ['in the place of an older one', (area) => writeFileSync(`${area}/d/f.o`, 'old'), {}],
        ['written in place', (area) => writeFileSync(`${area}/d/f.o`, 'old'), { inPlace: true }],
        ['in the place of a link', (area) => symlinkSync('nowhere', `${area}/d/f.o`), {}],
        ['that is empty', () => undefined, { content: '' }],
        ['with a sticky bit, and none that is not made', () => undefined, { mode: 0o107755 }],
      ] as const satisfies [string, (area: string) => void, Wanted][])
        it(`a file ${what} is put there as by a thread`, async () => {
          const { rig, byThread, byProgram } = rigWith(prepare);
          await using disk = rig;
          const thread = await disk.disk.run('putWritten', workIn(byThread, wanted));
          const program = await put(workIn(byProgram, wanted));
          assert.deepEqual(thread.result, { committed: true });
          assert.deepEqual(program?.result, { committed: true });
          assert.deepEqual(stateOf(byProgram), stateOf(byThread));
          const { mtimeNs } = lstatSync(`${byProgram}/d/f.o`, { bigint: true });
          assert.equal(mtimeNs, timeNs);
          assert.equal(lstatSync(`${byProgram}/d`, { bigint: true }).mtimeNs, dirTimeNs);
          assert.equal(lstatSync(`${byProgram}/d`).mode & 0o7777, 0o755);
        });

      for (const [what, prepare, wanted] of [
        ['a file that has changed since', (area) => writeFileSync(`${area}/d/f.o`, 'x'), { startedAtMs: 0 }],
        [
          'a file that has other names',
          (area) => {
            writeFileSync(`${area}/d/f.o`, 'x');
            linkSync(`${area}/d/f.o`, `${area}/d/other`);
          },
          {},
        ],
        ['a directory of its name', (area) => mkdirSync(`${area}/d/f.o`), {}],
        ['none where it was written in place', () => undefined, { inPlace: true }],
        [
          'a link on the way',
          (area) => {
            renameSync(`${area}/d`, `${area}/e`);
            symlinkSync('e', `${area}/d`);
          },
          {},
        ],
        ['a file on the way', (area) => writeFileSync(`${area}/file`, ''), { name: 'file/f.o' }],
        ['no directory on the way', () => undefined, { name: 'none/f.o' }],
        ['its hidden name', (area) => writeFileSync(`${area}/d/${prefix}1`, 'of another'), {}],
      ] as const satisfies [string, (area: string) => void, Wanted][])
        it(`where there is ${what} nothing is done`, async () => {
          const { rig, byProgram } = rigWith(prepare);
          await using _ = rig;
          const stateBefore = stateOf(byProgram).filter(([name]) => name !== 'd');
          assert.equal(await put(workIn(byProgram, wanted)), undefined);
          assert.deepEqual(
            stateOf(byProgram).filter(([name]) => name !== 'd'),
            stateBefore,
          );
        });

      it('what another user owns is not written in place', async (t) => {
        const { rig, byProgram } = rigWith((area) => writeFileSync(`${area}/d/f.o`, 'of another'));
        await using _ = rig;
        if (!isOfAnother(`${byProgram}/d/f.o`)) return t.diagnostic('no file can have another owner here');
        assert.equal(await put(workIn(byProgram, { inPlace: true })), undefined);
        assert.equal(readFileSync(`${byProgram}/d/f.o`, 'utf8'), 'of another');
        assert.deepEqual((await put(workIn(byProgram)))?.result, { committed: true });
      });

      for (const [what, signal] of [
        ['hangs', undefined],
        ['is lost', 'SIGKILL'],
      ] as const)
        it(`where the program ${what} nothing stays under a hidden name`, async (t) => {
          const { rig, byProgram } = rigWith(() => undefined);
          await using _ = rig;
          const disk = new Disk({ lookProgram: programs.swarmlook });
          t.after(() => disk.close());
          const others = childrenOf(programs.swarmlook);
          await disk.start();
          const [pid = 0] = childrenOf(programs.swarmlook).filter((one) => !others.includes(one));
          process.kill(pid, 'SIGSTOP');
          const hidden = `${byProgram}/d/${prefix}1`;
          // As it leaves it if it gets no further than that.
          writeFileSync(hidden, 'a part');
          const putting = disk.putWritten(workIn(byProgram), signal === undefined ? 300 : timeoutMs);
          if (signal === undefined) {
            await assert.rejects(putting, { code: 'HUNG' });
            await until(() => !existsSync(hidden), 5_000, 'it is removed');
            assert.ok(!existsSync(`${byProgram}/d/f.o`));
          } else {
            process.kill(pid, signal);
            assert.deepEqual((await putting).result, { committed: true });
            assert.deepEqual(readdirSync(`${byProgram}/d`), ['f.o']);
          }
        });

      it('what is more than files in directories that are there is not even asked for', () => {
        const work = workIn('/area');
        const { commit, steps } = work;
        assert.ok(commit !== undefined && packPut(work) !== undefined);
        const [step] = steps;
        const [entry] = commit.entries;
        const [directory] = commit.directories;
        assert.ok(step?.kind === 'file' && entry !== undefined && directory !== undefined);
        const with_ = (more: Partial<typeof commit>): WrittenWork => ({
          ...work,
          commit: { ...commit, ...more },
        });
        for (const [what, other] of Object.entries({
          'no commit': { ...work, commit: undefined },
          'a part of a file': { ...work, steps: [{ ...step, end: undefined }] },
          'the rest of a file': { ...work, steps: [{ ...step, begins: false }] },
          'a link': { ...work, steps: [{ ...step, kind: 'link', target: 'x', time: entry.time }] },
          'something staged': { ...work, staged: [{ record: 2, directory: '/area', name: 'x' }] },
          'times noted before': { ...work, timesBefore: new Map([['/area', 1n]]) },
          'a directory that is new': with_({ directories: [{ ...directory, inPlace: false }] }),
          'a directory whose time is not noted': { ...work, note: [] },
          'a removal': with_({ removals: [{ ...entry, path: '/area/gone', kind: 'removed' }] }),
          'an emptied directory': with_({ emptied: new Set(['/area/d']) }),
          'a path that leads elsewhere': with_({ elsewhere: new Set([entry.path]) }),
          'another name of a file': with_({ entries: [entry, { ...entry, record: 2, isOther: true }] }),
          'a file outside the areas': { ...work, areas: ['/another'] },
          'a directory that is not in the journal': { ...work, names: { ...work.names, journal: '/j' } },
        } satisfies Record<string, WrittenWork>))
          assert.equal(packPut(other), undefined, what);
      });

      it('does nothing where a directory that changed is gone, and tells an error behind what has appeared', async () => {
        const { rig, byProgram } = rigWith((area) => mkdirSync(`${area}/closed`, { mode: 0o700 }));
        await using _ = rig;
        const work = workIn(byProgram);
        const [directory] = work.commit?.directories ?? [];
        assert.ok(work.commit !== undefined && directory !== undefined);
        const gone = { ...directory, path: `${byProgram}/closed` };
        const both = { ...work, note: [...work.note, gone.path] };
        const order = { ...work.commit, directories: [directory, gone] };
        rmSync(gone.path, { recursive: true });
        assert.equal(await put({ ...both, commit: order }), undefined);
        assert.deepEqual(readdirSync(`${byProgram}/d`), []);
        const failed = Buffer.from([0, 28, 0, 0, 0, ...Buffer.from('/area/f\0')]);
        assert.deepEqual(parsePut(failed)?.failure, {
          path: '/area/f',
          why: 'ENOSPC: no space left on device',
        });
        assert.equal(parsePut(failed)?.result, undefined);
      });
    });

    describe('outputs on a shared tree', () => {
      const requestOf = async (
        disk: Disk,
        directory: string,
        outputs: readonly (readonly [name: string, role: OutputRole])[],
      ): Promise<CommitRequest> => {
        const renamings = outputs.map(([name, role]) => ({
          hidden: `${directory}/${prefix}${name}`,
          path: `${directory}/${name}`,
          role,
        }));
        for (const { hidden } of renamings) writeFileSync(hidden, `new ${hidden.slice(-4)}`);
        const paths = renamings.map(({ hidden }) => hidden);
        const facts = await readFacts(disk, paths);
        writeFileSync(`${directory}/${prefix}unwanted`, '');
        return {
          outputs: renamings,
          expected: { paths, facts, fields: factFields },
          unwanted: [`${directory}/${prefix}unwanted`, `${directory}/${prefix}never-made`],
        };
      };
      const commit = (request: CommitRequest) => asked(packCommit(request), parseCommit);

      it('get their names where nothing is there, or a plain file of ours', async () => {
        await using rig = shareRig();
        writeFileSync(`${rig.directory}/a.o`, 'old');
        writeFileSync(`${rig.directory}/a.d`, 'old', { mode: 0o644 });
        const request = await requestOf(rig.disk, rig.directory, [
          ['a.o', 'object'],
          ['a.d', 'dependencies'],
          ['b.o', 'object'],
        ]);
        assert.deepEqual(await commit(request), { renamed: 3, isDone: true });
        assert.deepEqual(readdirSync(rig.directory).toSorted(), ['a.d', 'a.o', 'b.o']);
        assert.equal(readFileSync(`${rig.directory}/a.o`, 'utf8'), 'new -a.o');
      });

      it('none does where one is not seen as it was reported', async () => {
        for (const field of factFields) {
          await using rig = shareRig();
          const request = await requestOf(rig.disk, rig.directory, [
            ['a.o', 'object'],
            ['b.o', 'object'],
          ]);
          const { expected } = request;
          const [first, second] = expected.facts;
          assert.ok(first !== undefined && second !== undefined);
          const other = {
            ...second,
            ...(field === 'inode' && { inode: `${second.inode}1` }),
            ...(field === 'size' && { sizeBytes: 1 }),
            ...(field === 'mtime' && { mtimeNs: '1' }),
            ...(field === 'ctime' && { ctimeNs: '1' }),
          };
          const unseen = { ...request, expected: { ...expected, facts: [first, other] } };
          assert.deepEqual(await commit(unseen), { renamed: 0, isDone: false }, field);
          const fields = factFields.filter((each) => each !== field);
          const blind = { ...unseen, expected: { ...unseen.expected, fields } };
          assert.deepEqual(await commit(blind), { renamed: 2, isDone: true }, field);
        }
      });

      for (const [what, prepare, role] of [
        ['a link', (path) => symlinkSync('nowhere', path), 'object'],
        ['an empty file', (path) => writeFileSync(path, ''), 'object'],
        ['a file that may not be written', (path) => writeFileSync(path, 'x', { mode: 0o444 }), 'object'],
        ['a directory', (path) => mkdirSync(path), 'object'],
        ['an archive', (path) => writeFileSync(path, 'x'), 'archive'],
        [
          'a dependency file with another name',
          (path) => {
            writeFileSync(path, 'x');
            linkSync(path, `${path}.other`);
          },
          'dependencies',
        ],
        [
          'a dependency file with other permissions',
          (path) => {
            writeFileSync(path, 'x');
            chmodSync(path, 0o600);
          },
          'dependencies',
        ],
      ] as const satisfies [string, (path: string) => void, OutputRole][])
        it(`stop before ${what}, and a thread goes on from there`, async () => {
          await using rig = shareRig();
          const path = `${rig.directory}/b`;
          const request = await requestOf(rig.disk, rig.directory, [
            ['a.o', 'object'],
            ['b', role],
          ]);
          prepare(path);
          const was = lstatSync(path).ino;
          assert.deepEqual(await commit(request), { renamed: 1, isDone: false });
          assert.equal(lstatSync(path).ino, was);
          assert.ok(readdirSync(rig.directory).includes(`${prefix}unwanted`));
          const both = await requestOf(rig.disk, rig.directory, [
            ['a.o', 'object'],
            ['b', role],
          ]);
          const ofThread = await rig.disk.renameIfSeen(both);
          const again = await requestOf(rig.disk, rig.directory, [
            ['a.o', 'object'],
            ['b', role],
          ]);
          const disk = new Disk({ lookProgram: programs.swarmlook });
          assert.deepEqual(await disk.renameIfSeen(again), ofThread);
          await disk.close();
        });
    });

    it('an output takes no place of what another user owns', async (t) => {
      await using rig = shareRig();
      const [path, hidden] = [`${rig.directory}/a.o`, `${rig.directory}/${prefix}a.o`];
      writeFileSync(path, 'of another');
      writeFileSync(hidden, 'new');
      if (!isOfAnother(path)) return t.diagnostic('no file can have another owner here');
      const expected = { paths: [hidden], facts: await readFacts(rig.disk, [hidden]), fields: factFields };
      const outputs = [{ hidden, path, role: 'object' as const }];
      const answer = await asked(packCommit({ outputs, expected, unwanted: [] }), parseCommit);
      assert.deepEqual(answer, { renamed: 0, isDone: false });
      assert.equal(readFileSync(path, 'utf8'), 'of another');
    });

    it('what stands in the way of a command is told as by a thread, whatever is there', async () => {
      await using rig = shareRig();
      const looking = new Disk({ lookProgram: programs.swarmlook });
      const kinds = [
        'none',
        'file',
        'empty',
        'read-only',
        'directory',
        'link',
        'dangling',
        'linked',
        'strange',
      ] as const;
      const roles: readonly OutputRole[] = [
        'object',
        'assembly',
        'dependencies',
        'executable',
        'archive',
        'other',
      ];
      let count = 0;
      const make = (path: string, kind: (typeof kinds)[number]): void => {
        if (kind === 'directory') mkdirSync(path);
        else if (kind === 'link') {
          writeFileSync(`${path}.behind`, 'x');
          symlinkSync(`${path}.behind`, path);
        } else if (kind === 'dangling') symlinkSync('nowhere', path);
        else if (kind === 'strange') symlinkSync('/dev/null', path);
        else if (kind !== 'none') {
          writeFileSync(path, kind === 'empty' ? '' : 'x', { mode: kind === 'read-only' ? 0o444 : 0o644 });
          if (kind === 'linked') linkSync(path, `${path}.other`);
        }
      };
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.constantFrom(...kinds), fc.constantFrom(...roles)), {
            minLength: 1,
            maxLength: 4,
          }),
          fc.boolean(),
          fc.boolean(),
          fc.constantFrom(0o22, 0o77, undefined),
          async (files, isSame, mayShare, umask) => {
            count += 1;
            const directory = `${rig.directory}/${count}`;
            mkdirSync(directory);
            const paths = files.map((_, at) => `${directory}/f${at}`);
            for (const [at, [kind]] of files.entries()) make(paths[at] ?? '', kind);
            const request: FilesOfCommand = {
              named: {
                inputs: isSame ? paths : [`${directory}/none`, ...paths.slice(1)],
                outputs: paths.slice(0, 2),
                mayShare,
              },
              outputs: [...paths, `${directory}/no/such`].map((path, at) => ({
                path,
                role: files[at]?.[1] ?? 'object',
                ...(umask === undefined ? {} : { umask }),
              })),
            };
            assert.deepEqual(await looking.obstacles(request), await rig.disk.obstacles(request));
          },
        ),
        { numRuns: 150 },
      );
      await looking.close();
    });

    it('where no link is on any way a worker sees at once what a thread sees', async () => {
      await using rig = shareRig();
      const root = rig.directory;
      mkdirSync(`${root}/d/deep`, { recursive: true });
      writeFileSync(`${root}/d/f`, 'x');
      symlinkSync('d', `${root}/link`);
      symlinkSync('f', `${root}/d/link`);
      const request: SightRequest = {
        root,
        paths: [`${root}/d`, `${root}/d/f`, `${root}/none/g`],
        refresh: [root, `${root}/d`, `${root}/none`, `${root}/d/f`],
        files: [`${root}/d/f`, `${root}/none/g`],
        written: [`${root}/d/deep`, `${root}/d/new/file.o`],
      };
      const see = (more: Partial<SightRequest>) => {
        const changed = { ...request, ...more };
        return asked(packSight(changed), (answer) => parseSight(answer, changed));
      };
      assert.deepEqual(await see({}), await rig.disk.run('firstSight', request));
      assert.equal(await see({ paths: [], files: [`${root}/d/link`] }), undefined);
      for (const more of [
        { paths: [`${root}/link/f`] },
        { paths: [`${root}/d/link`] },
        { written: [`${root}/link/new.o`] },
      ])
        await assert.rejects(see(more), (error) => error instanceof DiskError && error.code === 'ELOOP');
      for (const more of [
        { paths: [`${root}/d/../d`] },
        { paths: ['/elsewhere'] },
        { written: [`${root}/d/`] },
        { written: ['/tmp/x'] },
      ])
        assert.equal(packSight({ ...request, ...more }), undefined);
      // All of these as a thread has them.
      const looking = new Disk({ lookProgram: programs.swarmlook });
      for (const more of [
        {},
        { paths: [`${root}/link/f`] },
        { written: ['/tmp/x'] },
        { files: [`${root}/d/link`] },
      ])
        assert.deepEqual(
          await looking.firstSight({ ...request, ...more }),
          await rig.disk.run('firstSight', { ...request, ...more }),
        );
      await looking.close();
    });
  });
