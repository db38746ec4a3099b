import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { read, words } from './reading.ts';

describe('a renamed compile', () => {
  // H(name) stands for the hidden name.
  const cases: readonly (readonly [line: string, renamed: string])[] = [
    ['gcc -c a.c -o a.o', 'gcc -c a.c -o H(a.o)'],
    ['gcc -c a.c -o d/a.o', 'gcc -c a.c -o d/H(a.o)'],
    ['gcc -c a.c -od/a.o', 'gcc -c a.c -od/H(a.o)'],
    ['gcc -c a.c --output=d/a.o', 'gcc -c a.c --output=d/H(a.o)'],
    ['gcc -c a.c --output d/a.o', 'gcc -c a.c --output d/H(a.o)'],
    ['gcc -c d/a.c', 'gcc -o H(a.o) -c d/a.c'],
    ['gcc -S d/a.c', 'gcc -o H(a.s) -S d/a.c'],
    ['clang -emit-llvm -c d/a.c', 'clang -o H(a.bc) -emit-llvm -c d/a.c'],
    ['ccache gcc -c a.c', 'ccache gcc -o H(a.o) -c a.c'],
    ['ccache a=b gcc -c a.c', 'ccache a=b gcc -o H(a.o) -c a.c'],
    ['gcc -MD -c a.c -o d/a.o', 'gcc -MQ d/a.o -MF d/H(a.d) -MD -c a.c -o d/H(a.o)'],
    ['gcc -MMD -c d/a.c', 'gcc -MQ a.o -o H(a.o) -MF H(a.d) -MMD -c d/a.c'],
    ['gcc -MD -S d/a.c', 'gcc -MQ a.o -o H(a.s) -MF H(a.d) -MD -S d/a.c'],
    ['gcc -MD -MF f.d -c a.c -o a.o', 'gcc -MQ a.o -MD -MF H(f.d) -c a.c -o H(a.o)'],
    ['gcc -MD -MFe/f.d -c a.c -o a.o', 'gcc -MQ a.o -MD -MFe/H(f.d) -c a.c -o H(a.o)'],
    ['gcc -MD -MT t -MF f.d -c a.c -o a.o', 'gcc -MD -MT t -MF H(f.d) -c a.c -o H(a.o)'],
    ['gcc -MD -MQ t -c a.c -o a.o', 'gcc -MF H(a.d) -MD -MQ t -c a.c -o H(a.o)'],
    ['gcc -MD -MTt -MP -c a.c -o a.o', 'gcc -MF H(a.d) -MD -MTt -MP -c a.c -o H(a.o)'],
    ['gcc -MD -MF /dev/null -c a.c -o a.o', 'gcc -MQ a.o -MD -MF /dev/null -c a.c -o H(a.o)'],
    ['gcc -Wp,-MD,d/.a.o.d -c a.c -o d/a.o', 'gcc -Wp,-MD,d/H(.a.o.d) -c a.c -o d/H(a.o)'],
    ['gcc -Wp,-MMD,f,-MT,t -c a.c -o a.o', 'gcc -Wp,-MMD,H(f),-MT,t -c a.c -o H(a.o)'],
    ['clang -Wp,-MD,f -c a.c -o a.o', 'clang -MQ a.o -Wp,-MD,H(f) -c a.c -o H(a.o)'],
    ['gcc -c a·b.c -o x·y/a·b.o', 'gcc -c a·b.c -o x·y/H(a·b.o)'],
  ];
  for (const [line, renamed] of cases) {
    it(`is ${renamed} for ${line}`, () => {
      const { rename } = read(line);
      const expected = words(renamed).map((word) => word.replace(/H\((.*?)\)/, '.buildswarm-1-x-$1'));
      assert.deepEqual(rename?.argvFor('1-x'), expected);
    });
  }
  it('commits the object first and the dependency file last', () => {
    assert.deepEqual(read('g++ -MD -c a.cc -o d/a.o').rename?.outputsFor('2-y'), [
      { path: 'd/a.o', hidden: 'd/.buildswarm-2-y-a.o' },
      { path: 'd/a.d', hidden: 'd/.buildswarm-2-y-a.d' },
    ]);
  });
});

describe('a compile that is written in place', () => {
  const long = 'n'.repeat(200);
  const cases: readonly (readonly [line: string, because: string])[] = [
    ['g++ -c a.cc -o a.o -fnew-thing', '-fnew-thing'],
    ['g++ -c a.cc -o a.o --new', '--new'],
    ['g++ -c a.cc -o a.o -mllvm', '-mllvm'],
    ['clang -c a.cc -mllvm -stats', '-mllvm -stats'],
    ['clang -c a.cc -Xclang -load -Xclang p.so', '-Xclang -load'],
    ['gcc -c a.c -Xpreprocessor -DX', '-Xpreprocessor -DX'],
    ['gcc -c a.c -Wp,-dD', '-Wp,-dD'],
    ['gcc -c a.c -Wa,-adhlns=l', '-Wa,-adhlns=l'],
    ['gcc -c a.c -Wa,--MD,x', '-Wa,--MD,x'],
    ['gcc -c a.c -wrapper gdb', '-wrapper gdb'],
    ['gcc -c a.c -specs=s', '-specs=s'],
    ['gcc -c a.c -dumpdir d', '-dumpdir d'],
    ['gcc -c a.c -time=f', '-time=f'],
    ['gcc -c a.c -I-', '-I-'],
    ['gcc -c a.c -fmodules-ts', '-fmodules-ts'],
    ['gcc -c a.c -fprofile-use', '-fprofile-use'],
    ['clang -c a.c -fprofile-instr-generate', '-fprofile-instr-generate'],
    ['clang -c a.c -fembed-bitcode', '-fembed-bitcode'],
    ['clang --analyze a.c', '--analyze'],
    ['clang -working-directory d -c a.c', '-working-directory d'],
    ['gcc a.c', 'it links'],
    ['gcc -c a.c b.c', 'several sources'],
    ['gcc -c a.c b.o', 'b.o'],
    ['gcc -c', 'it runs inline'],
    ['gcc -c a.c -o x -o y', 'several -o'],
    ['gcc -c a.c -MD -MF x -MF y', 'several -MF'],
    ['gcc -c a.c -MF x', '-MF without -MD'],
    ['gcc -c a.c -o /dev/null', 'it runs inline'],
    ['gcc -c a.c -o /dev/stdout', '/dev/stdout'],
    ['gcc -c a.c -o d/', 'd/'],
    ['gcc -c a.c -o d/..', 'd/..'],
    [`gcc -c a.c -o ${long}`, long],
    ['gcc -c a.c -o x -MD -MF x', 'the dependency file is the object'],
    ['gcc -c a.c -MD -MF -', '-MF -'],
    ['cc -c a.c -Wp,-MD,f', '-Wp,-MD of gcc or clang'],
    ['clang -c a.c -Wp,-MD,f,-MP', '-Wp,-MD,f,-MP'],
    ['cc -c a.c -frecord-gcc-switches', '-frecord-gcc-switches'],
    ['gcc -c a.h', 'a precompiled header'],
    ['gcc -c a.c -v', '-v'],
    ['gcc -c a.c -o', '-o'],
    ['as a.s -o a.o', 'assembler'],
    ['ld a.o', 'it links'],
    ['python3 x.py', 'an unknown command'],
  ];
  for (const [line, because] of cases)
    it(`is so because of ${because.slice(0, 40)}`, () => {
      const reading = read(line);
      assert.equal(reading.inPlaceBecause, because);
      assert.equal(reading.rename, undefined);
    });
  it('is not so for front end options that the driver knows as harmless', () => {
    assert.ok(read('clang -c a.c -Xclang -fno-plt').rename);
  });
});
