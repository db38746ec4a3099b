import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Command } from '../../../../src/core/command/contract.ts';
import { readCommand } from '../../../../src/core/command/read-command.ts';
import { mayTravel } from '../../../../src/core/command/travel.ts';
import { resolvePath } from '../../../../src/core/paths.ts';
import { roundsOf } from '../../../rig/effort.ts';
import { cwd } from './reading.ts';

const tools = ['gcc', 'g++', 'clang', 'cc', 'ccache', 'ld', 'ar', 'ranlib', 'as', 'strip', 'cpp', 'python3'];
const known =
  '-c -S -E -o -oout -MD -MMD -MF -MFx -MT -MQ t -x c++ none -I -Iinc -isystem -L -l -lz -T -u -z -Wl,-Map=m -Wl, -Wl,-T -Wp,-MD,f -Wp, -Wa,-I -Xclang -Xlinker -include -save-temps --coverage -gsplit-dwarf -fnew -v -- - @f @ -g -O2 -march=native a.c b.cc d/c.cpp x.h a.o l.a /dev/null /tmp/x.c --version -fsyntax-only -emit-llvm --output= --sysroot= rcs k=v'.split(
    ' ',
  );
const bytes = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 12,
});
const word = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: bytes });
const argv = fc
  .tuple(fc.constantFrom(...tools), fc.array(word, { maxLength: 14 }))
  .map(([tool, rest]) => [tool, ...rest]);
const env = fc
  .dictionary(
    fc.constantFrom('CPATH', 'DEPENDENCIES_OUTPUT', 'TMPDIR', 'LD_PRELOAD', 'CCACHE_DEBUG'),
    bytes,
    { maxKeys: 2 },
  )
  .map((record) => new Map(Object.entries(record)));
const files = fc
  .dictionary(fc.constantFrom(`${cwd}/f`, `${cwd}/t`), fc.option(bytes, { nil: undefined }))
  .map((record) => new Map(Object.entries(record)));

/** Compiles of one source to one output, with groups of other words in any order around them: two of five can be renamed. */
const groups = [
  ['-MD'],
  ['-MMD', '-MP'],
  ['-MF', 'deps/x.d'],
  ['-MFx.d'],
  ['-MT', 't'],
  ['-Wp,-MD,deps/y.d'],
  ['-I', 'inc'],
  ['-O2', '-g'],
  ['-include', 'x.h'],
];
const sensible = fc
  .record({
    tool: fc.constantFrom(['gcc'], ['clang++'], ['ccache', 'cc']),
    mode: fc.constantFrom('-c', '-S'),
    source: fc.constantFrom('a.c', 'd/b c.cc'),
    output: fc.constantFrom([], ['-o', 'out/x.o'], ['-oout/x.o']),
    others: fc.subarray(groups),
  })
  .chain(({ tool, mode, source, output, others }) => {
    const parts = [[mode], [source], output, ...others];
    return fc
      .shuffledSubarray(parts, { minLength: parts.length })
      .map((shuffled) => [...tool, ...shuffled.flat()]);
  });

describe('readCommand, whatever it is given', () => {
  it('never throws, and neither does mayTravel', () => {
    fc.assert(
      fc.property(fc.oneof(argv, fc.array(bytes)), env, files, (argv, env, files) => {
        const command: Command = { argv, cwd, env };
        const { reading, missing } = readCommand(command, files);
        assert.ok(missing.every((path) => path.startsWith('/') && !files.has(path)));
        assert.equal(reading.rename === undefined, reading.inPlaceBecause !== undefined);
        const travel = mayTravel(reading, command, {
          shareOf: () => '/share',
          stdin: 'null',
          stdoutIsTerminal: false,
          descriptors: 0,
          surroundings: '',
          force: '',
        });
        assert.equal(travel.travels, travel.reason === undefined);
      }),
      { numRuns: roundsOf({ brief: 150, full: 3_000 }) },
    );
  });

  it('renames by changing nothing but the names of outputs', () => {
    let plans = 0;
    const numRuns = roundsOf({ brief: 500, full: 10_000 });
    fc.assert(
      fc.property(fc.oneof(argv, sensible), (argv) => {
        const { reading } = readCommand({ argv, cwd, env: new Map() }, new Map());
        if (!reading.rename) return;
        plans++;
        const tag = '1-tag';
        const hidden = reading.rename.argvFor(tag);
        const names = reading.rename.outputsFor(tag);
        // Taking the inserted words out and the real names back in must give what was there.
        const extra = hidden.length - argv.length;
        const at = reading.toolIndex + 1;
        const inserted = hidden.slice(at, at + extra);
        assert.ok(
          inserted.every((_, index) => index % 2 === 1 || /^-(?:MQ|o|MF)$/.test(inserted[index] ?? '')),
        );
        const rest = [...hidden.slice(0, at), ...hidden.slice(at + extra)];
        const restored = rest.map((word) =>
          names.reduce((text, { path, hidden: name }) => text.replace(name, () => path), word),
        );
        assert.deepEqual(restored, argv);
        assert.deepEqual(
          names.map(({ path }) => path),
          reading.outputs.map(({ path }) => path),
        );
        for (const { path, hidden: name } of names) {
          assert.ok(
            hidden.some((word) => word.includes(name)),
            name,
          );
          const dir = (text: string) => text.slice(0, text.lastIndexOf('/') + 1);
          assert.equal(dir(resolvePath(cwd, path)), dir(resolvePath(cwd, name)));
        }
        // The same again under another tag differs only in the tag.
        assert.deepEqual(
          reading.rename.argvFor('2-tag').map((word) => word.replace('2-tag', tag)),
          hidden,
        );
      }),
      { numRuns },
    );
    assert.ok(plans > numRuns / 10, `only ${plans} of the random commands could be renamed`);
  });
});
