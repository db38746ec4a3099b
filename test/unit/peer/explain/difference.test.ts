import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuDifference, toolDifference } from '../../../../src/peer/explain/difference.ts';

const parts = [
  { path: '/usr/bin/gcc', identity: 'build-id:1' },
  { path: '/usr/bin/as', identity: 'build-id:2' },
];
const own = { name: 'gcc', description: 'gcc 12.2.0', parts };

test('versions are named where they differ, else the first file that does', () => {
  const told = (other: Partial<typeof own>): string => toolDifference(own, { ...own, ...other });
  assert.equal(told({ description: 'gcc 13.1.0' }), 'gcc is gcc 12.2.0 here, and gcc 13.1.0 there');
  const same = 'gcc is gcc 12.2.0 on both machines, but';
  const [gcc, as] = parts as [(typeof parts)[0], (typeof parts)[0]];
  assert.equal(told({ parts: [gcc, { ...as, identity: 'build-id:3' }] }), `${same} /usr/bin/as differs`);
  const ld = { path: '/usr/bin/ld', identity: 'build-id:4' };
  assert.equal(told({ parts: [...parts, ld] }), `${same} only the other one has /usr/bin/ld`);
  assert.equal(told({ parts: [gcc] }), `${same} only this one has /usr/bin/as`);
  assert.equal(told({}), `${same} its contents differ`);
  const bytes = Buffer.from('/opt/größe/cc', 'utf8').toString('latin1');
  const odd = { ...own, name: bytes };
  assert.match(toolDifference(odd, { ...odd, description: 'x' }), /^\/opt\/größe\/cc is /);
});

test('two CPUs of one name differ in what they can do', () => {
  assert.equal(cpuDifference('i7', 'i9'), 'its CPU is i9, and i7 here');
  assert.equal(cpuDifference('i7', 'i7'), 'its CPU is i7, as it is here, but has other features');
});
