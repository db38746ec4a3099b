/** What a worker tells a submitter of what a job has read. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { factBytes } from '../../src/core/fact.ts';
import { factFields } from '../../src/core/view/contract.ts';
import { Sameness } from '../../src/machine/sameness.ts';
import { Findings } from '../../src/peer/serve/findings.ts';
import { readFacts } from '../../src/share/facts.ts';
import { putRecord } from '../../src/share/look-answer.ts';
import { plainOffer } from '../rig/plain-offer.ts';
import { systemLooks } from '../rig/system-looks.ts';
import { until } from '../rig/until.ts';
import { sharedRig } from './share-rig.ts';

const submitter = '12D3KooWQJcXFxqSWNrgsPrRoBgbwkPc3cmesmnxpPRSHG9ox8Na';

test('numbers of what was read mean the same after a connection that was made anew unseen by the other end', async () => {
  await using rig = await sharedRig();
  const { disk, root } = rig;
  const now = (): number => performance.now();
  const findings = new Findings({ disk, sameness: new Sameness(systemLooks), now, traces: undefined });
  for (const name of ['a.c', 'b.h', 'c.h']) writeFileSync(join(root, name), name);
  const job = { peer: submitter, environment: Buffer.alloc(0) };
  const readBy = async (names: readonly string[], knownReports: number) => {
    const records = `h\0/bin/cc\0${names.map((name) => `r\0${name}\0`).join('')}`;
    const view = { refresh: [], files: [], fields: factFields, knownReports };
    const offer = { ...plainOffer(root), view, traced: true };
    const environmentOf = (environment: Uint8Array): Uint8Array => environment;
    const trace = { path: '', environmentOf, records: () => records };
    const { read } = await findings.look({ ...job, offer, trace });
    return {
      read: read?.read.toSorted(),
      added: read?.added.map(({ number, path }) => [number, path.slice(root.length)]),
    };
  };
  assert.deepEqual(await readBy(['a.c', 'b.h'], 0), {
    read: [0, 1, 2],
    added: [
      [0, '/a.c'],
      [1, '/b.h'],
      [2, ''],
    ],
  });
  // Here the connection has ended; there it has not, so what was told is still known there.
  findings.peerGone(submitter);
  assert.deepEqual(await readBy(['c.h', 'b.h'], 3), { read: [1, 2, 3], added: [[3, '/c.h']] });
});

test('a file is told as it was when the command opened it first, whatever became of it since', async () => {
  await using rig = await sharedRig();
  const { disk, root } = rig;
  const now = (): number => performance.now();
  const findings = new Findings({ disk, sameness: new Sameness(systemLooks), now, traces: undefined });
  const path = join(root, 'a.h');
  writeFileSync(path, 'first');
  const seen = Buffer.alloc(factBytes);
  const [fact] = await readFacts(disk, [path], { fresh: true });
  assert.ok(fact !== undefined);
  putRecord(seen, 0, fact);
  writeFileSync(path, 'the second');
  const later = Buffer.from(seen);
  later.writeBigUInt64LE(10n, 9);
  const opened = (record: Buffer): string => `R\0${path}\0${record.toString('latin1')}`;
  const other = join(root, 'b.h');
  writeFileSync(other, '');
  // What was only looked at is told as it is.
  const records = `h\0/bin/cc\0${opened(seen)}${opened(later)}s\0${other}\0`;
  const view = { refresh: [], files: [], fields: factFields, knownReports: 0 };
  const { read } = await findings.look({
    peer: submitter,
    environment: Buffer.alloc(0),
    offer: { ...plainOffer(root), view, traced: true },
    trace: { path: '', environmentOf: (environment) => environment, records: () => records },
  });
  const told = new Map(read?.added.map((entry) => [entry.path, entry.fact]));
  assert.deepEqual(
    [told.get(path), told.get(other)],
    [fact, ...(await readFacts(disk, [other], { fresh: true }))],
  );
});

test('more changed files than are told are told as such', async () => {
  await using rig = await sharedRig();
  const { disk, root } = rig;
  const now = (): number => performance.now();
  const findings = new Findings({ disk, sameness: new Sameness(systemLooks), now, traces: undefined });
  const job = { peer: submitter, environment: Buffer.alloc(0), trace: undefined };
  const lookAfter = async (count: number) => {
    const offer = { ...plainOffer(root), scan: [root] };
    await findings.begin(offer);
    for (let n = 0; n < count; n += 1) writeFileSync(join(root, `${n}`), '');
    return await findings.look({ ...job, offer });
  };
  const few = await lookAfter(2);
  assert.deepEqual(
    [few.outputs.map(({ path }) => path.slice(root.length)).toSorted(), few.unscanned],
    [['', '/0', '/1'], undefined],
  );
  const many = await lookAfter(4_001);
  assert.deepEqual(
    [many.outputs.length, many.unscanned],
    [4_000, 'more than 4000 files and directories changed'],
  );
});

test('where the clock of the share could be compared badly only, it is compared again soon', async () => {
  await using rig = await sharedRig();
  const { disk, root } = rig;
  const now = (): number => performance.now();
  // Each look at the clock takes long at first, as where much else runs.
  let lookMs = 80;
  const slowDisk = new Proxy(disk, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...rest: unknown[]): Promise<unknown> => {
        const answer: unknown = await value.apply(target, rest);
        if (name === 'run') await sleep(lookMs);
        return answer;
      };
    },
  });
  const findings = new Findings({
    disk: slowDisk,
    sameness: new Sameness(systemLooks),
    now,
    traces: undefined,
  });
  const job = { peer: submitter, environment: Buffer.alloc(0), trace: undefined };
  /** What is seen after a job that changes nothing, 40 ms after a file was made. */
  const lookAfter = async (name: string): Promise<string[]> => {
    const madeMs = performance.now();
    writeFileSync(join(root, name), '');
    await until(() => performance.now() > madeMs + 40, 1_000, 'it is older than the job');
    const offer = { ...plainOffer(root), scan: [root] };
    await findings.begin(offer);
    const { outputs } = await findings.look({ ...job, offer });
    return outputs.map(({ path }) => path.slice(root.length)).toSorted();
  };
  await lookAfter('first');
  // It is compared no more for a moment, so nobody can tell.
  assert.deepEqual(await lookAfter('second'), ['', '/second']);
  lookMs = 0;
  const laterMs = now() + 2_000;
  await until(() => now() > laterMs, 5_000, 'the next time');
  assert.deepEqual(await lookAfter('third'), []);
});
