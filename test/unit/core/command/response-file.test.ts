import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCommand } from '../../../../src/core/command/read-command.ts';
import { expandResponses, splitResponse } from '../../../../src/core/command/response-file.ts';
import { cwd, read } from './reading.ts';

describe('splitResponse', () => {
  const cases: readonly (readonly [content: string, words: readonly string[]])[] = [
    ['', []],
    [' \n\t ', []],
    ['a b\nc\td\r\ne', ['a', 'b', 'c', 'd', 'e']],
    ['"a b" c', ['a b', 'c']],
    ["'a \"b' c", ['a "b', 'c']],
    ['"it\'s"', ["it's"]],
    ['a\\ b', ['a b']],
    ['"a\\"b"', ['a"b']],
    ["'a\\'b'", ["a'b"]],
    ['-DX="a b"c', ['-DX=a bc']],
    ['"" a', ['', 'a']],
    ['a\\\\b', ['a\\b']],
    ['"open', ['open']],
    ['end\\', ['end']],
    ['\xe4\xff', ['\xe4\xff']],
  ];
  for (const [content, words] of cases)
    it(`splits ${JSON.stringify(content)}`, () => assert.deepEqual(splitResponse(content), words));
});

describe('expandResponses', () => {
  const expand = (argv: string[], files: Record<string, string | undefined>) =>
    expandResponses(argv, 1, cwd, new Map(Object.entries(files)));

  it('puts the words of a file in its place and keeps where the others stood', () => {
    const { words } = expand(['g++', '-c', '@f', 'a.cc'], { [`${cwd}/f`]: '-O2 -g' });
    assert.deepEqual(words, [
      { text: '-c', index: 1 },
      { text: '-O2', index: -1 },
      { text: '-g', index: -1 },
      { text: 'a.cc', index: 3 },
    ]);
  });
  it('names the files it needs, absolute, and those they name at the next call', () => {
    assert.deepEqual(expand(['g++', '@x/f', '@/abs'], {}).missing, [`${cwd}/x/f`, '/abs']);
    assert.deepEqual(expand(['g++', '@f'], { [`${cwd}/f`]: '@g' }).missing, [`${cwd}/g`]);
  });
  it('leaves the name of a file that is not there as it stands', () => {
    const { words, missing } = expand(['g++', '@f', '@'], { [`${cwd}/f`]: undefined });
    assert.deepEqual(
      words.map(({ text }) => text),
      ['@f', '@'],
    );
    assert.deepEqual(missing, []);
  });
  it('ends with a file that names itself, once or twice', () => {
    assert.ok(expand(['g++', '@f'], { [`${cwd}/f`]: '@f' }).cutOff);
    assert.ok(expand(['g++', '@f'], { [`${cwd}/f`]: 'a @f b @f' }).cutOff);
  });
});

describe('readCommand with response files', () => {
  const files = new Map([
    [`${cwd}/o.rsp`, 'a.o "b c.o"\n-L../lib @more.rsp'],
    [`${cwd}/more.rsp`, '-lz'],
    [`${cwd}/out.rsp`, '-o a.o'],
  ]);
  it('asks for the nested file only once it knows the outer one', () => {
    const command = { argv: ['g++', '@o.rsp', '-o', 'p'], cwd, env: new Map<string, string>() };
    assert.deepEqual(readCommand(command, new Map()).missing, [`${cwd}/o.rsp`]);
    const half = new Map([[`${cwd}/o.rsp`, files.get(`${cwd}/o.rsp`)]]);
    assert.deepEqual(readCommand(command, half).missing, [`${cwd}/more.rsp`]);
    assert.deepEqual(readCommand(command, files).missing, []);
  });
  it('reads what stands in them, and the files themselves', () => {
    const reading = read('g++ @o.rsp -o p', {}, files);
    assert.deepEqual(reading.inputs, ['a.o', 'b c.o', 'o.rsp', 'more.rsp']);
    assert.deepEqual(reading.otherDirs, ['../lib']);
    assert.deepEqual(reading.libraries, ['z']);
  });
  it('does the same for ar and ld', () => {
    const members = new Map([[`${cwd}/m`, 'a.o "b c.o"']]);
    assert.deepEqual(read('ar rcs l.a @m', {}, members).inputs, ['l.a', 'a.o', 'b c.o', 'm']);
    assert.deepEqual(read('ld -o p @o.rsp', {}, files).libraries, ['z']);
  });
  it('writes in place if the output is named in one', () => {
    assert.equal(read('g++ -c a.cc @out.rsp', {}, files).inPlaceBecause, 'outputs named in a response file');
  });
  it('writes in place if they never end', () => {
    const endless = new Map([[`${cwd}/f`, '@f']]);
    assert.match(read('g++ -c a.cc @f', {}, endless).inPlaceBecause ?? '', /too deep/);
  });
});
