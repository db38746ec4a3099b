/** Whose trees are mounted here. What is mounted is shown by test/e2e/served.test.ts. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HostedTrees } from '../../../../../src/peer/serve/served/hosted-trees.ts';
import {
  encodeTreeOpen,
  parseTreeOpened,
  type TreeOpened,
} from '../../../../../src/wire/tree-stream-messages.ts';
import { createChannelPair } from '../../../../rig/fake-channel.ts';
import { until } from '../../../../rig/until.ts';

async function answerTo(
  init: { readonly isTrusted: boolean; readonly obstacle?: string; readonly directory?: string },
  architecture: string = process.arch,
): Promise<{ answers: TreeOpened[]; logged: string[] }> {
  const logged: string[] = [];
  const trees = new HostedTrees({
    program: '/nonexistent/swarmfs',
    jobProgram: '/nonexistent/swarmjob',
    directory: init.directory ?? '/nonexistent',
    cacheBytes: 0,
    obstacle: () => init.obstacle,
    isTrusted: () => Promise.resolve(init.isTrusted),
    log: (message) => logged.push(message),
  });
  const { submitter, worker } = createChannelPair({ submitter: 'other', worker: 'me' });
  const answers: TreeOpened[] = [];
  submitter.onFrame = ({ payload }) => answers.push(parseTreeOpened(payload));
  trees.open('other', worker);
  submitter.send(
    'TREE_OPEN',
    encodeTreeOpen({
      tree: '1',
      generation: 0,
      uid: 0,
      gid: 0,
      groups: [],
      device: '1',
      hostName: 'm1',
      architecture,
    }),
  );
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  return { answers, logged };
}

test('a stranger is told that it is none of ours, and nothing of what it sends is read', async () => {
  const { answers, logged } = await answerTo({ isTrusted: false });
  assert.deepEqual(answers, [
    { kind: 'refused', code: 'not-member', detail: 'it does not know this machine' },
  ]);
  assert.deepEqual(logged, []);
});

test('a machine that cannot mount trees, or has another processor, says so', async () => {
  const cannot = await answerTo({ isTrusted: true, obstacle: 'no /dev/fuse' });
  assert.deepEqual(cannot.answers, [{ kind: 'refused', code: 'no-namespace', detail: 'no /dev/fuse' }]);
  const other = await answerTo({ isTrusted: true }, 'sparc');
  assert.deepEqual(other.answers, [
    { kind: 'refused', code: 'toolchain', detail: `its processor is ${process.arch}` },
  ]);
});

test('where nothing can be made or removed a tree is refused, and that is no fault of this peer', async (t) => {
  const faults: unknown[] = [];
  const note = (fault: unknown) => faults.push(fault);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  // Below what is no directory.
  const { answers, logged } = await answerTo({ isTrusted: true, directory: '/dev/null/trees' });
  await until(() => answers.length > 0 && logged.length > 0, 5_000, 'it is refused');
  // Whoever asks later is answered later.
  await rm('/dev/null/trees/x', { recursive: true, force: true }).catch(() => undefined);
  await setImmediate();
  assert.deepEqual([answers.map(({ kind }) => kind), faults.map(String)], [['refused'], []]);
});
