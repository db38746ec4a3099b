import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { factFields } from '../../../../src/core/view/contract.ts';
import { type MadeOutputs, Outputs } from '../../../../src/peer/submit/outputs.ts';
import { Disk } from '../../../../src/share/disk.ts';
import { readFacts } from '../../../../src/share/facts.ts';
import { encodeAck } from '../../../../src/wire/job-messages.ts';
import { createChannelPair } from '../../../rig/fake-channel.ts';

// Its threads cost more than the tests.
const disk = new Disk({ maxThreads: 1 });
after(() => disk.close());

/** An attempt that has written `a.o` under a hidden name; the worker sends its bytes when asked. */
async function rigOf() {
  const root = mkdtempSync(join(tmpdir(), 'outputs-'));
  const [path, hidden] = [join(root, 'a.o'), join(root, '.buildswarm-t-a.o')];
  writeFileSync(path, 'old');
  writeFileSync(hidden, 'new');
  const [fact] = await readFacts(disk, [hidden]);
  assert.ok(fact);
  let isWanted = true;
  let sent = 0;
  const outputs = new Outputs(
    disk,
    (peer) => {
      const { submitter, worker } = createChannelPair({ submitter: 'me', worker: peer });
      worker.onFrame = () => {
        sent += 1;
        worker.send('ACK', encodeAck({ mode: 0o644 }));
        worker.send('BLOB', Buffer.from('sent'));
        worker.send('ACK', encodeAck({ sizeBytes: 4 }));
        rig.onSent();
      };
      return submitter;
    },
    50,
  );
  const made: MadeOutputs = {
    plan: { argv: [], renames: [{ path, hidden, role: 'object' }], outputs: [hidden] },
    end: {
      kind: 'ended',
      ending: { kind: 'exited', status: 0 },
      outputs: [{ path: hidden, fact }],
    } as unknown as MadeOutputs['end'],
    root,
    peer: 'worker',
    fields: factFields,
    isUnknown: false,
    isWanted: () => isWanted,
  };
  const rig = {
    made,
    outputs,
    hidden,
    get sent() {
      return sent;
    },
    onSent: (): void => undefined,
    giveUp: () => {
      isWanted = false;
    },
    text: () => readFileSync(path, 'utf8'),
    names: () => readdirSync(root).toSorted(),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
  return rig;
}

test('an output that is seen takes its real name', async () => {
  using rig = await rigOf();
  assert.deepEqual(await rig.outputs.see(rig.made), { kind: 'seen' });
  assert.deepEqual([rig.text(), rig.names()], ['new', ['a.o']]);
});

test('of an attempt that was given up nothing is committed', async () => {
  using rig = await rigOf();
  rig.giveUp();
  assert.equal((await rig.outputs.see(rig.made)).kind, 'failed');
  assert.deepEqual([rig.text(), rig.sent], ['old', 0]);
});

test('nor is anything sent for it, or committed that was sent', async () => {
  using rig = await rigOf();
  rmSync(rig.hidden);
  rig.onSent = () => rig.giveUp();
  assert.equal((await rig.outputs.see(rig.made)).kind, 'failed');
  assert.deepEqual([rig.sent, rig.text(), rig.names()], [1, 'old', ['a.o']]);
  // Given up while it was looked for: only the first question is answered by yes.
  let asked = 0;
  const late = { ...rig.made, isWanted: () => ++asked === 1 };
  assert.equal((await rig.outputs.see(late)).kind, 'failed');
  assert.equal(rig.sent, 1);
  assert.equal(existsSync(rig.hidden), false);
});
