/** Machines that know each other by lasting keys, over real connections: who is known, and everybody else is not. */
import assert from 'node:assert/strict';
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { forgetKnownPeer } from '../../src/pairing/known-peers.ts';
import { ensureLastingKey } from '../../src/pairing/lasting-key.ts';
import { encodeKnown, type Known, parseKnown } from '../../src/wire/control-messages.ts';
import { KnownNode } from '../rig/known-node.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

/** What a node has been told of lasting keys. */
function heardBy(node: KnownNode): Known[] {
  return node.node.told.flatMap((told) =>
    told.what === 'control' && told.frame.type === 'KNOWN' ? [parseKnown(told.frame.payload)] : [],
  );
}

/** Waits until all that `from` has said to `to` so far was heard, and answered, by more of the same. */
async function exchanged(from: KnownNode, to: KnownNode): Promise<void> {
  const { length } = heardBy(to);
  const { publicKey, signFor } = await ensureLastingKey(from.directory, from.name);
  const signature = signFor(from.id, to.id);
  from.node.swarm.send(to.id, 'KNOWN', encodeKnown({ key: publicKey, signature, seen: false }));
  await until(() => heardBy(to).length > length, 10_000, 'the last statement came');
}

/** Makes two machines known to each other and lets them meet. */
async function introduce(a: KnownNode, b: KnownNode): Promise<void> {
  await a.learn(b);
  await b.learn(a);
  await a.meet(b);
  await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
}

test('two machines that were made known to each other are known at both ends, once', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await introduce(a, b);
  assert.equal(a.known.nameOf(b.id), 'b');
  assert.deepEqual(a.events, [`known ${b.id}`]);
  assert.deepEqual(b.events, [`known ${a.id}`]);
});

test('machines that are made known while they are connected are known at once', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await a.meet(b);
  assert.deepEqual([heardBy(a), heardBy(b)], [[], []], 'who knows nobody says nothing of lasting keys');
  await b.learn(a);
  await a.learn(b);
  await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
  assert.deepEqual([a.events, b.events], [[`known ${b.id}`], [`known ${a.id}`]]);
});

test('a machine that knows another one and is not known there is not known at either end', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await using other = await KnownNode.start('other');
  await a.learn(b);
  await b.learn(other);
  await a.meet(b);
  await until(() => heardBy(b).some(({ seen }) => seen), 10_000, 'a says that it knows b');
  await exchanged(a, b);
  assert.deepEqual([a.known.isKnown(b.id), b.known.isKnown(a.id)], [false, false]);
  assert.deepEqual([a.events, b.events], [[], []]);
});

test('statements of others, to others or with a false signature make nobody known', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await using evil = await KnownNode.start('evil');
  await a.learn(b);
  await b.learn(a);
  await evil.learn(b);
  await a.meet(b);
  await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
  await evil.meet(b);
  await evil.meet(a);
  const { signFor } = await ensureLastingKey(a.directory, a.name);
  const key = await a.publicKey();
  const own = await ensureLastingKey(evil.directory, evil.name);
  const statements: Known[] = [
    // What a said to b, word for word.
    ...heardBy(b),
    // What a says to evil itself, passed on; and turned round.
    ...heardBy(evil).map((known) => ({ ...known, seen: true })),
    { key, signature: signFor(b.id, a.id), seen: true },
    { key, signature: signFor(a.id, evil.id), seen: true },
    { key, signature: own.signFor(evil.id, b.id), seen: true },
    { key: own.publicKey, signature: own.signFor(evil.id, b.id), seen: true },
    { key: await b.publicKey(), signature: own.signFor(evil.id, b.id), seen: true },
  ];
  assert.ok(statements.length >= 8, 'there is something to replay');
  for (const statement of statements) evil.node.swarm.send(b.id, 'KNOWN', encodeKnown(statement));
  await until(() => heardBy(b).length >= statements.length + 2, 10_000, 'all came');
  assert.equal(b.known.isKnown(evil.id), false);
  assert.equal(b.known.nameOf(evil.id), undefined);
  assert.deepEqual(b.events, [`known ${a.id}`]);
  assert.deepEqual(
    heardBy(evil).filter(({ seen }) => seen),
    [],
    'nobody says to it that it is known',
  );
});

test('a machine that is forgotten is gone at once, with its open streams, and is not known when it comes again', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await introduce(a, b);
  let ended = false;
  const job = b.node.swarm.openJob(a.id);
  job.onEnd = () => {
    ended = true;
  };
  await until(() => a.jobs.length === 1, 10_000, 'a stream stands');
  assert.equal(await forgetKnownPeer(a.directory, 'b'), true);
  await a.known.reload();
  assert.deepEqual([a.known.isKnown(b.id), a.known.machines], [false, []]);
  assert.deepEqual(a.events, [`known ${b.id}`, `ended ${b.id}`]);
  await until(() => ended && !b.known.isKnown(a.id), 10_000, 'b has lost its stream and a');
  await until(() => b.node.told.filter(({ what }) => what === 'peer').length > 1, 20_000, 'they meet again');
  await exchanged(b, a);
  assert.deepEqual([a.known.isKnown(b.id), b.known.isKnown(a.id)], [false, false]);
  await a.learn(b);
  await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
});

test('a peer whose end was made anew is known again when it says so', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await introduce(a, b);
  b.known.forget(a.id);
  b.known.met(a.id);
  await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
  await until(() => a.events.length === 3, 10_000, 'a saw it end and begin');
  assert.deepEqual(a.events, [`known ${b.id}`, `ended ${b.id}`, `known ${b.id}`]);
});

for (const [what, spoil] of [
  ['the directory of known machines', 'peers'],
  ['a file of a known machine', 'peers/b'],
  ['the directory above', '..'],
  ['the lasting key', 'keys/a'],
] as const) {
  test(`nobody is known while others may write to ${what}, and the cure is said`, async () => {
    await using a = await KnownNode.start('a');
    await using b = await KnownNode.start('b');
    await a.learn(b);
    await b.learn(a);
    await a.meet(b);
    await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
    const spoilt = path.resolve(a.directory, spoil);
    chmodSync(spoilt, 0o777);
    await a.known.reload();
    assert.equal(a.known.isKnown(b.id), false);
    assert.match(a.known.faults.join('\n'), new RegExp(`run: chmod \\S+ ${spoilt}$`));
    await until(() => !b.known.isKnown(a.id), 10_000, 'b has lost a');
    const [cure = ''] = /chmod \S+ \S+$/.exec(a.known.faults.join('\n')) ?? [];
    const [, mode = ''] = cure.split(' ');
    chmodSync(spoilt, mode === 'go-w' ? 0o755 : Number.parseInt(mode, 8));
    await a.known.reload();
    await Promise.all([a.untilKnows(b), b.untilKnows(a)]);
    assert.deepEqual(a.known.faults, []);
  });
}

test('a change of the files is seen without being told', async () => {
  await using a = await KnownNode.start('a');
  await using b = await KnownNode.start('b');
  await introduce(a, b);
  rmSync(path.join(a.directory, 'peers/b'));
  await until(() => a.events.length === 2, 20_000, 'a has seen it');
  assert.deepEqual(a.events, [`known ${b.id}`, `ended ${b.id}`]);
});
