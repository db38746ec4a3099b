import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outputsOf, read } from './reading.ts';

describe('linkers, archivers and their like', () => {
  const cases: readonly (readonly [line: string, inputs: string, outputs: string, dirs?: string])[] = [
    ['ld a.o', 'a.o', 'executable:a.out'],
    ['ld -o p a.o b.a', 'a.o b.a', 'executable:p'],
    ['ld -op a.o', 'a.o', 'executable:p'],
    ['ld --output=p a.o', 'a.o', 'executable:p'],
    ['ld -m elf_x86_64 -dynamic-linker /lib64/ld.so -o p a.o', 'a.o', 'executable:p'],
    ['ld -z now -z relro -e main -u f -soname=x -h y -o p a.o', 'a.o', 'executable:p'],
    ['ld -r -o p.o a.o b.o', 'a.o b.o', 'executable:p.o'],
    ['ld -T s.ld a.o', 's.ld a.o', 'executable:a.out'],
    ['ld -Ts.ld a.o', 's.ld a.o', 'executable:a.out'],
    ['ld --script=s.ld -Ttext 0 a.o', 's.ld a.o', 'executable:a.out'],
    ['ld -Map m --version-script v a.o', 'v a.o', 'executable:a.out other:m'],
    ['ld -L d -Le -rpath /x -rpath-link r:s a.o', 'a.o', 'executable:a.out', 'd e r s'],
    ['ld -plugin p.so -plugin-opt=x -plugin-opt y a.o', 'p.so a.o', 'executable:a.out'],
    ['ld --build-id --hash-style=gnu --threads a.o', 'a.o', 'executable:a.out'],
    ['ld.lld --sysroot=/r --reproduce=t.tar a.o', 'a.o', 'executable:a.out other:t.tar', '/r'],
    ['ld -o /dev/null a.o', 'a.o', ''],
    ['ar rcs l.a a.o b.o', 'l.a a.o b.o', 'archive:l.a'],
    ['ar -rcs l.a a.o', 'l.a a.o', 'archive:l.a'],
    ['ar -r -c l.a a.o', 'l.a a.o', 'archive:l.a'],
    ['ar qc l.a a.o', 'l.a a.o', 'archive:l.a'],
    ['ar cru l.a', 'l.a', 'archive:l.a'],
    ['ar d l.a a.o', 'l.a', 'archive:l.a'],
    ['ar s l.a', 'l.a', 'archive:l.a'],
    ['ar t l.a', 'l.a', ''],
    ['ar p l.a a.o', 'l.a', ''],
    ['ar x l.a a.o', 'l.a', 'other:a.o'],
    ['ar rb m.o l.a a.o', 'l.a a.o', 'archive:l.a'],
    ['ar dN 2 l.a a.o', 'l.a', 'archive:l.a'],
    ['gcc-ar --plugin p.so rcs l.a a.o', 'p.so l.a a.o', 'archive:l.a'],
    ['llvm-ar --format gnu rcT l.a a.o', 'l.a a.o', 'archive:l.a'],
    ['ranlib l.a', 'l.a', 'archive:l.a'],
    ['gcc-ranlib -D l.a m.a', 'l.a m.a', 'archive:l.a archive:m.a'],
    ['strip p', 'p', 'other:p'],
    ['strip -g -R .note p q', 'p q', 'other:p other:q'],
    ['strip -o q p', 'p', 'other:q'],
    ['as a.s', 'a.s', 'object:a.out'],
    ['as --64 -o a.o a.s', 'a.s', 'object:a.o'],
    ['as -oa.o --MD a.d a.s', 'a.s', 'object:a.o dependencies:a.d'],
    ['as -al=l.lst -o a.o a.s', 'a.s', 'object:a.o other:l.lst'],
    ['nm -C a.o', 'a.o', ''],
    ['objcopy -O binary a.elf a.bin', 'binary a.elf a.bin', ''],
    ['./gen --in=x/y.txt z.h', './gen x/y.txt z.h', ''],
    ['python3 tool.py -v -o out.h', 'tool.py out.h', ''],
  ];
  for (const [line, inputs, outputs, dirs = ''] of cases)
    it(`reads ${line}`, () => {
      const reading = read(line);
      assert.equal(reading.inputs.join(' '), inputs);
      assert.equal(outputsOf(reading), outputs);
      assert.equal(reading.otherDirs.join(' '), dirs);
      assert.equal(reading.inline, undefined);
      assert.equal(reading.rename, undefined);
    });

  for (const [line, inline] of [
    ['ld --version', 'query'],
    ['ld -v', 'query'],
    ['ld', 'query'],
    ['ar --version', 'query'],
    ['ar', 'query'],
    ['ar -M', 'stdin-input'],
    ['ranlib -V', 'query'],
    ['as --version', 'query'],
    ['as -o a.o', 'stdin-input'],
    ['as -o a.o -', 'stdin-input'],
    ['ar cr libconftest.a conftest.o', 'probe'],
    ['./conftest', 'probe'],
    ['./cmTC_1a2b', 'probe'],
  ] as const)
    it(`runs ${line} here: ${inline}`, () => assert.equal(read(line).inline, inline));

  it('reads where as searches', () => assert.deepEqual(read('as -I a -Ib x.s').includeDirs, ['a', 'b']));
  it('knows that nothing is nothing', () => {
    assert.equal(read('').inline, 'no-command');
    assert.equal(read('').kind, 'other');
  });
});
