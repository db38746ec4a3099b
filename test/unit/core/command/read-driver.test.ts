import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Reading } from '../../../../src/core/command/contract.ts';
import { outputsOf, read } from './reading.ts';

describe('what a compiler command is', () => {
  const cases: readonly (readonly [line: string, kind: Reading['kind'], inline?: Reading['inline']])[] = [
    ['gcc -c a.c', 'compile'],
    ['gcc -S a.c', 'compile'],
    ['gcc -fsyntax-only a.c', 'compile'],
    ['gcc -c -fsyntax-only a.c', 'compile'],
    ['gcc a.h', 'compile'],
    ['gcc -x c-header a.c', 'compile'],
    ['g++ a.cc', 'link'],
    ['g++ a.o -o p', 'link'],
    ['g++ -shared a.o b.cc -o l.so', 'link'],
    ['g++ -lfoo', 'link'],
    ['gcc -E a.c', 'preprocess', 'preprocess'],
    ['gcc -E a.c -o a.i', 'preprocess', 'preprocess'],
    ['gcc -c -E a.c', 'preprocess', 'preprocess'],
    ['gcc -E -', 'preprocess', 'preprocess'],
    ['gcc -M a.c', 'preprocess', 'preprocess'],
    ['gcc -MM -MF a.d a.c', 'preprocess', 'preprocess'],
    ['cpp a.c', 'preprocess', 'preprocess'],
    ['gcc -c -x c -', 'compile', 'stdin-input'],
    ['gcc -x c - -o p', 'link', 'stdin-input'],
    ['gcc -c /dev/stdin -o a.o', 'compile', 'stdin-input'],
    ['gcc', 'query', 'query'],
    ['gcc -v', 'query', 'query'],
    ['gcc -Wall -O2', 'query', 'query'],
    ['gcc --version', 'query', 'query'],
    ['gcc -dumpversion', 'query', 'query'],
    ['gcc -dumpfullversion -dumpversion', 'query', 'query'],
    ['gcc -dumpmachine', 'query', 'query'],
    ['gcc -dumpspecs', 'query', 'query'],
    ['gcc -print-prog-name=ld', 'query', 'query'],
    ['gcc -print-file-name=crt1.o', 'query', 'query'],
    ['gcc --print-multi-lib', 'query', 'query'],
    ['clang -print-resource-dir', 'query', 'query'],
    ['gcc --help=optimizers', 'query', 'query'],
    ['gcc -Q --help=target', 'query', 'query'],
    ['gcc -### -c a.c', 'query', 'query'],
    ['gcc -Wl,--version', 'query', 'query'],
    ['ccache gcc --version', 'query', 'query'],
    ['gcc -c conftest.c', 'probe', 'probe'],
    ['gcc -o conftest conftest.c', 'probe', 'probe'],
    ['g++ -o cmTC_12ab -c x.cc', 'probe', 'probe'],
    ['g++ -c src/confused.cc', 'compile'],
    ['gcc -c ../testCCompiler.c', 'probe', 'probe'],
    ['clang -cc1 -emit-obj a.c', 'other'],
  ];
  for (const [line, kind, inline] of cases) {
    it(`takes ${line} for ${kind}${inline === undefined ? '' : `, inline: ${inline}`}`, () => {
      const reading = read(line);
      assert.equal(reading.inline, inline);
      assert.equal(reading.kind, kind);
    });
  }
});

describe('what a compiler command reads', () => {
  const cases: readonly (readonly [line: string, inputs: string])[] = [
    ['gcc -c a.c', 'a.c'],
    ['gcc -c a.c b.cc ../c.cpp', 'a.c b.cc ../c.cpp'],
    ['gcc a.c b.o libx.a /usr/lib/y.so z', 'a.c b.o libx.a /usr/lib/y.so z'],
    ['gcc -c -x c /dev/null', ''],
    ['gcc -c -x c++ noext', 'noext'],
    ['gcc -x c a.o -x none b.o', 'a.o b.o'],
    ['gcc -c a.c -include c.h', 'a.c c.h c.h.gch c.h.pch'],
    ['gcc -c a.c -imacrosm.h', 'a.c m.h m.h.gch m.h.pch'],
    ['clang -c a.c -include-pch c.pch', 'a.c c.pch'],
    ['gcc -c a.c -specs=s', 'a.c s'],
    ['gcc -c a.c -fplugin=./p.so', 'a.c ./p.so'],
    ['gcc -c a.c -fprofile-use=p.gcda', 'a.c p.gcda'],
    ['clang -c a.c -fsanitize-ignorelist=i', 'a.c i'],
    ['clang -c a.c -fmodule-map-file=m', 'a.c m'],
    ['gcc a.o -T x.ld -o p', 'a.o x.ld'],
    ['gcc a.o -Tx.ld', 'a.o x.ld'],
    ['gcc a.o -Wl,-T,x.ld', 'a.o x.ld'],
    ['gcc a.o -Wl,--version-script=v.map', 'a.o v.map'],
    ['gcc a.o -Wl,--version-script,v.map', 'a.o v.map'],
    ['gcc a.o -Xlinker --dynamic-list -Xlinker d', 'a.o d'],
    ['gcc a.o -Wl,--whole-archive l.a -Wl,--no-whole-archive', 'a.o l.a'],
    ['gcc a.o -Wl,--start-group x.a y.a -Wl,--end-group', 'a.o x.a y.a'],
    ['gcc a.o -Wl,x.a,y.a', 'a.o x.a y.a'],
    ['gcc a.o -u sym -z now -e main', 'a.o'],
    ['gcc -DX -UY -D Z -c a.c', 'a.c'],
    ['gcc --param x=1 -c a.c', 'a.c'],
    ['clang -target x86_64 -arch x -mllvm -x -Xclang -load -c a.c', 'a.c'],
    ['clang -Xlinker -T -Xlinker y a.o', 'y a.o'],
    ['gcc -c -- -a.c', '-a.c'],
    ['gcc -c dir·with/a·b.c', 'dir with/a b.c'],
  ];
  for (const [line, inputs] of cases)
    it(`names ${inputs || 'nothing'} of ${line}`, () =>
      assert.equal(read(line).inputs.join(' '), inputs.replaceAll('·', ' ')));
});

describe('where a compiler command searches', () => {
  const cases: readonly (readonly [line: string, include: string, other?: string, libraries?: string])[] = [
    ['gcc -c a.c -Ia -I b', 'a b'],
    ['gcc -c a.c -isystem s -Ia -iquote q -idirafter z -I b', 'q a b s z'],
    ['gcc -c a.c -Ia -Ia', 'a'],
    ['gcc -c a.c --include-directory=a --include-directory b', 'a b'],
    ['gcc -c a.c -iprefix p/ -iwithprefix x -iwithprefixbefore y', 'p/y p/x'],
    ['gcc -c a.c --sysroot=/r -I=/inc', '/r/inc', '/r'],
    ['gcc -c a.c -isysroot /r -isystem=/inc', '/r/inc', '/r'],
    ['clang -c a.c --sysroot /r -iwithsysroot /inc', '/r/inc', '/r'],
    ['gcc -c a.c -Wp,-Ix', 'x'],
    ['gcc -c a.S -Wa,-Ix', 'x'],
    ['gcc a.o -La -L b -lx -l y -l:z.a', '', 'a b', 'x y :z.a'],
    ['gcc a.o -Wl,-La,-lx -Wl,-rpath-link,r -Wl,-rpath=/x', '', 'a r', 'x'],
    ['gcc a.o -Wl,-rpath-link=r:s', '', 'r s'],
    ['gcc a.o -Xlinker -L -Xlinker a', '', 'a'],
    ['gcc -c a.c -Bprefix -B p2', '', 'prefix p2'],
    ['clang -c a.c -resource-dir r --gcc-toolchain=g', '', 'r g'],
    ['gcc -c a.c -I . -I= -iquote ..', '.. .'],
  ];
  for (const [line, include, other = '', libraries = ''] of cases)
    it(`finds the directories of ${line}`, () => {
      const reading = read(line);
      assert.equal(reading.includeDirs.join(' '), include);
      assert.equal(reading.otherDirs.join(' '), other);
      assert.equal(reading.libraries.join(' '), libraries);
    });
});

describe('what a compiler command writes', () => {
  const cases: readonly (readonly [line: string, outputs: string])[] = [
    ['gcc -c d/a.c', 'object:a.o'],
    ['gcc -c a.b.c', 'object:a.b.o'],
    ['gcc -c a.c -o d/x', 'object:d/x'],
    ['gcc -c a.c -od/x', 'object:d/x'],
    ['gcc -c a.c b.c', 'object:a.o object:b.o'],
    ['gcc -S a.c', 'assembly:a.s'],
    ['gcc -S -c a.c', 'assembly:a.s'],
    ['clang -emit-llvm -c a.c', 'object:a.bc'],
    ['clang -S -emit-llvm a.c', 'object:a.ll'],
    ['gcc a.c', 'executable:a.out'],
    ['gcc a.c -o p', 'executable:p'],
    ['gcc a.o -Wl,-o,p', 'executable:p'],
    ['gcc -c a.c -o /dev/null', ''],
    ['gcc -S a.c -o -', ''],
    ['gcc -fsyntax-only a.c', ''],
    ['gcc -fsyntax-only -MD a.c', 'dependencies:a.d'],
    ['gcc d/h.h', 'other:d/h.h.gch'],
    ['gcc -x c++-header d/h -o h.gch', 'other:h.gch'],
    ['gcc -c -MD a.c', 'object:a.o dependencies:a.d'],
    ['gcc -c -MMD a.c -o d/x.y.o', 'object:d/x.y.o dependencies:d/x.y.d'],
    ['gcc -c -MD -MF f a.c', 'object:a.o dependencies:f'],
    ['gcc -c -MD -MFf a.c', 'object:a.o dependencies:f'],
    ['gcc -c -MD -MF /dev/null a.c', 'object:a.o'],
    ['gcc -c -Wp,-MD,d/f a.c', 'object:a.o dependencies:d/f'],
    ['gcc -c -Wp,-MMD,d/f,-MP a.c', 'object:a.o dependencies:d/f'],
    ['gcc -c -MD a.c b.c', 'object:a.o object:b.o dependencies:a.d dependencies:b.d'],
    ['gcc -MD a.c b.c -o d/p', 'executable:d/p dependencies:d/p.d'],
    ['gcc -MD x.c', 'executable:a.out dependencies:a-x.d'],
    ['clang -MD x.c', 'executable:a.out dependencies:x.d'],
    ['gcc --coverage -c a.c -o d/x.o', 'object:d/x.o other:d/x.gcno'],
    ['gcc --coverage a.c b.c -o d/p', 'executable:d/p other:d/p-a.gcno other:d/p-b.gcno'],
    ['clang --coverage a.c -o d/p', 'executable:d/p other:a.gcno'],
    ['gcc -g -gsplit-dwarf -c a.c', 'object:a.o other:a.dwo'],
    ['gcc -save-temps=cwd -c a.cc -o d/x.o', 'object:d/x.o other:x.ii other:x.s'],
    ['gcc -c a.c -aux-info i', 'object:a.o other:i'],
    ['gcc -c a.c -fopt-info-vec=log', 'object:a.o other:log'],
    ['clang -c a.c -MJ j', 'object:a.o other:j'],
    ['clang -c a.c -ftime-trace -o d/x.o', 'object:d/x.o other:d/x.json'],
    ['gcc a.o -o p -Wl,-Map=m -Wl,--out-implib,i', 'executable:p other:m other:i'],
    ['gcc a.o -o p -Wl,-Map,m -Xlinker --dependency-file=d', 'executable:p other:m other:d'],
    ['gcc -c a.c -Wl,-Map=m', 'object:a.o'],
    ['gcc --version -c a.c', ''],
  ];
  for (const [line, outputs] of cases)
    it(`is ${outputs || 'nothing'} for ${line}`, () => assert.equal(outputsOf(read(line)), outputs));

  it('names the dependency file', () => {
    assert.equal(read('gcc -MD -c a.c -o d/x.o').dependencyFile, 'd/x.d');
    assert.equal(read('gcc -c a.c').dependencyFile, undefined);
  });
});

describe('what else stands in a compiler command', () => {
  it('sees code that depends on the CPU', () => {
    assert.ok(read('gcc -march=native -c a.c').native);
    assert.ok(read('ccache g++ -O2 -mtune=native -c a.c').native);
    assert.ok(!read('gcc -march=x86-64-v3 -c a.c').native);
  });
  it('sees whether the source comes from standard input', () => {
    assert.equal(read('gcc -c -x c -').stdin, 'reads');
    assert.equal(read('gcc -c a.c').stdin, 'never');
    assert.equal(read('python3 x.py').stdin, 'may');
  });
  it('obeys the environment as the compiler does', () => {
    const env = { CPATH: '/c::d', C_INCLUDE_PATH: 's', LIBRARY_PATH: 'l', COMPILER_PATH: 'b' };
    const reading = read('gcc -c a.c -Ii -isystem t', env);
    assert.deepEqual(reading.includeDirs, ['i', '/c', '.', 'd', 't', 's']);
    assert.deepEqual(reading.otherDirs, ['l', 'b']);
    assert.ok(reading.rename);
  });
  for (const [name, value, outputs] of [
    ['DEPENDENCIES_OUTPUT', 'f target', 'object:a.o other:f'],
    ['SUNPRO_DEPENDENCIES', 'f', 'object:a.o other:f'],
    ['GCC_COMPARE_DEBUG', '1', 'object:a.o'],
    ['GCC_EXEC_PREFIX', '/usr/lib/gcc/', 'object:a.o'],
    ['CCC_OVERRIDE_OPTIONS', '+-g', 'object:a.o'],
    ['CC_PRINT_OPTIONS_FILE', 'log', 'object:a.o other:log'],
    ['CCACHE_DEBUG', '1', 'object:a.o'],
    ['CCACHE_LOGFILE', 'log', 'object:a.o other:log'],
  ] as const)
    it(`writes in place because of ${name}`, () => {
      const reading = read('ccache gcc -c a.c', { [name]: value });
      assert.equal(reading.inPlaceBecause, name);
      assert.equal(outputsOf(reading), outputs);
      assert.ok(read('gcc -c a.c', { [name]: '' }).rename);
    });
});
