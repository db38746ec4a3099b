/**
 * A real compiler, asked: are the object and the dependency file made under hidden names the very bytes that they would have been
 * under their own? Are the files written those that the reading foretold? Compilers that are not installed are skipped.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { after, describe, it } from 'node:test';
import { readCommand } from '../../src/core/command/read-command.ts';
import { isFull } from '../rig/effort.ts';
import { type RenamedCase, renamedCases, writtenInPlaceCases } from './rename-cases.ts';

const tag = '3-0123456789abcdef';
const root = mkdtempSync(join(tmpdir(), 'buildswarm-rename-'));
const place = join(root, 'tree');
after(() => rmSync(root, { recursive: true, force: true }));

const unit = `#include "own.h"
#include <stdarg.h>
static int helper(int x) { return x * FACTOR + 1; }
const char *file_name(void) { return __FILE__; }
const char *base_name(void) { return __BASE_FILE__; }
int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s += helper(i); return s; }
`;
const unitPlus = `#include "own.h"
#include <initializer_list>
namespace { struct Hidden { virtual ~Hidden() {} int x = FACTOR; }; Hidden hidden; int counter; }
static int before = ++counter;
template <class T> T twice(T t) { return t + t; }
inline int shared() { static int n = before; return n++; }
int use(std::initializer_list<int> all) { int s = hidden.x; for (int i : all) s += twice(i) + shared(); return s; }
const char *file_name() { return __FILE__; }
#ifdef __cpp_exceptions
int guard() { try { throw 1; } catch (...) { return 2; } }
#endif
`;
const assembly = '\t.text\n\t.globl f\nf:\n\tret\n';

/** A fresh tree at one and the same path, since compilers record where they worked. */
function freshTree(): void {
  rmSync(place, { recursive: true, force: true });
  for (const dir of ['src', 'out', 'out.d', 'inc', 'a b']) mkdirSync(join(place, dir), { recursive: true });
  const files: Record<string, string> = {
    'inc/own.h': '#define FACTOR 3\n',
    'flags.rsp': '-O1 "-Iinc" -DX=1\n',
    'list.txt': 'fun:nothing\n',
    'other.c': 'int other(void) { return 0; }\n',
    'with-main.c': 'int main(void) { return 0; }\n',
    'src/pre.i': 'int f(void) { return 1; }\n',
    'src/pre.ii': 'int f() { return 1; }\n',
    'src/asm.s': assembly,
    'src/asm.S': `#include "own.h"\n${assembly}`,
    'src/head.h': 'int h;\n',
  };
  for (const name of ['unit.c', 'src/unit.c', 'src/a.b.c', 'a b/u $x#y.c', '.dot.c']) files[name] = unit;
  for (const name of ['unit.cc', 'src/unit.cc', 'src/unit.cpp', 'src/unit.C', 'src/noext'])
    files[name] = unitPlus;
  for (const [name, content] of Object.entries(files)) writeFileSync(join(place, name), content);
}

function allFiles(): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const entry of readdirSync(place, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(place.length + 1), readFileSync(path));
  }
  return found;
}

interface Run {
  readonly status: number | null;
  readonly messages: string;
  /** Files that were not there before, or are not what they were. */
  readonly written: ReadonlyMap<string, Buffer>;
}

function run(argv: readonly string[]): Run {
  freshTree();
  const before = allFiles();
  const env = { ...process.env, LC_ALL: 'C' };
  const [program = '', ...words] = argv;
  const ended = spawnSync(program, words, { cwd: place, env, timeout: 120_000 });
  const written = allFiles();
  for (const [path, bytes] of before) if (written.get(path)?.equals(bytes)) written.delete(path);
  return { status: ended.status, messages: `${ended.stdout.toString()}${ended.stderr.toString()}`, written };
}

function responses(): Map<string, string> {
  return new Map([[join(place, 'flags.rsp'), '-O1 "-Iinc" -DX=1\n']]);
}

const installed = (program: string) => spawnSync(program, ['--version']).status === 0;

/** The drivers of a compiler, for C and C++. */
type Drivers = readonly [string, string];

/** A case that both drivers understand is put to one of them, in turn, unless all shall be played. */
function isAsked(drivers: Drivers, program: string, { only }: RenamedCase, index: number): boolean {
  const understands = (driver: string): boolean => only === undefined || only.includes(driver);
  const able = drivers.filter(understands);
  return isFull ? understands(program) : able[index % able.length] === program;
}

/** Asks both drivers of a compiler. */
export function askDrivers(drivers: Drivers): void {
  for (const program of drivers) askDriver(drivers, program);
}

function askDriver(drivers: Drivers, program: string): void {
  const skip = installed(program) ? false : `${program} is not installed`;
  describe(`outputs of ${program} under hidden names`, { skip }, () => {
    for (const [index, one] of renamedCases.entries()) {
      const { words } = one;
      if (!isAsked(drivers, program, one, index)) continue;
      it(`are byte-identical: ${words.join(' ')}`, () => {
        const argv = [program, '-Iinc', ...words];
        const { reading, missing } = readCommand({ argv, cwd: place, env: new Map() }, responses());
        assert.deepEqual(missing, []);
        assert.equal(reading.inPlaceBecause, undefined);
        assert.ok(reading.rename);
        const direct = run(argv);
        assert.equal(direct.status, 0, direct.messages);
        const foretold = reading.outputs.map(({ path }) => normalize(path)).toSorted();
        assert.deepEqual([...direct.written.keys()].toSorted(), foretold);

        const hidden = run(reading.rename.argvFor(tag));
        assert.equal(hidden.status, 0, hidden.messages);
        assert.equal(hidden.messages, direct.messages);
        const renames = reading.rename.outputsFor(tag);
        assert.deepEqual(
          [...hidden.written.keys()].toSorted(),
          renames.map(({ hidden }) => normalize(hidden)).toSorted(),
        );
        for (const output of renames) {
          renameSync(join(place, output.hidden), join(place, output.path));
          const made = hidden.written.get(normalize(output.hidden));
          const expected = direct.written.get(normalize(output.path));
          assert.ok(made && expected && made.equals(expected), `${output.path} differs`);
        }
      });
    }
    for (const [index, one] of writtenInPlaceCases.entries()) {
      const { words, because, written } = one;
      if (!isAsked(drivers, program, one, index)) continue;
      it(`are not made, since it writes in place: ${words.join(' ')}`, () => {
        const argv = [program, '-Iinc', ...words];
        const { reading } = readCommand({ argv, cwd: place, env: new Map() }, responses());
        assert.equal(reading.rename, undefined);
        assert.equal(reading.inPlaceBecause, because);
        const direct = run(argv);
        assert.equal(direct.status, 0, direct.messages);
        const foretold = reading.outputs.map(({ path }) => normalize(path)).toSorted();
        if (written !== 'more') assert.deepEqual([...direct.written.keys()].toSorted(), foretold);
        else
          assert.ok(
            foretold.every((path) => direct.written.has(path)),
            foretold.join(' '),
          );
      });
    }
  });
}
