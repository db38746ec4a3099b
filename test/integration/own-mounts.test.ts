/** Programs with directories of their own for what is temporary, as jobs from elsewhere have. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ownMountsOf } from '../../src/machine/own-mounts.ts';

/** Runs a script in a mount namespace of its own until its stdin ends; undefined where none can be made. */
async function inOwnMounts(script: string) {
  const child = spawn('unshare', ['-Urm', 'sh', '-c', `${script} && echo ready && exec cat`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const closed = once(child, 'close');
  const isReady = await Promise.race([once(child.stdout, 'data').then(() => true), closed.then(() => false)]);
  const end = async (): Promise<void> => {
    child.stdin.end();
    await closed;
  };
  return isReady ? { pid: child.pid ?? 0, end } : undefined;
}

test('a program of this namespace shares them, and one that has ended is taken to', () => {
  assert.equal(ownMountsOf(process.pid), 'shared');
  assert.equal(ownMountsOf(2 ** 22 + 1), 'shared');
});

test('a namespace of its own with the same places in it shares them', async (t) => {
  const program = await inOwnMounts('true');
  if (program === undefined) return t.skip('no mount namespace can be made here');
  assert.equal(ownMountsOf(program.pid), 'shared');
  await program.end();
});

test('of one with its own it is told whether they hold something besides what is ours', async (t) => {
  const empty = 'mount -t tmpfs t /tmp && mount --rbind /tmp /var/tmp && mount --rbind /tmp /dev/shm';
  for (const [script, holds] of [
    [`${empty} && mkdir /tmp/buildswarm-0 /tmp/.buildswarm-x`, undefined],
    [`${empty} && mkfifo /tmp/GMfifo12 && touch /tmp/ccAbCd12.s /tmp/ccAbCd12.cdtor.o`, undefined],
    [`${empty} && touch /tmp/x`, '/tmp/x'],
  ] as const) {
    const program = await inOwnMounts(script);
    if (program === undefined) return t.skip('no mount namespace can be made here');
    assert.deepEqual(ownMountsOf(program.pid), { holds });
    await program.end();
  }
});
