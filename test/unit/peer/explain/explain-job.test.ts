import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderBuild, renderJob } from '../../../../src/cli/why-view.ts';
import { describeBuild, explainJob } from '../../../../src/peer/explain/explain-job.ts';
import { compile, opaque } from '../../../contract/submitter.ts';
import { SubmitterRig, streamsInMemory } from '../../../rig/submitter-rig.ts';

function rigOf(ownSlots = 0) {
  const rig = new SubmitterRig(streamsInMemory(), ownSlots);
  const explain = (job: number) => {
    const record = rig.ledger.record(job);
    assert.ok(record);
    return explainJob(record, {
      dispatcher: rig.dispatcher,
      nameOf: (peer) => `machine-${peer}`,
      originMs: 5_000,
    });
  };
  return { rig, explain };
}

test('a job that ran elsewhere is told step by step, with times and the peers that were considered', async () => {
  const { rig, explain } = rigOf();
  rig.workerUp('a');
  rig.workerUp('b', 2);
  const caller = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  rig.clock.pass(7);
  attempt.run();
  await rig.quiet();
  rig.clock.pass(30);
  attempt.finish();
  await rig.quiet();
  assert.ok(caller.ending);
  const told = explain(1);
  const peer = attempt.name;
  assert.deepEqual(
    told.steps.map(({ kind, atMs }) => [kind, atMs]),
    [
      ['read', 0],
      ['offered', 0],
      ['viewed', 0],
      ['accepted', 7],
      ['started', 7],
      ['result', 37],
      ['committed', 37],
    ],
  );
  const considered = told.steps[1]?.considered ?? [];
  assert.deepEqual(considered[0], { peer: `machine-${peer}`, wait: 0 });
  assert.equal(considered.length, 2);
  assert.equal((told.endedAtMs ?? 0) - told.startedAtMs, 37);
  assert.ok(
    told.outputs.some((path) => path.startsWith('/share/')),
    told.outputs.join(),
  );
  const text = renderJob(told);
  assert.match(
    text,
    /^job 1: .*\n {2}in \/share; handed in at [\d:]+; exited 0 on machine-\S+ after 0\.04 s\n/,
  );
  assert.match(text, new RegExp(`\\n +37\\.0 ms {2}ended on machine-${peer}: exited 0\\n`));
});

test('refusals stand with the peer and its words, and with the peers that were passed over', async () => {
  const { rig, explain } = rigOf(1);
  rig.workerUp('a');
  rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.refuse('toolchain', 'gcc is 13 here, and 14 there');
  await rig.quiet();
  const told = explain(1);
  const inline = told.steps.at(-1);
  assert.deepEqual(
    [inline?.reason, inline?.considered],
    ['no-fitting-peer', [{ peer: 'machine-a', wait: 0, because: 'toolchain' }]],
  );
  assert.match(renderJob(told), /considered: machine-a \(toolchain\)/);
  assert.deepEqual(told.details, ['gcc is 13 here, and 14 there']);
});

test('a view that no worker could prove is the reason, not a lack of fitting peers', async () => {
  const { rig, explain } = rigOf(1);
  rig.workerUp('a');
  rig.submit(compile);
  (await rig.nextAttempt()).refuse('stale-view');
  await rig.quiet();
  assert.deepEqual(
    explain(1).reasons.map(({ reason }) => reason),
    ['stale-view', 'unprovable'],
  );
});

test('the newest build is counted by reasons, with what can be done about them', async () => {
  const { rig } = rigOf(4);
  assert.equal(renderBuild(describeBuild(rig.ledger.build, 0), 0), 'No job was handed in so far.');
  rig.submit(opaque, { cwd: '/elsewhere' });
  rig.submit(opaque, { cwd: '/elsewhere' });
  rig.submit(compile);
  await rig.quiet();
  const text = renderBuild(describeBuild(rig.ledger.build, 0), rig.clock.now());
  const single = { ...describeBuild(rig.ledger.build, 0), jobs: 1 };
  assert.match(renderBuild(single, rig.clock.now()), /0\.00 s ago: 1 job, 0/);
  assert.match(text, /0\.00 s ago: 3 jobs, 0 elsewhere, 3 here, 3 not ended\./);
  assert.match(
    text,
    /\n {6}2 {2}outside-share: .* \(as `buildswarm why 2`\)\n {9}cure: .*`buildswarm invite HOST`.*`buildswarm share DIR`/,
  );
  assert.match(text, /\n {6}1 {2}no-peers: /);
});
