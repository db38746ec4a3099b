/** The tools that people build with, behind or in front of swarmrun: what they find out and make is what they find out and make without. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Explanation } from '../../src/wire/cli-messages.ts';
import { hashObjects } from '../rig/demo-project.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';

const swarmed = { CC: 'swarmrun gcc', CXX: 'swarmrun g++' };
const plain = { CC: 'gcc', CXX: 'g++' };

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
}

const sources = {
  'one.c': '#include "config.h"\n#include "parts.h"\nint one(void) { return SIZEOF_LONG; }\n',
  'two.c': '#include "parts.h"\nint two(void) { return 34; }\n',
  'parts.h': '#define SUM 42\nint one(void);\nint two(void);\n',
  'main.c': '#include "parts.h"\nint main(void) { return one() + two() - SUM; }\n',
};

/** What was done since the last look, where, and why there. */
class Jobs {
  readonly #swarm: SwarmRig;
  #seen = 0;

  constructor(swarm: SwarmRig) {
    this.#swarm = swarm;
  }

  async since(): Promise<Explanation[]> {
    const all = (await this.#swarm.explainJobs('m1')).filter(({ job }) => job > this.#seen);
    this.#seen = Math.max(this.#seen, ...all.map(({ job }) => job));
    return all;
  }

  /** Asserts that each command line that matches ran on another machine, and that there are so many. */
  async assertRemote(pattern: RegExp, count: number): Promise<void> {
    const jobs = (await this.since()).filter(({ command }) => pattern.test(command));
    const told = jobs.map(({ command, place, reasons }) => `${place} ${command} ${JSON.stringify(reasons)}`);
    assert.equal(jobs.length, count, told.join('\n'));
    assert.deepEqual(
      told.filter((_, index) => jobs[index]?.place === 'inline'),
      [],
    );
  }

  /** Asserts that a configure step was answered by this machine alone. */
  async assertProbes(): Promise<void> {
    const jobs = await this.since();
    assert.ok(jobs.length > 0);
    const elsewhere = jobs.filter(({ place }) => place !== 'inline').map(({ command }) => command);
    assert.deepEqual(elsewhere, []);
  }
}

test('CMake finds out the same, builds and tests on the swarm', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const jobs = new Jobs(swarm);
  await write(swarm.share, {
    ...sources,
    'config.h.in':
      '#cmakedefine HAVE_UNISTD\n#cmakedefine HAVE_NOTHING\n#cmakedefine RUNS\n#cmakedefine COMPILES\n' +
      '@SIZEOF_LONG_CODE@\n#cmakedefine HAVE_MATH\n#cmakedefine HAVE_FLAG\n#cmakedefine IS_BIG_ENDIAN @IS_BIG_ENDIAN@\n',
    'CMakeLists.txt': `cmake_minimum_required(VERSION 3.16)
project(parts C CXX)
include(CheckIncludeFile)
include(CheckTypeSize)
include(CheckCSourceRuns)
include(CheckCXXSourceCompiles)
include(CheckLibraryExists)
include(CheckCCompilerFlag)
include(TestBigEndian)
include(CTest)
find_package(Threads REQUIRED)
check_include_file(unistd.h HAVE_UNISTD)
check_include_file(no-such.h HAVE_NOTHING)
check_c_source_runs("int main(void) { return 0; }" RUNS)
check_cxx_source_compiles("#include <vector>\\nint main() { std::vector<int> v; }" COMPILES)
check_type_size(long SIZEOF_LONG)
check_library_exists(m sin "" HAVE_MATH)
check_c_compiler_flag(-Wno-such-flag HAVE_FLAG)
test_big_endian(IS_BIG_ENDIAN)
configure_file(config.h.in config.h)
include_directories(\${CMAKE_CURRENT_BINARY_DIR})
add_executable(parts main.c one.c two.c)
add_test(NAME parts COMMAND parts)
`,
  });
  const build = path.join(swarm.share, 'build');
  const known = async (): Promise<unknown> => {
    const cache = await readFile(path.join(build, 'CMakeCache.txt'), 'utf8');
    const found =
      /^(?:HAVE_|RUNS|COMPILES|SIZEOF|IS_BIG|CMAKE_HAVE|Threads|CMAKE_AR|CMAKE_LINKER)[^=]*=.*$/gm;
    const files = path.join(build, 'CMakeFiles');
    const version = (await readdir(files)).find((name) => /^\d/.test(name)) ?? '';
    const compilers = await Promise.all(
      ['C', 'CXX'].map((language) =>
        readFile(path.join(files, version, `CMake${language}Compiler.cmake`), 'utf8'),
      ),
    );
    // Only the names of the compilers differ.
    const facts = compilers.map((text) => text.replaceAll(/^set\(CMAKE_\w+_COMPILER(?:_ARG1)? .*$/gm, ''));
    return [cache.match(found), facts, await readFile(path.join(build, 'config.h'), 'utf8')];
  };
  const configure = ['cmake', '-G', 'Ninja', '-S', '.', '-B', 'build'];
  await swarm.check('m1', configure, { env: plain });
  const expected = await known();
  await swarm.check('m1', ['ninja', '-C', 'build']);
  const objects = await hashObjects(build);

  for (const [how, flags] of [
    [swarmed, []],
    [plain, ['-DCMAKE_C_COMPILER_LAUNCHER=swarmrun']],
  ] as const) {
    await rm(build, { recursive: true });
    const tester = ['-DCMAKE_CROSSCOMPILING_EMULATOR=swarmrun', '-DCMAKE_TEST_LAUNCHER=swarmrun'];
    await swarm.check('m1', [...configure, ...flags, ...tester], { env: how });
    if (how === swarmed) await jobs.assertProbes();
    else await jobs.since();
    assert.deepEqual(await known(), expected);
    await swarm.check('m1', ['ninja', '-C', 'build']);
    await jobs.assertRemote(/gcc.* -c /, 3);
    assert.deepEqual(await hashObjects(build), objects);
    await swarm.check('m1', ['ctest', '--test-dir', 'build', '--output-on-failure']);
    await jobs.assertRemote(/parts$/, 1);
  }
});

test('Meson finds out the same, builds and tests on the swarm', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const jobs = new Jobs(swarm);
  await write(swarm.share, {
    ...sources,
    'meson.build': `project('parts', 'c', 'cpp')
cc = meson.get_compiler('c')
cpp = meson.get_compiler('cpp')
conf = configuration_data()
conf.set('SIZEOF_LONG', cc.sizeof('long'))
conf.set('HAVE_UNISTD', cc.has_header('unistd.h'))
conf.set('HAVE_NOTHING', cc.has_header('no-such.h'))
conf.set('HAVE_STRLCPY', cc.has_function('no_such_function'))
conf.set('HAVE_PRINTF', cc.has_function('printf'))
conf.set('COMPILES', cpp.compiles('#include <string>'))
conf.set('LINKS', cc.links('int main(void) { return 0; }'))
conf.set('RAN', cc.run('int main(void) { return 3; }').returncode())
conf.set('MATH', cc.find_library('m').found())
conf.set('FLAG', cc.has_argument('-Wno-such-flag'))
conf.set('ALIGN', cc.alignment('double'))
conf.set_quoted('DEFINED', cc.get_define('__SIZEOF_INT__'))
configure_file(output : 'config.h', configuration : conf)
parts = executable('parts', 'main.c', 'one.c', 'two.c')
test('parts', parts)
`,
  });
  const setup = ['meson', 'setup', 'build'];
  const config = path.join(swarm.share, 'build/config.h');
  await swarm.check('m1', setup, { env: plain });
  const expected = await readFile(config, 'utf8');
  await swarm.check('m1', ['ninja', '-C', 'build']);
  const objects = await hashObjects(swarm.share);
  await rm(path.join(swarm.share, 'build'), { recursive: true });

  await swarm.check('m1', setup, { env: swarmed });
  assert.equal(await readFile(config, 'utf8'), expected);
  await jobs.assertProbes();
  await swarm.check('m1', ['ninja', '-C', 'build']);
  await jobs.assertRemote(/gcc .* -c /, 3);
  assert.deepEqual(await hashObjects(swarm.share), objects);
  await swarm.check('m1', ['meson', 'test', '-C', 'build', '--wrapper=swarmrun']);
  await jobs.assertRemote(/parts$/, 1);
});

test('a configure script of autoconf finds out the same, and make builds on the swarm', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const jobs = new Jobs(swarm);
  await write(swarm.share, {
    ...sources,
    'configure.ac': `AC_INIT([parts], [1])
AC_PROG_CC
AC_PROG_CXX
AC_PROG_CPP
AC_PROG_RANLIB
AC_CONFIG_HEADERS([config.h])
AC_CHECK_HEADERS([unistd.h no-such.h sys/epoll.h])
AC_CHECK_FUNCS([printf no_such_function mmap])
AC_CHECK_LIB([m], [sin])
AC_CHECK_SIZEOF([long])
AC_CHECK_ALIGNOF([double])
AC_C_INLINE
AC_C_CONST
AC_TYPE_PID_T
AC_CHECK_DECLS([puts, no_such_declaration])
AC_RUN_IFELSE([AC_LANG_PROGRAM([], [return 0;])], [AC_DEFINE([RUNS], [1], [x])])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
`,
    'Makefile.in':
      'parts: main.o one.o two.o\n\t@CC@ -o $@ $^\n%.o: %.c\n\t@CC@ @CFLAGS@ @DEFS@ -c $< -o $@\n',
  });
  await swarm.check('m1', ['sh', '-c', 'autoheader && autoconf']);
  const found = async (): Promise<unknown> => {
    const status = await readFile(path.join(swarm.share, 'config.status'), 'utf8');
    const facts = status.match(/^[SD]\["\w+"\]=.*$/gm) ?? [];
    // The tools themselves, and the path to them.
    const named = /^S\["(?:ac_ct_)?(?:CC|CXX|CPP|PATH_SEPARATOR)"\]/;
    return [
      facts.filter((line) => !named.test(line)),
      await readFile(path.join(swarm.share, 'config.h'), 'utf8'),
    ];
  };
  const told = await swarm.check('m1', ['./configure'], { env: plain });
  const expected = await found();
  await swarm.check('m1', ['make']);
  const objects = await hashObjects(swarm.share);
  await swarm.check('m1', ['sh', '-c', 'rm -rf *.o parts config.h config.status config.log Makefile']);

  const toldSwarmed = await swarm.check('m1', ['./configure'], { env: swarmed });
  assert.deepEqual(await found(), expected);
  const answers = (text: string): string => text.replaceAll('swarmrun ', '');
  assert.equal(answers(toldSwarmed), answers(told));
  await jobs.assertProbes();
  await swarm.check('m1', ['make', '-j4']);
  await jobs.assertRemote(/gcc .*-o/, 4);
  assert.deepEqual(await hashObjects(swarm.share), objects);
});

test('ccache runs on the worker, with its cache in the share', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const jobs = new Jobs(swarm);
  await write(swarm.share, { ...sources, 'config.h': '#define SIZEOF_LONG 8\n' });
  const env = { CCACHE_DIR: path.join(swarm.share, 'cache') };
  const compile = ['ccache', 'gcc', '-g', '-c', 'one.c', '-o', 'one.o', '-MD'];
  await swarm.check('m1', compile.slice(1));
  const expected = await hashObjects(swarm.share);
  const dependencies = await readFile(path.join(swarm.share, 'one.d'), 'utf8');
  for (const hits of [0, 1, 2]) {
    // The first may run twice: only then it is known which files ccache looks at.
    await swarm.check('m1', ['rm', '-f', 'one.o', 'one.d']);
    await swarm.check('m1', ['swarmrun', ...compile], { env });
    assert.deepEqual(await hashObjects(swarm.share), expected);
    assert.equal(await readFile(path.join(swarm.share, 'one.d'), 'utf8'), dependencies);
    const statistics = await swarm.check('m1', ['ccache', '--print-stats'], { env });
    assert.ok(Number(/^direct_cache_hit\t(\d+)$/m.exec(statistics)?.[1]) >= hits, statistics);
    assert.match(statistics, /^cache_miss\t1$/m);
  }
  await jobs.assertRemote(/^ccache gcc/, 3);

  // A header that has changed is no hit, wherever the cache is asked.
  await writeFile(path.join(swarm.share, 'config.h'), '#define SIZEOF_LONG 9\n');
  await swarm.check('m1', ['swarmrun', ...compile], { env });
  const changed = await hashObjects(swarm.share);
  await swarm.check('m1', compile.slice(1));
  assert.deepEqual(await hashObjects(swarm.share), changed);
});

test('make with a job server, makes below it, and one of these behind swarmrun', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 4 });
  const jobs = new Jobs(swarm);
  const inner = 'all: main.o one.o two.o\n%.o: %.c\n\t$(CC) -c $< -o $@\n';
  for (const folder of ['first', 'second'])
    await write(path.join(swarm.share, folder), {
      ...sources,
      'config.h': '#define SIZEOF_LONG 8\n',
      Makefile: inner,
    });
  await cp(path.join(swarm.share, 'first'), path.join(swarm.share, 'third'), { recursive: true });
  await write(swarm.share, {
    Makefile:
      'all: first second third\nfirst second:\n\t+$(MAKE) -s -C $@\nthird:\n\t+swarmrun $(MAKE) -s -C $@ CC=gcc\n.PHONY: first second third\n',
  });
  const ended = await swarm.exec('m1', ['make', '-s', '-j4', 'CC=swarmrun gcc']);
  assert.equal(ended.stderr.toString(), '');
  assert.equal(ended.status, 0);
  await jobs.assertRemote(/./, 7);
  const hashes = await hashObjects(swarm.share);
  assert.equal(hashes.size, 9);
  for (const name of ['main.o', 'one.o', 'two.o'])
    assert.equal(hashes.get(`first/${name}`), hashes.get(`third/${name}`), name);
});
