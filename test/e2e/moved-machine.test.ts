/** A machine gets another address while its peer runs, as a laptop that is put into its dock: the swarm goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

/** The one over which it is connected; others find it by its IPv6 address before it has heard that it has moved. */
const readdress =
  'ip addr del 10.99.0.1/24 dev eth0 && ip addr add 10.99.0.77/24 dev eth0 && ip route add 224.0.0.0/4 dev eth0';

/** Twelve at once that take a quarter of a second, in a directory that m1 alone has. @returns their status and where they ran. */
async function build(swarm: SwarmRig): Promise<{ ended: number[]; elsewhere: number; reasons: string[] }> {
  const known = new Set((await swarm.explainJobs('m1')).map(({ job }) => job));
  const runs = Array.from({ length: 12 }, () =>
    swarm.exec('m1', ['sh', '-c', 'cd /srv && swarmrun sh -c "sleep 0.25; echo done"']),
  );
  const ended = (await Promise.all(runs)).map(({ status, stdout }) =>
    stdout.toString() === 'done\n' ? (status ?? -1) : -2,
  );
  const jobs = (await swarm.explainJobs('m1')).filter(({ job }) => !known.has(job));
  return {
    ended,
    elsewhere: jobs.filter(({ place }) => place !== 'inline').length,
    reasons: jobs.flatMap(({ reasons }) => reasons.map(({ reason }) => reason)),
  };
}

test('a machine that gets another address is back within seconds, and known to all', {
  skip: treeObstacle() ?? false,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 2, ownRoots: ['/srv'] });
  assert.ok((await build(swarm)).elsewhere > 0);
  const during = build(swarm);
  await swarm.check('m1', ['sh', '-c', readdress]);
  assert.deepEqual([...new Set((await during).ended)], [0]);
  const reasons: string[] = [];
  await until(
    async () => {
      const again = await build(swarm);
      assert.deepEqual([...new Set(again.ended)], [0]);
      reasons.push(...again.reasons);
      return again.elsewhere >= 6;
    },
    60_000,
    'most jobs run elsewhere again',
  );
  assert.ok(!reasons.includes('not-member'), [...new Set(reasons)].join());
});

test('one that gets another address while nothing is to be done is noticed before the next build', {
  skip: treeObstacle() ?? false,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, slots: 2, ownRoots: ['/srv'] });
  await swarm.check('m1', ['sh', '-c', readdress]);
  const logs = (): Promise<string> => swarm.check('m1', ['buildswarm', 'logs']);
  // Of whom no job waits for, nobody is said to be silent unless all were asked.
  const count = async (what: RegExp): Promise<number> => (await logs()).match(what)?.length ?? 0;
  await until(async () => (await count(/peer is silent/g)) >= 2, 60_000, 'it has asked both');
  await until(async () => (await count(/peer gone .*silent/g)) >= 2, 60_000, 'it has lost both');
  await swarm.untilSees('m1', 2, 40_000);
  const after = await build(swarm);
  assert.deepEqual([...new Set(after.ended)], [0]);
  assert.ok(after.elsewhere > 0, after.reasons.join());
  assert.ok(
    !after.reasons.some((reason) => reason === 'not-member' || reason === 'lost-peer'),
    after.reasons.join(),
  );
});
