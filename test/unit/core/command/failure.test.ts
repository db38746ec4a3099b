/** What compilers say when they fail, as gcc 12, clang 14, binutils 2.40 and the C library say it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyFailure, effectOfFailure } from '../../../../src/core/command/failure.ts';
import type { Ending } from '../../../../src/core/schedule/contract.ts';

const exited = (status: number): Ending => ({ kind: 'exited', status });

function kindOf(text: string, ending: Ending = exited(1), env: Record<string, string> = {}): string {
  return classifyFailure({ ending, text, env: new Map(Object.entries(env)) });
}

const german = { LANG: 'de_DE.UTF-8' };

test('an error in a source is an ordinary one', () => {
  for (const text of [
    "a.c:2:21: error: 'y' undeclared (first use in this function)\n",
    'a.c:3:2: error: #error no good\n    3 | #error no good\n',
    'a.c:2:10: fatal error: sub/missing.h: No such file or directory\ncompilation terminated.\n',
    "a.c:2:10: fatal error: 'sub/missing.h' file not found\n",
    "a.c:2:17: error: unused variable 'u' [-Werror=unused-variable]\ncc1: all warnings being treated as errors\n",
    "a.c: In function 'f':\na.c:1:1: error: expected ';' before '}' token\n",
    "/tmp/ccW0pqvB.s: Assembler messages:\n/tmp/ccW0pqvB.s:12: Error: no such instruction: `bogus %eax'\n",
    '',
  ])
    assert.equal(kindOf(text), 'ordinary', text);
  assert.equal(kindOf('a.c:1:1: error: x\n', exited(1), { LC_ALL: 'en_US.UTF-8' }), 'ordinary');
});

test('a process that was killed, or a tool that says so, lacked memory', () => {
  assert.equal(kindOf('', { kind: 'signaled', signal: 9, core: false }), 'memory');
  for (const text of [
    'g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n',
    'gcc: fatal error: Killed signal terminated program as\n',
    'collect2: fatal error: ld terminated with signal 9 [Killed]\n',
    'clang: error: unable to execute command: Killed\n',
    'cc1: out of memory allocating 4072 bytes after a total of 1417216 bytes\n',
    'virtual memory exhausted: Cannot allocate memory\n',
    '\u001b[01m\u001b[Kcc1plus:\u001b[m\u001b[K out of memory allocating 65536 bytes\n',
  ])
    assert.equal(kindOf(text), 'memory', text);
});

test('what a limit or a full disk does to real compilers', () => {
  const killed = 'gcc: fatal error: Killed signal terminated program cc1\n';
  const rows: readonly [string, number, string][] = [
    ['virtual memory exhausted: Cannot allocate memory\n', 1, 'memory'],
    ['LLVM ERROR: out of memory\nAllocation failed\nPLEASE submit a bug report\n', 74, 'memory'],
    [killed, 1, 'memory'],
    ['fatal error: error in backend: IO failure on output stream: No space left on device\n', 74, 'space'],
    ['gcc: internal compiler error: File size limit exceeded signal terminated program cc1\n', 4, 'space'],
    [
      'PLEASE submit a bug report to https://github.com/llvm/llvm-project/issues/\nStack dump:\n',
      141,
      'unusual',
    ],
    ['g++: internal compiler error: Segmentation fault signal terminated program cc1plus\n', 4, 'unusual'],
    ['clang: error while loading shared libraries: libLLVM-14.so.1: failed to map segment\n', 127, 'unusual'],
    ['<command-line>: fatal error: stdc-predef.h: Too many open files\n', 1, 'unusual'],
    ["/tmp/cc.s: Fatal error: can't create /nonexistent/x.o: No such file or directory\n", 1, 'unusual'],
  ];
  for (const [text, status, kind] of rows) assert.equal(kindOf(text, exited(status)), kind, text);
});

test('a disk that is full, and a file that may not grow, are no error of a source', () => {
  for (const text of [
    "/tmp/cc3.s: Fatal error: can't write 116 bytes to section .text of a.o: 'No space left on device'\n",
    'a.c:1:1: fatal error: error writing to /tmp/ccB.s: No space left on device\n',
    "error: error opening 'a.d': Disk quota exceeded\n",
    'as: a.o: File too large\n',
  ])
    assert.equal(kindOf(text), 'space', text);
});

test('a crash, a limit, a status other than 1 and a signal are unusual', () => {
  for (const text of [
    'a.c:1:1: internal compiler error: in foo, at bar.cc:1\n',
    'gcc: fatal error: Segmentation fault signal terminated program cc1\n',
    'a.c:1:10: fatal error: x.h: Permission denied\n',
    'a.c:1:10: fatal error: x.h: Stale file handle\n',
    'LLVM ERROR: IO failure on output stream: Input/output error\n',
    'gcc: fatal error: cannot execute ‘cc1’: vfork: Resource temporarily unavailable\n',
  ])
    assert.equal(kindOf(text), 'unusual', text);
  assert.equal(kindOf('a.c:1:1: error: x\n', exited(4)), 'unusual');
  for (const signal of [6, 7, 11, 24, 25])
    assert.equal(kindOf('', { kind: 'signaled', signal, core: false }), 'unusual');
});

test('in a language that is not read only messages about sources, and none of a tool, are ordinary', () => {
  assert.equal(kindOf('a.c:2:21: Fehler: »y« nicht deklariert\n', exited(1), german), 'ordinary');
  for (const text of [
    'cc1: Kein Speicher mehr beim Versuch, 4072 Bytes zu reservieren\n',
    'a.c:2:1: Warnung: x\n/tmp/ccW0pqvB.s: Fataler Fehler: Auf dem Gerät ist kein Speicherplatz mehr verfügbar\n',
    'a.c:2:1: Warnung: x\ng++: schwerwiegender Fehler: Getötet Signal\n',
    'a.c:2:1: Fehler: x\ncc1: Alle Warnungen werden als Fehler behandelt\n',
    'Kein Speicher\n',
  ])
    assert.equal(kindOf(text, exited(1), german), 'unusual', text);
  const translated = { LANG: 'en_US.UTF-8', LANGUAGE: 'de:en' };
  assert.equal(kindOf('cc1: Kein Speicher\n', exited(1), translated), 'unusual');
  assert.equal(kindOf('cc1: x\n', exited(1), { ...german, LC_ALL: 'C.UTF-8', LANGUAGE: 'de' }), 'ordinary');
});

test('an opaque command that changed something, ran for long or died of a signal had an effect', () => {
  const plain = { ending: exited(1), wallMs: 1_000, changed: undefined };
  assert.equal(effectOfFailure(plain), undefined);
  assert.equal(effectOfFailure({ ...plain, wallMs: 1_001 }), 'ran for 1001 ms');
  assert.equal(effectOfFailure({ ...plain, changed: '/s/flag' }), 'changed /s/flag');
  const died = { kind: 'signaled', signal: 11, core: false } as const;
  assert.equal(effectOfFailure({ ...plain, ending: died }), 'died of signal 11');
});
