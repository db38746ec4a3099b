/** Looks at many paths: by the compiled program, as it ships and with the sanitizers, and by threads; all see the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { absent } from '../../src/core/fact.ts';
import { Disk } from '../../src/share/disk.ts';
import { readFacts } from '../../src/share/facts.ts';
import { type LookRequest, parseRecord, recordBytes } from '../../src/share/look-answer.ts';
import { Looker } from '../../src/share/looker.ts';
import { fromBytes, fromText, toBytes } from '../../src/wire/bytes.ts';
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
  Array.from({ length: records.length / recordBytes }, (_, index) =>
    parseRecord(fromBytes(records.subarray(index * recordBytes, (index + 1) * recordBytes))),
  );

for (const build of Object.keys(builds) as BuildName[])
  test(`what the ${build} program sees is what threads see`, async () => {
    await using rig = shareRig();
    const path = (name: string): string => `${rig.directory}/${name}`;
    const odd = fromBytes(Buffer.from([0xff, 0x0a, 0x20, 0xe4]));
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

/** Programs of ours that look, of this process. */
function lookers(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const fields = readFileSync(`/proc/${pid}/stat`, 'latin1');
        return (
          fields.includes('(swarmlook) ') && fields.split(') ')[1]?.split(' ')[1] === String(process.pid)
        );
      } catch {
        return false; // it ended
      }
    });
}

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
