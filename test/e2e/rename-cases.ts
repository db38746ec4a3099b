/** The command lines that rename-bytes.ts puts to the real compilers. */

export interface RenamedCase {
  readonly words: readonly string[];
  /** The compilers that understand it; all if not set. */
  readonly only?: readonly string[];
}
interface InPlaceCase extends RenamedCase {
  readonly because: string;
  /** `more`: it writes files besides those that are foretold. */
  readonly written?: 'more';
}

const gccs = ['gcc', 'g++'];
const clangs = ['clang', 'clang++'];
const plus = ['g++', 'clang++'];
const plainC = ['gcc', 'clang'];
const split = (line: string) => line.split(' ').filter((word) => word !== '');
const c = '-c src/unit.c -o out/unit.o';
const cc = '-c src/unit.cc -o out/unit.o';

/** Written under hidden names, and every byte the same. */
export const renamedCases: readonly RenamedCase[] = [
  // plain, and what is said about the code
  ...[
    '',
    '-g',
    '-g3',
    '-ggdb3 -O1',
    '-gdwarf-4 -O2',
    '-gdwarf-5 -O2',
    '-gz -g',
    '-O2',
    '-O3 -march=x86-64-v2 -mtune=generic',
    '-Os -fno-plt -fvisibility=hidden',
    '-O2 -ffunction-sections -fdata-sections -fPIC',
    '-pipe -O2 -Wall -Wextra -Wno-unused-parameter -Werror=return-type',
    '-fstack-protector-strong -D_FORTIFY_SOURCE=2 -O2 -fstack-clash-protection -fcf-protection',
    '-fsanitize=address,undefined -fno-omit-frame-pointer -g',
    '-fsanitize=thread -g',
    '-pg -p',
    '-pthread -fopenmp',
    '-fdebug-prefix-map=src=/x -ffile-prefix-map=inc=/y -g',
    '-fcommon -fno-common -fno-strict-aliasing -fwrapv',
    '-finstrument-functions',
    '-fpatchable-function-entry=2',
    '-flto -ffat-lto-objects -frandom-seed=7',
    '-idirafter inc -iquote inc -isystem inc',
    '-include inc/own.h',
    '-Wa,--noexecstack -fverbose-asm',
    '-fdiagnostics-color=always -Wall',
    '-B/usr/bin',
    '-DNAME="quoted" -UNAME',
    '-fPIE -fno-ident -fno-asynchronous-unwind-tables',
    '@flags.rsp',
    '-x none',
    '-frandom-seed=out/unit.o',
  ].flatMap((options) => [
    { words: split(`${options} ${c}`), only: plainC },
    { words: split(`${options} ${cc}`), only: plus },
  ]),
  ...['-std=c11', '-std=gnu17 -O2', '-x c'].map((options) => ({
    words: split(`${options} ${c}`),
    only: plainC,
  })),
  ...['-std=c++17', '-std=c++20 -fno-exceptions -fno-rtti', '-O2 -fno-threadsafe-statics'].map((options) => ({
    words: split(`${options} ${cc}`),
    only: plus,
  })),
  { words: split('-x c++ -c src/noext -o out/unit.o'), only: plus },
  // of gcc only
  ...[
    '-frecord-gcc-switches',
    '-grecord-gcc-switches -g',
    '-fanalyzer -fno-profile-arcs -fdiagnostics-format=json -Wall',
    '-flto -frandom-seed=1',
    '-flto=auto -g -O2 -frandom-seed=1',
    '-gstabs',
    '-dA -dp',
    '-fverbose-asm',
    '--param max-inline-insns-single=50 -O2',
    '--param=max-inline-insns-single=50 -O2',
    '-ftree-vectorize -fopt-info',
    '-gbtf',
    '-mno-red-zone -mcmodel=kernel -fno-pie',
  ].flatMap((options) => {
    const renamed = options.includes('-fopt-info') ? options.replace(' -fopt-info', '') : options;
    return [
      { words: split(`${renamed} ${c}`), only: ['gcc'] },
      { words: split(`${renamed} ${cc}`), only: ['g++'] },
    ];
  }),
  // of clang only
  ...[
    '-flto',
    '-flto=thin -O2',
    '-emit-llvm',
    '-gline-tables-only',
    '-g -fstandalone-debug',
    '-fno-integrated-as',
    '-Qunused-arguments',
    '--target=x86_64-linux-gnu',
    '-target x86_64-linux-gnu',
    '-fcolor-diagnostics',
    '-fsanitize-ignorelist=list.txt -fsanitize=address',
    '-funique-internal-linkage-names',
    '-fdebug-compilation-dir /x -g',
  ].flatMap((options) => [
    { words: split(`${options} ${c}`), only: ['clang'] },
    { words: split(`${options} ${cc}`), only: ['clang++'] },
  ]),
  // names of outputs, and forms of -o
  ...[
    '-c src/unit.c',
    '-c unit.c',
    '-c .dot.c',
    '-c src/a.b.c',
    '-oout/unit.o -c src/unit.c',
    '--output=out/unit.o -c src/unit.c',
    '--output out/unit.o -c src/unit.c',
    '-c -o ./out/../out/unit.o src/unit.c',
    '-c -o out/.unit.o src/unit.c',
    '-c -o out/noext src/unit.c',
    '-c -o out.d/noext src/unit.c',
    '-c -o out/unit.tar.gz src/unit.c',
    '-S src/unit.c',
    '-S src/unit.c -o out/unit.s',
    '-S -O2 -g src/unit.c -o out/unit.asm',
    '-c src/pre.i -o out/pre.o',
    '-c src/asm.s -o out/asm.o',
    '-c src/asm.S -o out/asm.o',
    '-g -c src/asm.s -o out/asm.o',
    '-g -c src/asm.S -o out/asm.o',
    '-c -- src/unit.c',
  ]
    .filter((line) => !line.includes(' -- '))
    .map((line) => ({ words: split(line) })),
  { words: split('-c -o out/unit.o -- src/unit.c'), only: clangs },
  { words: split('-emit-llvm -c src/unit.c'), only: clangs },
  { words: split('-emit-llvm -S src/unit.c'), only: clangs },
  { words: split('-emit-llvm -S src/unit.c -o out/unit.ll -MD'), only: clangs },
  { words: ['-c', 'a b/u $x#y.c', '-o', 'a b/u $x#y.o'] },
  { words: ['-c', 'a b/u $x#y.c'] },
  // dependency files
  ...[
    '-MD',
    '-MMD',
    '-MD -MP',
    '-MMD -MP -MF out/deps.d',
    '-MD -MFout/deps.d',
    '-MD -MF out/deps',
    '-MD -MT target',
    '-MD -MT one -MT two',
    '-MD -MQ $(obj)/x',
    '-MD -MF out/x.d -MT out/unit.o',
    '-MMD -MF out.d/x.d -MQ other',
    '-MD -MF /dev/null',
    '-MD -MMD',
    '-MMD -MD',
    '-MD -g -O2',
    '-MD -g3 -MF out/x.d',
  ].flatMap((options) => [
    { words: split(`${options} ${c}`), only: plainC },
    { words: split(`${options} ${cc}`), only: plus },
    { words: split(`${options} -c src/unit.c`), only: plainC },
    { words: split(`${options} -S src/unit.c`), only: plainC },
  ]),
  { words: split('-MD -S src/unit.c -o out/unit.s') },
  { words: split(`-Wp,-MD,out/x.d,-MT,target ${c}`), only: gccs },
  { words: split('-Wp,-MD,out/x.d,-MP -c src/unit.c'), only: gccs },
  ...['-MD', '-MMD -MP', '-MD -MF out/x.d'].flatMap((options) => [
    { words: [...split(options), '-c', 'a b/u $x#y.c', '-o', 'a b/u $x#y.o'] },
    { words: [...split(options), '-c', 'a b/u $x#y.c'] },
    { words: [...split(options), '-c', 'src/unit.c', '-o', 'a b/back\\slash & $.o'] },
    { words: [...split(options), '-c', 'src/unit.c', '-o', 'out/col:on%.o'] },
    { words: split(`${options} -c src/a.b.c`) },
    { words: split(`${options} -c .dot.c`) },
    { words: split(`${options} -c src/unit.c -o out/.hid`) },
    { words: split(`${options} -c src/unit.c -o out.d/noext`) },
    { words: split(`${options} -c src/asm.S -o out/asm.o`) },
    { words: split(`${options} -x c -c src/unit.c -o ./out/unit.o`), only: plainC },
  ]),
  { words: ['-MD', '-MF', 'a b/x y.d', '-c', 'src/unit.c', '-o', 'a b/x y.o'] },
  ...[
    '-Wp,-MD,out/.unit.o.d',
    '-Wp,-MMD,out/.unit.o.d',
    '-Wp,-MMD,out/.unit.o.d -Wp,-DX=1',

    '-Wp,-MD,out/x.d -MT target',
  ].flatMap((options) => [
    { words: split(`${options} ${c}`), only: plainC },
    { words: split(`${options} -c src/unit.c`) },
  ]),
];

/** Written in place, with the reason; what they write is foretold all the same. */
export const writtenInPlaceCases: readonly InPlaceCase[] = [
  { words: split(`--coverage ${c}`), because: '--coverage' },
  { words: split('--coverage -c src/unit.c'), because: '--coverage' },
  { words: split('--coverage with-main.c -o out/prog'), because: '--coverage' },
  { words: split('--coverage with-main.c'), because: '--coverage' },
  { words: split(`-ftest-coverage ${c}`), because: '-ftest-coverage' },
  { words: split(`-fprofile-arcs ${c}`), because: '-fprofile-arcs' },
  { words: split(`-fprofile-generate ${c}`), because: '-fprofile-generate' },
  { words: split(`-fprofile-arcs -ftest-coverage ${c}`), because: '-fprofile-arcs' },
  { words: split(`-g -gsplit-dwarf ${c}`), because: '-gsplit-dwarf' },
  { words: split('-g -gsplit-dwarf -c src/unit.c'), because: '-gsplit-dwarf' },
  { words: split('-g -gsplit-dwarf with-main.c -o out/prog'), because: '-gsplit-dwarf' },
  { words: split(`-save-temps ${c}`), because: '-save-temps' },
  { words: split(`-save-temps=obj ${c}`), because: '-save-temps=obj' },
  { words: split(`-save-temps=cwd ${c}`), because: '-save-temps=cwd' },
  { words: split('-save-temps with-main.c -o out/prog'), because: '-save-temps' },
  { words: split(`-fstack-usage ${c}`), because: '-fstack-usage' },
  { words: split(`-fcallgraph-info ${c}`), because: '-fcallgraph-info', only: gccs },
  { words: split(`-fsave-optimization-record ${c}`), because: '-fsave-optimization-record', written: 'more' },
  { words: split(`-fdump-tree-original ${c}`), because: '-fdump-tree-original', only: gccs, written: 'more' },
  { words: split(`-da ${c}`), because: '-da', only: gccs, written: 'more' },
  { words: split(`-O2 -fopt-info-all=out/opt ${c}`), because: '-fopt-info-all=out/opt', only: gccs },
  { words: split(`-aux-info out/aux ${c}`), because: '-aux-info out/aux', only: ['gcc'] },
  { words: split(`-ftime-trace ${c}`), because: '-ftime-trace', only: clangs },
  { words: split(`-MJ out/db.json ${c}`), because: '-MJ out/db.json', only: clangs },
  {
    words: split(`-serialize-diagnostics out/x.dia ${c}`),
    because: '-serialize-diagnostics out/x.dia',
    only: clangs,
  },
  { words: split(`-frecord-command-line ${c}`), because: '-frecord-command-line', only: clangs },
  { words: split(`-grecord-command-line -g ${c}`), because: '-grecord-command-line', only: clangs },
  { words: split(`-frecord-gcc-switches ${c}`), because: '-frecord-gcc-switches', only: clangs },
  {
    words: split(`-grecord-gcc-switches -g ${c}`),
    because: '-grecord-gcc-switches',
    only: clangs,
  },
  { words: split(`-v ${c}`), because: '-v' },
  { words: split('src/head.h'), because: 'a precompiled header' },
  { words: split('src/head.h -o out/head.gch'), because: 'a precompiled header' },
  { words: split('-c unit.c other.c'), because: 'several sources' },
  { words: split('-c unit.c other.c -MD'), because: 'several sources' },
  { words: split('with-main.c other.c'), because: 'it links' },
  { words: split('with-main.c other.c -o out/prog'), because: 'it links' },
  { words: split('with-main.c -o out/prog -MD'), because: 'it links' },
  { words: split('with-main.c -MD'), because: 'it links' },
  { words: split('with-main.c other.c -o out/prog -MD -MF out/x.d'), because: 'it links' },
  { words: split('with-main.c -o out/prog -Wl,-Map=out/map'), because: 'it links' },
  { words: split('with-main.c -o out/prog -Wl,-Map,out/map'), because: 'it links' },
  { words: split('-shared -fPIC unit.c -o out/lib.so'), because: 'it links' },
  { words: split('-r -nostdlib unit.c other.c -o out/both.o'), because: 'it links' },
  { words: split('-fsyntax-only unit.c'), because: '-fsyntax-only' },
  { words: split('-fsyntax-only -MD -o out/unit.o unit.c'), because: '-fsyntax-only' },
  { words: split('-c unit.c -o /dev/null'), because: 'it runs inline' },
  { words: split('-S unit.c -o -'), because: '-o -' },
];
