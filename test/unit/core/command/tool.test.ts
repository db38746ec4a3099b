import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identifyTool } from '../../../../src/core/command/tool.ts';
import { words } from './reading.ts';

describe('identifyTool', () => {
  const cases: readonly (readonly [line: string, name: string, index?: number])[] = [
    ['gcc', 'gcc'],
    ['g++', 'gcc'],
    ['/usr/bin/g++', 'gcc'],
    ['../cross/bin/gcc', 'gcc'],
    ['gcc-12', 'gcc'],
    ['g++-12.2.0', 'gcc'],
    ['x86_64-linux-gnu-g++-12', 'gcc'],
    ['arm-none-eabi-gcc', 'gcc'],
    ['i686-w64-mingw32-g++', 'gcc'],
    ['riscv64-unknown-elf-gcc', 'gcc'],
    ['aarch64-linux-gnu-cpp', 'gcc'],
    ['cpp-12', 'gcc'],
    ['clang', 'clang'],
    ['clang++-14', 'clang'],
    ['x86_64-pc-linux-gnu-clang++', 'clang'],
    ['cc', 'cc'],
    ['c++', 'cc'],
    ['c99', 'cc'],
    ['x86_64-linux-gnu-c++', 'cc'],
    ['ccache g++ -c a.cc', 'gcc', 1],
    ['/usr/bin/ccache clang', 'clang', 1],
    ['ccache sloppiness=time_macros debug=true cc', 'cc', 3],
    ['ccache -s', 'other'],
    ['ccache', 'other'],
    ['ccache rustc', 'other'],
    ['ld', 'linker'],
    ['ld.gold', 'linker'],
    ['ld.lld-14', 'linker'],
    ['x86_64-linux-gnu-ld.bfd', 'linker'],
    ['ar', 'ar'],
    ['gcc-ar-12', 'ar'],
    ['llvm-ar', 'ar'],
    ['x86_64-linux-gnu-gcc-ar', 'ar'],
    ['ranlib', 'ranlib'],
    ['gcc-ranlib-12', 'ranlib'],
    ['as', 'assembler'],
    ['strip', 'strip'],
    ['nm', 'other'],
    ['objcopy', 'other'],
    ['clang-cl', 'other'],
    ['clang-tidy', 'other'],
    ['clang-format-14', 'other'],
    ['gcc-nm', 'other'],
    ['gccgo', 'other'],
    ['afl-gcc', 'other'],
    ['my-gcc', 'other'],
    ['distcc gcc', 'other'],
    ['python3 gcc', 'other'],
    ['sh -c gcc', 'other'],
    ['gfortran', 'other'],
    ['', 'other'],
  ];
  for (const [line, name, index = 0] of cases) {
    it(`takes ${JSON.stringify(line)} for ${name}`, () => {
      const tool = identifyTool(words(line));
      assert.equal(tool.name, name);
      assert.equal(tool.index, index);
    });
  }
  it('names launcher and tool', () => {
    assert.deepEqual(identifyTool(['/x/ccache', 'a=b', 'g++']).programs, ['/x/ccache', 'g++']);
    assert.deepEqual(identifyTool([]).programs, []);
  });
  it('knows which take C for C++, and which only preprocess', () => {
    assert.ok(identifyTool(['clang++-14']).plusPlus);
    assert.ok(!identifyTool(['gcc']).plusPlus);
    assert.ok(identifyTool(['cpp']).preprocessor);
  });
});
