import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isProbe } from '../../../../src/core/command/probes.ts';

describe('isProbe', () => {
  const probes: readonly (readonly [cwd: string, file: string])[] = [
    ['/s', 'conftest.c'],
    ['/s', 'conftest'],
    ['/s', './conftest.o'],
    ['/s', 'conftest1.c'],
    ['/s', 'conftest.er1'],
    ['/s', 'lt-conftest'],
    ['/s', 'conftstm.o'],
    ['/s', 'confdefs.h'],
    ['/s/build/CMakeFiles/CMakeTmp', 'x.c'],
    ['/s/build/CMakeFiles/CMakeScratch/TryCompile-AbC12', 'CMakeCCompilerABI.c'],
    ['/s/build/CMakeFiles/3.25.1/CompilerIdCXX', 'a.cpp'],
    ['/s/build', 'CMakeFiles/cmTC_3f2a1.dir/src.c.o'],
    ['/s/build', 'cmTC_3f2a1'],
    ['/s/build', '../CMakeCXXCompilerId.cpp'],
    ['/s/build/meson-private', 'x.c'],
    ['/s/build', '/s/build/meson-private/tmpabc/testfile.c'],
    ['/s/build/meson-private/tmp1', 'output.exe'],
    ['/s', '/dev/null'],
    ['/s/linux', '.tmp_4711/tmp'],
    ['/s/linux', './.4711.tmp'],
    ['/s', '.sconf_temp/conftest_0.c'],
    ['/s/build/.conf_check_0a1b/testbuild', 'test.c'],
    ['/s/config.tests/x11', 'main.cpp'],
  ];
  for (const [cwd, file] of probes) it(`holds for ${file} in ${cwd}`, () => assert.ok(isProbe(cwd, [file])));
  const others: readonly (readonly [cwd: string, file: string])[] = [
    ['/s', 'conf.c'],
    ['/s', 'conf2.c'],
    ['/s', 'conftests.c'],
    ['/s', 'config.c'],
    ['/s', 'xconftest.c'],
    ['/s', 'src/conftestimony/a.c'],
    ['/s/build', 'CMakeFiles/app.dir/a.cc.o'],
    ['/s/CMakeTmpl', 'a.c'],
    ['/s/meson', 'private.c'],
    ['/s', 'test.c'],
    ['/s', '.tmp_versions/a.o'],
    ['/s/linux/kernel', '.tmp_gl_a.o'],
  ];
  for (const [cwd, file] of others)
    it(`does not hold for ${file} in ${cwd}`, () => assert.ok(!isProbe(cwd, [file])));
});
