/** What a worker tells a submitter of what a job has read. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { factFields } from '../../src/core/view/contract.ts';
import { Sameness } from '../../src/machine/sameness.ts';
import { Findings } from '../../src/peer/serve/findings.ts';
import { parseOffer } from '../../src/wire/job-messages.ts';
import { plainOffer } from '../rig/plain-offer.ts';
import { sharedRig } from './share-rig.ts';

const submitter = '12D3KooWQJcXFxqSWNrgsPrRoBgbwkPc3cmesmnxpPRSHG9ox8Na';

test('numbers of what was read mean the same after a connection that was made anew unseen by the other end', async () => {
  await using rig = await sharedRig();
  const { disk, root } = rig;
  const now = (): number => performance.now();
  const findings = new Findings({ disk, sameness: new Sameness(), now });
  for (const name of ['a.c', 'b.h', 'c.h']) writeFileSync(join(root, name), name);
  const readBy = async (sources: string, knownReports: number) => {
    writeFileSync(join(root, 'x.d'), `x.o: ${sources}\n`);
    const view = { refresh: [], files: [], fields: factFields, knownReports };
    const offer = { ...plainOffer(root), view, dependencies: join(root, 'x.d') };
    const { read } = await findings.look(submitter, parseOffer(Buffer.from(JSON.stringify(offer))));
    return {
      read: read?.read.toSorted(),
      added: read?.added.map(({ number, path }) => [number, path.slice(root.length)]),
    };
  };
  assert.deepEqual(await readBy('a.c b.h', 0), {
    read: [0, 1],
    added: [
      [0, '/a.c'],
      [1, '/b.h'],
    ],
  });
  // Here the connection has ended; there it has not, so what was told is still known there.
  findings.peerGone(submitter);
  assert.deepEqual(await readBy('c.h b.h', 2), { read: [1, 2], added: [[2, '/c.h']] });
});
