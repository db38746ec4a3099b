import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeIntroduction, machineNameOf, parseIntroduction } from '../../../src/pairing/introduction.ts';

const introduction = { name: 'lab1', key: `${'a'.repeat(43)}=`, addresses: ['/ip4/10.0.0.1/tcp/1'] };

test('an introduction is found among what a login shell prints', () => {
  const text = `Welcome!\nbuildswarm is here\n${encodeIntroduction(introduction)}bye\n`;
  assert.deepEqual(parseIntroduction(text), introduction);
  assert.equal(parseIntroduction('Welcome!\n'), undefined);
});

test('what is not understood is said', () => {
  const line = encodeIntroduction(introduction);
  assert.throws(() => parseIntroduction(line.replace(' 1 ', ' 2 ')), /another version/);
  assert.throws(() => parseIntroduction(line.replace('"name"', '"nam"')), /makes no sense/);
  assert.throws(() => parseIntroduction(line.replace('lab1', '../lab1')), /makes no sense/);
  assert.throws(() => parseIntroduction(line.slice(0, 40)), /makes no sense/);
});

test('a host name becomes the name of a machine', () => {
  assert.equal(machineNameOf('lab1.example.org'), 'lab1.example.org');
  assert.equal(machineNameOf('..\u00e9/x y'), 'x-y');
  assert.equal(machineNameOf('---'), 'machine');
  assert.equal(machineNameOf('x'.repeat(80)).length, 64);
});
