import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readTrace, type TraceContext, type Traced } from '../../../../src/core/view/trace.ts';
import { TraceNames } from '../../../../src/core/view/trace-names.ts';

const plain: TraceContext = {
  cwd: '/s/build',
  root: '/s',
  outputs: [],
  passedOver: ['/run/trace'],
  ownDirectories: { ccache: ['/home/u/.cache/ccache'] },
  timeZone: undefined,
  searchPath: '/usr/bin:/bin',
};
const begun = 'h0/usr/bin/cc1';

/** Records as `r0PATH`: a letter, a digit that stands for an errno, a path. */
function read(records: readonly string[], context: Partial<TraceContext> = {}): Traced {
  const text = [begun, ...records].map(
    (record) =>
      `${record[0]}${String.fromCharCode(Number(record.slice(1).match(/^\d+/)?.[0]))}${record.replace(/^.\d+/, '')}\0`,
  );
  return readTrace(text.join(''), { ...plain, ...context });
}

const outside = ({ outside }: Traced): string[] =>
  outside.map(({ look, path }) => `${look} ${path}`).filter((name) => name !== 'content /usr/bin/cc1');

test('names of the share: files that were looked at, and directories in which names were looked up', () => {
  const found = read(['r0../src/a.c', 's2../src/d/x.h', 'r0/s/inc/x.h', 's0/s/inc', 'd0/s/lib', 'l20/s/f/g']);
  assert.deepEqual([...found.files.keys()], ['/s/build/../src/a.c', '/s/inc/x.h', '/s/inc']);
  assert.deepEqual(found.searched, [
    '/s/build/../src',
    '/s/build/../src/d',
    '/s/inc',
    '/s',
    '/s/lib',
    '/s/f',
  ]);
  assert.equal(found.gap, undefined);
});

test('what is too long for a name is so on every machine, and nothing is looked at for it', () => {
  const found = read([`s36/s/${'x'.repeat(300)}/a.h`, `r36/usr/${'x'.repeat(300)}`, 'r2/s/inc/a.h']);
  assert.deepEqual([...found.files.keys(), ...found.searched, ...outside(found)], ['/s/inc']);
  assert.equal(found.gap, undefined);
});

test('what is too long for one file system alone is looked at', () => {
  const name = `/usr/${'x'.repeat(200)}`;
  assert.deepEqual(outside(read([`r36${name}`])), [`content ${name}`]);
});

/** Of a file that was opened, with what it was. */
const opened = (name: string, fact: string): string => `R\0${name}\0${fact}`;
const first = `f${'1'.repeat(32)}`;
const second = `f${'2'.repeat(32)}`;
const readAll = (...records: readonly string[]): Traced =>
  readTrace(`h\0/usr/bin/cc1\0${records.join('')}`, plain);

test('a file that was opened is what it was when it was opened first', () => {
  const looked = 's\0/s/a.h\0';
  const files = (...records: readonly string[]) => [...readAll(...records).files];
  assert.deepEqual(files(opened('/s/a.h', first), opened('/s/a.h', second)), [['/s/a.h', first]]);
  assert.deepEqual(files(looked, opened('/s/a.h', first)), [['/s/a.h', first]]);
  assert.deepEqual(files(opened('/s/a.h', first), looked), [['/s/a.h', first]]);
  assert.deepEqual(files(looked), [['/s/a.h', undefined]]);
  assert.deepEqual(files(opened('x.h', '\0'.repeat(33)), looked), [
    ['/s/build/x.h', undefined],
    ['/s/a.h', undefined],
  ]);
  const { outside, gap } = readAll(opened('/usr/include/a.h', first), 'r\0/usr/include/b.h\0');
  assert.deepEqual(
    [outside.map(({ path }) => path).slice(1), gap],
    [['/usr/include/a.h', '/usr/include/b.h'], undefined],
  );
  assert.equal(
    readAll(opened('/s/a.h', first).slice(0, -1)).gap,
    'a program was ended while it wrote its trace',
  );
});

test('names mean the same whatever was read before, of whatever directory', () => {
  const names = new TraceNames('/s');
  const read = (cwd: string, name: string): Traced =>
    readTrace(`h\0/usr/bin/cc1\0r\0${name}\0`, { ...plain, cwd }, names);
  for (let round = 0; round < 2; round += 1) {
    assert.deepEqual([...read('/s/a', 'x.h').files.keys()], ['/s/a/x.h']);
    assert.deepEqual([...read('/s/b', 'x.h').files.keys()], ['/s/b/x.h']);
    assert.deepEqual([...read('/s/b', '/s/a/../y.h').files.keys()], ['/s/a/../y.h']);
    assert.deepEqual(read('/s/a', '/s').searched, []);
    for (let n = 0; n < 20; n += 1) read(`/s/${n}`, `${n}.h`);
    for (let n = 0; n < 20_000; n += 1) names.of('/s/a', `${n}.h`);
  }
});

test('a trace means the same beside all that were read before it, whatever followed what in those', () => {
  const deed = fc.constantFrom('s0', 's2', 'r0', 'd0', 'p0', 'w0', 'u0', 'm0', 'h0', 'l0');
  const name = fc.constantFrom(
    'a',
    'ab',
    'a/b',
    '../a',
    '/s/a',
    '/s/ab',
    '/s/build/a',
    '/usr/a',
    '/usr/ab',
    '/a',
    '',
  );
  const job = fc.record({
    cwd: fc.constantFrom('/s/build', '/s/a', ...Array.from({ length: 6 }, (_, n) => `/s/${n}`)),
    records: fc.array(fc.tuple(deed, name), { maxLength: 12 }),
    forgets: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(job, { maxLength: 12 }), (jobs) => {
      const names = new TraceNames('/s');
      for (const { cwd, records, forgets } of jobs) {
        const text = records.map(
          ([[letter, error], path]) => `${letter}${String.fromCharCode(Number(error))}${path}\0`,
        );
        const context = { ...plain, cwd };
        const beside = readTrace(text.join(''), context, names);
        assert.deepEqual(beside, readTrace(text.join(''), context));
        const told = beside.outside.map(({ look, path }) => `${look} ${path}`);
        assert.equal(new Set(told).size, told.length, 'none is told twice');
        // The same objects next time, however they were come by.
        const again = readTrace(text.toReversed().join(''), context, names).outside;
        for (const { look, path } of again.filter(({ path }) => path.startsWith('/usr/')))
          assert.ok(again.includes(names.of(cwd, path).lookedAt(look)));
        if (forgets) for (let n = 0; n < 8200; n += 1) names.of(cwd, `/usr/${n}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('names outside are told with what two machines must agree in', () => {
  const found = read([
    'r0/usr/include/a.h',
    's2/usr/local/include/a.h',
    'l0/usr/bin/cc',
    'd0/usr/lib/gcc',
    'p0/usr/bin/cc',
    'r0/usr/include/a.h',
    'r0/run/trace/swarmtrace.so',
  ]);
  assert.deepEqual(outside(found), [
    'content /usr/include/a.h',
    'content /usr/local/include/a.h',
    'link /usr/bin/cc',
    'names /usr/lib/gcc',
    'place /usr/bin/cc',
  ]);
});

test('a path that leaves the share by name is outside, as it was named', () => {
  assert.deepEqual(outside(read(['r0/s/../usr/include/a.h'])), ['content /s/../usr/include/a.h']);
});

test('what a job makes itself is not what it depends on', () => {
  const found = read(['w0/tmp/cc1.s', 's0/tmp/cc1.s', 'r0/tmp/cc1.s', 'm0/tmp/cc1.s', 'w0a.i', 'r0a.i']);
  assert.deepEqual(outside(found), []);
  assert.deepEqual([...found.files.keys()], []);
  assert.deepEqual(found.made, ['/s/build/a.i']);
  assert.deepEqual(found.madeOutside, ['/tmp/cc1.s']);
  assert.equal(found.gap, undefined);
});

test('its outputs by plan are not searched for', () => {
  const found = read(['s2out/.b-a.o', 'l0out/.b-a.o', 'm2out/.b-a.o', 'w0out/.b-a.o', 's0out/.b-a.o'], {
    outputs: ['/s/build/out/.b-a.o'],
  });
  assert.deepEqual([[...found.files.keys()], found.searched, found.made, found.replaced], [[], [], [], []]);
});

test('what it read and then changed can only be known from before', () => {
  const context = { outputs: ['/s/build/l.a'] };
  assert.deepEqual(read(['r0l.a', 'w0stX', 'm0stX', 'm0l.a'], context).replaced, ['/s/build/l.a']);
  assert.deepEqual(read(['u0l.a'], context).replaced, ['/s/build/l.a']);
  const other = read(['r0/s/x', 'u0/s/x']);
  assert.deepEqual([other.replaced, [...other.files.keys()]], [['/s/x'], []]);
  assert.deepEqual(read(['w0l.a', 'r0l.a', 'u0l.a'], context).replaced, []);
});

test('a program that PATH leads to: its directories in the share were searched, whether they have it or not', () => {
  const found = read(['x0as', 'h0/usr/bin/as'], { searchPath: '/s/links:/usr/bin' });
  assert.deepEqual(found.searched, ['/s/links']);
  assert.deepEqual([...found.files.keys()], []);
  assert.equal(found.gap, undefined);
});

test('a program that is started leads to where its name leads, also by way of PATH', () => {
  const found = read(['x0/opt/bin/as', 'h0/opt/as-2', 'x0as', 'h0/usr/bin/as', 'x0no', 'x2no']);
  assert.equal(found.gap, undefined);
  assert.deepEqual(outside(found), [
    'place /opt/bin/as',
    'content /opt/as-2',
    'place /usr/bin/as',
    'place /bin/as',
    'content /usr/bin/as',
    'place /usr/bin/no',
    'place /bin/no',
  ]);
});

test('what ccache keeps is passed over, where ccache takes part', () => {
  const kept = ['m0/home/u/.cache/ccache/1', 'r0/home/u/.cache/ccache/2'];
  assert.deepEqual(outside(read(['h0/usr/bin/ccache', ...kept])), ['content /usr/bin/ccache']);
  assert.match(read(kept).gap ?? '', /it changed/);
});

test('the time zone is that of TZ, or of the machine', () => {
  assert.deepEqual(outside(read(['z0'])), ['content /etc/localtime']);
  assert.deepEqual(outside(read(['z0'], { timeZone: ':Europe/Rome' })), [
    'content /usr/share/zoneinfo/Europe/Rome',
  ]);
  assert.deepEqual(outside(read(['z0'], { timeZone: '/x/zone' })), ['content /x/zone']);
});

/** Records that leave a trace with a gap, and words of why. */
const gaps: readonly (readonly [RegExp, readonly string[]])[] = [
  [/a program that it started cannot be traced/, ['x0/bin/static']],
  [/a connection to another program/, ['o0a connection to another program']],
  [/it used \/dev\/stdin/, ['r0/dev/stdin']],
  [/it used \/proc\/version/, ['r0/proc/version']],
  [/it used \/sys\/kernel\/notes/, ['r0/sys/kernel/notes']],
  [/it used \/dev\/sda/, ['w0/dev/sda']],
  [/\/tmp\/cc1\.s: ENOSPC/, ['w28/tmp/cc1.s']],
  [/\/s\/build\/a\.h: EIO/, ['r5a.h']],
  [/it changed \/tmp\/theirs/, ['m0/tmp/theirs']],
];
for (const [why, records] of gaps)
  test(`a trace with ${records.join(', ')} proves nothing`, () => assert.match(read(records).gap ?? '', why));

test('nothing of weight is read from these', () => {
  const names = ['/dev/null', '/dev/urandom', '/proc/self/fd/3', '/proc/cpuinfo', '/proc/self/maps'];
  assert.equal(read(names.map((name) => `r0${name}`)).gap, undefined);
  assert.equal(read(['w0/dev/null', 's0/dev/stdin']).gap, undefined);
});

test('a program without any record, and a record without its end, prove nothing', () => {
  assert.match(readTrace('', plain).gap ?? '', /cannot be traced/);
  assert.match(readTrace(`${begun.replace('0', '\0')}\0r\0/s/a`, plain).gap ?? '', /was ended/);
  assert.match(readTrace(`${begun.replace('0', '\0')}\0\0\0\0\0`, plain).gap ?? '', /was ended/);
});
