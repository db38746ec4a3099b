/** What a worker is told that it will want, by what others have asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeAsk } from '../../../../src/core/tree/contract.ts';
import { ReadProfiles } from '../../../../src/core/tree/read-profiles.ts';

const job = (kind: string, ...inputs: string[]) => ({ kind, inputs, outputs: [] });
const name = (path: string): TreeAsk => ({ kind: 'name', path });
const read = (path: string, piece = 0, sizeBytes = 100): TreeAsk => ({
  kind: 'read',
  path,
  piece,
  sizeBytes,
});
const source = (path: string): TreeAsk => read(path, 0, 1024 * 1024);
const MiB = 1024 * 1024;

test('a worker that never had such a job is told what others asked for, once and in their order', () => {
  const profiles = new ReadProfiles();
  assert.deepEqual(profiles.offered('a', job('cc'), 0), []);
  const asks = [name('/usr'), read('/usr/cc'), name('/usr/absent'), read('/usr/cc', 1)];
  for (const ask of [...asks, read('/usr/cc')]) profiles.asked('a', ask, 10);
  assert.deepEqual(profiles.offered('b', job('cc'), 20), asks);
  assert.deepEqual(profiles.offered('b', job('cc'), 30), []);
  // What came since.
  profiles.asked('a', name('/usr/new'), 40);
  assert.deepEqual(profiles.offered('b', job('cc'), 50), [name('/usr/new')]);
  assert.deepEqual(profiles.offered('a', job('cc'), 60), [], 'who has asked for it has it');
});

test('what a worker has asked for by itself it is not told of', () => {
  const profiles = new ReadProfiles();
  profiles.offered('a', job('cc'), 0);
  for (const path of ['/x', '/y']) profiles.asked('a', name(path), 0);
  profiles.asked('b', name('/x'), 0);
  assert.deepEqual(profiles.offered('b', job('cc'), 0), [name('/y')]);
});

test('what can be no path nobody is told of, whatever a command line says', () => {
  const profiles = new ReadProfiles();
  const long = `/${'x'.repeat(251)}.c`;
  profiles.offered('a', job('cc', '/u.c'), 0);
  profiles.asked('a', name('/u.c.gch'), 0);
  const inputs = ['/', `/${'x'.repeat(256)}`, '/x'.repeat(2_048), long];
  assert.deepEqual(profiles.offered('a', job('cc', ...inputs), 0), [source(long)]);
});

test('one that comes back has nothing', () => {
  const profiles = new ReadProfiles();
  profiles.offered('a', job('cc'), 0);
  profiles.asked('a', name('/x'), 0);
  profiles.left('a');
  assert.deepEqual(profiles.offered('a', job('cc'), 0), [name('/x')]);
});

test('requests count for the kinds whose jobs were offered to that worker of late', () => {
  const profiles = new ReadProfiles();
  profiles.offered('a', job('cc'), 0);
  profiles.offered('a', job('ld'), 20_000);
  profiles.asked('a', name('/both'), 29_999);
  profiles.asked('a', name('/ld'), 30_000);
  profiles.offered('other', job('as'), 30_000);
  profiles.asked('other', name('/as'), 30_000);
  assert.deepEqual(profiles.offered('b', job('cc'), 0), [name('/both')]);
  assert.deepEqual(profiles.offered('b', job('ld'), 0), [name('/ld')]);
});

test('what a job names is its own: told with it, and of no interest to others', () => {
  const profiles = new ReadProfiles();
  assert.deepEqual(profiles.offered('a', job('cc', '/s/a.c'), 0), [source('/s/a.c')]);
  for (const ask of [read('/s/a.c'), read('/s/a.h')]) profiles.asked('a', ask, 0);
  assert.deepEqual(profiles.offered('b', job('cc', '/s/b.c'), 0), [read('/s/a.h'), source('/s/b.c')]);
  // Again, after nothing and after a change.
  assert.deepEqual(profiles.offered('b', job('cc', '/s/b.c'), 0), []);
  profiles.changed('/s/b.c');
  assert.deepEqual(profiles.offered('b', job('cc', '/s/b.c'), 0), [source('/s/b.c')]);
});

test('names beside what a job names are told of the next job’s: endings are learnt, and outputs are known', () => {
  const profiles = new ReadProfiles();
  const unit = (stem: string) => ({ kind: 'cc', inputs: [`${stem}.c`], outputs: [`${stem}.o`] });
  assert.deepEqual(profiles.offered('a', unit('/d/u.x'), 0), [source('/d/u.x.c'), name('/d/u.x.o')]);
  for (const path of ['/d/u.x.c', '/d/u.x.c.gch', '/d/u.x.o', '/e/u.x.c.gch', '/d/v.gch'])
    profiles.asked('a', name(path), 1);
  assert.deepEqual(profiles.offered('b', unit('/f/w'), 2), [
    name('/e/u.x.c.gch'),
    name('/d/v.gch'),
    source('/f/w.c'),
    name('/f/w.c.gch'),
    name('/f/w.o'),
  ]);
  profiles.changed('/f/w.o');
  assert.deepEqual(profiles.offered('b', unit('/f/w'), 3), [name('/f/w.o')]);
  for (let n = 0; n < 20; n += 1) profiles.asked('b', name(`/f/w.c.${n}`), 4);
  assert.equal(profiles.offered('b', unit('/g/w'), 5).length, 2 + 8);
});

test('no more is told at a time than a share of the network bears; the rest comes with the next job', () => {
  const profiles = new ReadProfiles();
  profiles.offered('a', job('cc'), 0);
  const asks = Array.from({ length: 100 }, (_, piece) => read('/big', piece, MiB));
  for (const ask of asks) profiles.asked('a', ask, 0);
  assert.deepEqual(profiles.offered('b', job('cc'), 0), asks.slice(0, 64));
  assert.deepEqual(profiles.offered('b', job('cc'), 0), asks.slice(64));
});

test('what is remembered has an end', () => {
  const profiles = new ReadProfiles();
  profiles.offered('a', job('cc'), 0);
  for (let n = 0; n < 10_000; n += 1) profiles.asked('a', name(`/${n}`), 0);
  assert.equal(profiles.offered('b', job('cc'), 0).length, 8_192);
  for (let n = 0; n < 64; n += 1) profiles.offered('c', job(`kind ${n}`), 0);
  assert.deepEqual(
    profiles.offered('d', job('cc'), 0),
    [],
    'the kind that was longest not seen is forgotten',
  );
});
