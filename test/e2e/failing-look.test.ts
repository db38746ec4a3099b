/** A look at the share that fails while a result is judged costs that attempt, and not the peer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

test('a job whose result cannot be judged is run again, and its peer lives on', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  const source = `for n in $(seq 1200); do echo "int f$n(int x) { for (int i = 0; i < x; i++) x ^= i * $n; return x; }"; done >big.c`;
  await swarm.check('m1', [
    'sh',
    '-c',
    `mkdir -p work/src && cd work/src && ${source} && sed -i '1i #include HEADER' big.c`,
  ]);
  /** Its header lies where no earlier job has searched, and where none is expected to: so there is a look after the run. */
  const compileWith = (round: number, output: string): string[] => {
    const header = `-DHEADER="../../round${round}/include/x.h"`;
    return ['swarmrun', 'gcc', '-O2', header, '-c', 'work/src/big.c', '-o', output];
  };
  const makeHeader = async (round: number): Promise<void> => {
    await swarm.check('m1', [
      'sh',
      '-c',
      `mkdir -p round${round}/include && echo 'int x;' >round${round}/include/x.h`,
    ]);
  };
  await makeHeader(0);
  await swarm.check('m1', compileWith(0, 'warm.o'), { timeoutMs: 60_000 });
  const signal = (name: string, states: string): Promise<string> => {
    const pids = `$(ps -e -o pid=,stat=,args= | awk '/[s]warmlook/ && $2 ~ /${states}/ {print $1}')`;
    return swarm.check('m1', ['sh', '-c', `kill -${name} ${pids}`]);
  };
  const isCompiled = async (): Promise<boolean> =>
    (await swarm.jobs('m2')).some((line) => line.includes('cc1'));
  const retried = async (): Promise<number> => (await swarm.status('m1')).jobs.retried;
  // On a quick machine a compile can be over before the programs that look are stopped: then once more.
  let rounds = 0;
  const before = await retried();
  while ((await retried()) === before) {
    rounds += 1;
    assert.ok(rounds <= 5, 'no look at a result could be made to fail');
    await makeHeader(rounds);
    const running = swarm.start('m1', compileWith(rounds, 'big.o'), { timeoutMs: 120_000 });
    let hasEnded = false;
    const ended = running.ended.finally(() => {
      hasEnded = true;
    });
    await until(async () => hasEnded || (await isCompiled()), 20_000, 'it is compiled on m2');
    await signal('STOP', '.');
    // The look at its result waits for these until it misses its deadline. To kill them would be quicker, but from here
    // nobody can tell whether that look has begun: an idle one that is killed is replaced before the next look.
    await until(async () => hasEnded || (await retried()) > before, 60_000, 'the job is run again');
    await signal('KILL', 'T').catch(() => undefined);
    const { status, stderr } = await ended;
    assert.equal(status, 0, stderr.toString());
  }
  await swarm.check('m1', compileWith(rounds, 'here.o'), { env: { FORCE_INLINE: '1' }, timeoutMs: 60_000 });
  await swarm.check('m1', ['cmp', 'big.o', 'here.o']);
  assert.equal((await swarm.status('m1')).jobs.failed, 0);
});

test('a command is run here, and tried nowhere else, where a closer look at its files does not end', {
  skip: treeObstacle() ?? false,
}, async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, ownRoots: ['/srv'] });
  const sh = (script: string): Promise<string> =>
    swarm.check('m1', ['sh', '-c', `cd /srv && ${script}`], { timeoutMs: 120_000 });
  await sh(
    `echo 'int x;' >a.c && ln -s a.c link.c && swarmrun --remote gcc -c a.c && swarmrun --remote gcc -c link.c`,
  );
  // A thread looks where they miss their deadline: it is left alone, and ended at last, by this peer.
  await sh(
    `kill -STOP $(ps -e -o pid=,args= | awk '/[s]warmlook/ {print $1}') && swarmrun gcc -c link.c -o here.o`,
  );
  const [, remote, here] = await swarm.explainJobs('m1');
  assert.deepEqual([remote?.place, remote?.reasons], ['m2', []]);
  assert.deepEqual([here?.place, here?.reasons.map(({ reason }) => reason)], ['inline', ['unprovable']]);
  await sh('cmp link.o here.o');
});
