import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StdinWindow } from '../../../../src/peer/submit/stdin-window.ts';

function windowOf() {
  const asked: number[] = [];
  const stdin = new StdinWindow((takenBytes) => asked.push(takenBytes));
  const first = () => {
    const { data, ended } = stdin.begin();
    return [Buffer.from(data).toString(), ended];
  };
  return { stdin, asked, first };
}

test('stdin is asked for once, by the first attempt', () => {
  const { asked, first } = windowOf();
  assert.deepEqual(
    [first(), first()],
    [
      ['', false],
      ['', false],
    ],
  );
  assert.deepEqual(asked, [0]);
});

test('what was read is let go of, what was not is kept', () => {
  const { stdin, asked, first } = windowOf();
  first();
  stdin.data(Buffer.from('one '));
  stdin.data(Buffer.from('two'));
  stdin.end();
  assert.equal(stdin.taken, false);
  stdin.advance(4);
  assert.deepEqual(first(), ['two', true]);
  assert.equal(stdin.taken, true);
  assert.deepEqual(asked, [0, 4]);
});

test('a count that goes back, or beyond what was sent, is passed over', () => {
  const { stdin, asked, first } = windowOf();
  first();
  stdin.data(Buffer.from('12345'));
  for (const totalBytes of [0, 6, 3, 2]) stdin.advance(totalBytes);
  assert.deepEqual(asked, [0, 3]);
});
