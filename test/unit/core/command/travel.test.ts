import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCommand } from '../../../../src/core/command/read-command.ts';
import type { CommandPlace } from '../../../../src/core/command/travel.ts';
import { absolutePathsIn, mayBeServed, mayTravel } from '../../../../src/core/command/travel.ts';
import { cwd, words } from './reading.ts';

const place: CommandPlace = {
  shareOf: (path) => (path === '/share' || path.startsWith('/share/') ? '/share' : undefined),
  stdin: 'null',
  stdoutIsTerminal: false,
  descriptors: 0,
  surroundings: '',
  force: '',
};

function decide(
  line: string,
  changes: Partial<CommandPlace> = {},
  env: Record<string, string> = {},
  from = cwd,
): string {
  const command = { argv: words(line), cwd: from, env: new Map(Object.entries(env)) };
  const travel = mayTravel(readCommand(command, new Map()).reading, command, { ...place, ...changes });
  assert.equal(travel.travels, travel.reason === undefined);
  return `${travel.reason ?? 'travels'}${travel.unslotted ? ' unslotted' : ''}`;
}

describe('mayTravel', () => {
  const cases: readonly (readonly [line: string, expected: string])[] = [
    ['g++ -c a.cc -o a.o', 'travels'],
    ['g++ -c ../lib/a.cc -o /share/b/a.o', 'travels'],
    ['g++ a.o -o p', 'travels'],
    ['/usr/bin/g++ -c a.cc', 'travels'],
    ['/opt/cross/bin/arm-none-eabi-gcc -c a.c', 'travels'],
    ['../tools/gcc -c a.c', 'travels'],
    ['/home/u/gcc -c a.c', 'outside-share'],
    ['g++ --version', 'query unslotted'],
    ['g++', 'query unslotted'],
    ['g++ -E a.cc', 'preprocess unslotted'],
    ['g++ -M a.cc', 'preprocess unslotted'],
    ['g++ -x c++ -c -', 'stdin-input'],
    ['gcc -c conftest.c', 'probe unslotted'],
    ['./conftest', 'probe unslotted'],
    ['g++ -c /tmp/a.cc', 'outside-share'],
    ['g++ -c a.cc -o /tmp/a.o', 'outside-share'],
    ['g++ -c a.cc -o ../../a.o', 'outside-share'],
    ['g++ -c a.cc -o /usr/lib/a.o', 'outside-share'],
    ['g++ -c a.cc -MD -MF /tmp/a.d', 'outside-share'],
    ['g++ -c a.cc -o /dev/null', 'probe unslotted'],
    ['gcc -x c -c /dev/null -o a.o', 'probe unslotted'],
    ['gcc -Werror -Wx -c -x c /dev/null -o .tmp_4711/tmp', 'probe unslotted'],
    ['g++ -c a.cc -o /dev/stdout', 'outside-share'],
    ['g++ -c a.cc -MD -MF /dev/null', 'travels'],
    ['g++ -c /usr/share/x/a.cc', 'travels'],
    ['g++ -c a.cc -I/usr/include/x -isystem /opt/y', 'travels'],
    ['g++ -c a.cc -I/home/u/include', 'outside-share'],
    ['g++ -c a.cc -isystem ../../../home', 'outside-share'],
    ['g++ -c a.cc -include /tmp/x.h', 'outside-share'],
    ['g++ -c a.cc --sysroot=/home/x', 'outside-share'],
    ['gcc -c a.c -dumpdir /tmp/d/ -fdump-tree-optimized', 'outside-share'],
    ['gcc -c a.c -fdump-tree-optimized=/tmp/d', 'outside-share'],
    ['gcc -c a.c -Wa,-ahls=/tmp/x.lst', 'outside-share'],
    ['gcc -c a.c -Xassembler -ahls=/tmp/x.lst', 'outside-share'],
    ['gcc -c a.c -Wp,-fdump=/tmp/x', 'outside-share'],
    ['gcc -c a.c -time=/tmp/t', 'outside-share'],
    ['gcc -c a.c -fno-such-option=/home/x', 'outside-share'],
    ['gcc -c a.c -fplugin-arg-p-log=/tmp/x', 'outside-share'],
    ['clang -c a.c -mllvm -info-output-file=/tmp/x', 'outside-share'],
    ['clang -c a.c -Xclang -stats-file=/tmp/x', 'outside-share'],
    ['gcc a.o -o p -Wl,--no-such-option=/tmp/x', 'outside-share'],
    ['gcc a.o -o p -Xlinker --no-such-option=/tmp/x', 'outside-share'],
    ['ld a.o -o p --no-such-option=/tmp/x', 'outside-share'],
    ['as a.s -o a.o --no-such-option=/tmp/x', 'outside-share'],
    ['ar --no-such-option=/tmp/x rc l.a a.o', 'outside-share'],
    ['gcc -c a.c -DPREFIX="/home/x" -ffile-prefix-map=/home/x=.', 'travels'],
    ['gcc -c a.c -fprofile-generate=/var/profiles', 'travels'],
    ['gcc a.o -o p -Wl,-rpath,/home/x/lib', 'travels'],
    ['g++ a.o -L/tmp -lx', 'outside-share'],
    ['g++ a.o /usr/lib/x86_64-linux-gnu/libz.so -o p', 'travels'],
    ['g++ a.o -Wl,-Map=/tmp/m -o p', 'outside-share'],
    ['ar rcs /tmp/l.a a.o', 'outside-share'],
    ['ar rcs l.a a.o', 'travels'],
    ['ld -o p a.o -T /etc/x.ld', 'outside-share'],
    ['python3 gen.py out.h', 'travels'],
    ['/usr/bin/python3 /share/x/gen.py', 'travels'],
    ['/home/u/bin/gen', 'outside-share'],
    ['gen /tmp/y', 'outside-share'],
    ['gen --x=/tmp/y', 'outside-share'],
    ['gen --x=/share/y', 'travels'],
    ['gen -I/tmp', 'outside-share'],
    ['gen -I/usr/include', 'travels'],
    ['gen a:/tmp/b', 'outside-share'],
    ['gen /share/a:/usr/b', 'travels'],
    ['gen ../../../tmp/y', 'outside-share'],
    ['gen ../other', 'travels'],
    ['gen > /dev/null', 'travels'],
    ['sh -c cat·/tmp/x', 'outside-share'],
    ['sh -c cat·</etc/passwd', 'outside-share'],
    ['sh -c cat·a/b', 'travels'],
    ['curl http://x/tmp', 'travels'],
    ['sed s/a/b/ x', 'travels'],
    ['', 'no-command unslotted'],
  ];
  for (const [line, expected] of cases)
    it(`says ${expected} of ${JSON.stringify(line)}`, () => assert.equal(decide(line), expected));

  const started: readonly (readonly [line: string, changes: Partial<CommandPlace>, expected: string])[] = [
    ['gen x', { descriptors: 1 }, 'descriptor'],
    ['g++ -c a.cc', { surroundings: 'mounts' }, 'surroundings'],
    ['g++ -c a.cc', { surroundings: 'group', force: 'remote' }, 'surroundings'],
    ['g++ -c a.cc', { surroundings: 'root', force: 'local' }, 'asked'],
    ['g++ -c a.cc', { descriptors: 1 }, 'travels'],
    ['g++ --version', { descriptors: 1 }, 'query unslotted'],
    ['gdb p', { stdin: 'tty', stdoutIsTerminal: true }, 'interactive unslotted'],
    ['gdb p', { stdin: 'tty' }, 'travels'],
    ['gdb p', { stdoutIsTerminal: true }, 'travels'],
    ['g++ -c a.cc', { stdin: 'tty', stdoutIsTerminal: true }, 'travels'],
    ['sort', { stdin: 'pipe' }, 'travels'],
    ['g++ -c a.cc', { force: 'local' }, 'asked'],
    ['g++ -E a.cc', { force: 'remote' }, 'travels'],
    ['gcc -c conftest.c', { force: 'remote' }, 'travels'],
    ['g++ --version', { force: 'remote' }, 'travels'],
    ['gen /tmp/x', { force: 'remote' }, 'outside-share'],
    ['gen x', { force: 'remote', descriptors: 2 }, 'descriptor'],
    ['g++ -c /dev/fd/63', { descriptors: 2 }, 'outside-share'],
    ['g++ -c a.cc', { shareOf: () => undefined }, 'outside-share'],
  ];
  for (const [line, changes, expected] of started)
    it(`says ${expected} of ${line} with ${JSON.stringify(changes)}`, () =>
      assert.equal(decide(line, changes), expected));

  const environments: readonly (readonly [line: string, env: Record<string, string>, expected: string])[] = [
    ['g++ -c a.cc', { CPATH: '/usr/x:' }, 'travels'],
    ['g++ -c a.cc', { CPATH: '/home/x' }, 'outside-share'],
    ['g++ -c a.cc', { LIBRARY_PATH: '/home/x' }, 'outside-share'],
    ['g++ -c a.cc', { DEPENDENCIES_OUTPUT: '/tmp/deps' }, 'outside-share'],
    ['g++ -c a.cc', { DEPENDENCIES_OUTPUT: 'deps' }, 'unprovable'],
    ['g++ -c a.cc', { CC_LOG_DIAGNOSTICS_FILE: 'log' }, 'unprovable'],
    ['g++ -c a.cc -time=t', {}, 'unprovable'],
    ['g++ -c a.cc -fopt-info-vec=t', {}, 'unprovable'],
    ['g++ -c a.cc -fopt-info-vec', {}, 'travels'],
    ['ccache g++ -c a.cc', { CCACHE_LOGFILE: '/var/log/x' }, 'outside-share'],
    ['ccache g++ -c a.cc', { CCACHE_DIR: '/home/u/.ccache' }, 'travels'],
    ['g++ -c a.cc', { TMPDIR: '/tmp' }, 'travels'],
    ['g++ -c a.cc', { TMPDIR: '/var/tmp/' }, 'travels'],
    ['g++ -c a.cc', { TMPDIR: '/share/tmp' }, 'travels'],
    ['g++ -c a.cc', { TMPDIR: '/run/user/1/t' }, 'outside-share'],
    ['gen x', { LD_PRELOAD: 'libfakeroot-sysv.so' }, 'outside-share'],
    ['gen x', { LD_LIBRARY_PATH: '/share/lib:/usr/lib' }, 'travels'],
    ['gen x', { LD_LIBRARY_PATH: '/home/u/lib' }, 'outside-share'],
  ];
  for (const [line, env, expected] of environments)
    it(`says ${expected} of ${line} with ${JSON.stringify(env)}`, () =>
      assert.equal(decide(line, {}, env), expected));

  const long = 'x'.repeat(256);
  for (const [line, expected] of [
    [`g++ -c ${long}`, 'unprovable'],
    [`g++ -c a.cc -o d/${long}/a.o`, 'unprovable'],
    [`g++ -c a.cc -I/usr/${long}`, 'unprovable'],
    [`g++ -c ${'d/'.repeat(2_048)}a.cc`, 'unprovable'],
    [`g++ -c ${'d/'.repeat(1_000)}a.cc`, 'travels'],
    [`g++ -c ${'x'.repeat(255)}`, 'travels'],
    [`sh -c ${long}`, 'travels'],
  ] as const)
    it(`says ${expected} of ${line.slice(0, 40)}… with ${line.length} bytes`, () =>
      assert.equal(decide(line), expected));

  it('does not go where the directory was deleted or is outside', () => {
    assert.equal(decide('g++ -c a.cc', {}, {}, ''), 'outside-share');
    assert.equal(decide('g++ -c /share/a.cc -o /share/a.o', {}, {}, '/tmp'), 'outside-share');
    assert.equal(decide('g++ -c a.cc', {}, {}, '/share/../tmp'), 'outside-share');
  });
});

describe('absolutePathsIn', () => {
  for (const [argument, paths] of [
    ['/a/b', '/a/b'],
    ['a/b', ''],
    ['./a', ''],
    ['--x=/a,/b', '/a /b'],
    ['-I/a', '/a'],
    ['-Wl,-rpath,/a:/b', '/a /b'],
    ['x:/a', '/a'],
    ['file:///a', ''],
    ['https://a/b', ''],
    ['"/a b"', '/a'],
    ['echo /a>/b', '/a /b'],
    ['$(cat /a)', '/a'],
    ['s/a/b/', ''],
    ['@/a', '/a'],
    ['', ''],
    ['-', ''],
  ] as const)
    it(`finds ${paths || 'none'} in ${JSON.stringify(argument)}`, () =>
      assert.equal(absolutePathsIn(argument).join(' '), paths));
});

describe('the word that keeps a command here', () => {
  const cases: readonly (readonly [line: string, word: string | undefined, env?: Record<string, string>])[] =
    [
      ['g++ -c /home/x/a.cc -o a.o', '/home/x/a.cc'],
      ['g++ -c a.cc -o /home/x/a.o', '/home/x/a.o'],
      ['g++ -c a.cc -I/home/x', '/home/x'],
      ['g++ -E a.cc', '-E'],
      ['g++ -MM a.cc', '-MM'],
      ['g++ -c -x c++ - -o a.o', '-'],
      ['g++ --version', '--version'],
      ['g++ -print-search-dirs', '-print-search-dirs'],
      ['g++ -c conftest.cc', 'conftest.cc'],
      ['g++ -c a.cc', 'LD_PRELOAD=libfakeroot.so', { LD_PRELOAD: 'libfakeroot.so' }],
      ['g++ -c a.cc', 'TMPDIR=/scratch', { TMPDIR: '/scratch' }],
      ['g++ -c a.cc', 'LD_LIBRARY_PATH=/home/lib', { LD_LIBRARY_PATH: '/share/lib:/home/lib' }],
    ];
  for (const [line, word, env = {}] of cases)
    it(`${line} ${JSON.stringify(env)}`, () => {
      const command = { argv: words(line), cwd, env: new Map(Object.entries(env)) };
      assert.equal(mayTravel(readCommand(command, new Map()).reading, command, place).word, word);
    });
  it('is the directory where that is in no share', () => {
    const command = { argv: words('g++ -c a.cc'), cwd: '/tmp/x', env: new Map() };
    assert.equal(mayTravel(readCommand(command, new Map()).reading, command, place).word, '/tmp/x');
  });
});

describe('mayBeServed', () => {
  const cases: readonly (readonly [line: string, expected: string, env?: Record<string, string>])[] = [
    ['g++ -c /elsewhere/a.cc -o a.o', 'travels'],
    ['g++ -c a.cc -o /elsewhere/a.o', 'outside-share'],
    ['./test /usr/share/x', 'travels'],
    ['./test --memory=/dev/shm/x', 'outside-share'],
    ['g++ -c a.cc -I../../dev/shm/x', 'outside-share'],
    ['g++ -c a.cc', 'outside-share', { CPATH: '/dev/shm/x' }],
    ['g++ a.o -o a', 'outside-share', { LIBRARY_PATH: '/usr/lib:/dev/shm/lib' }],
    ['./test', 'outside-share', { LD_LIBRARY_PATH: '/dev/shm/lib' }],
    ['./test', 'travels', { LD_LIBRARY_PATH: '/usr/local/lib' }],
    ['./test', 'outside-share', { TMPDIR: '/elsewhere' }],
    ['./test', 'outside-share', { LD_PRELOAD: '/usr/lib/libfaketime.so' }],
  ];
  for (const [line, expected, env = {}] of cases)
    it(line, () => {
      const command = { argv: words(line), cwd, env: new Map(Object.entries(env)) };
      const { reading } = readCommand(command, new Map());
      assert.equal(mayBeServed(reading, command, place).reason ?? 'travels', expected);
    });
});
