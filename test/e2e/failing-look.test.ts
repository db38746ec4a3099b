/** A look at the share that fails while a result is judged costs that attempt, and not the peer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

test('a job whose result cannot be judged is run again, and its peer lives on', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2, slots: 2 });
  const source = `for n in $(seq 1200); do echo "int f$n(int x) { for (int i = 0; i < x; i++) x ^= i * $n; return x; }"; done >big.c`;
  await swarm.check('m1', ['sh', '-c', source]);
  const compile = ['swarmrun', 'gcc', '-O2', '-c', 'big.c', '-o', 'big.o'];
  await swarm.check('m1', ['swarmrun', 'gcc', '-c', 'big.c', '-o', 'warm.o'], { timeoutMs: 60_000 });
  const signal = (name: string, states: string): Promise<string> => {
    const pids = `$(ps -e -o pid=,stat=,args= | awk '/[s]warmlook/ && $2 ~ /${states}/ {print $1}')`;
    return swarm.check('m1', ['sh', '-c', `kill -${name} ${pids}`]);
  };
  const isCompiled = async (): Promise<boolean> =>
    (await swarm.jobs('m2')).some((line) => line.includes('cc1'));
  const retried = async (): Promise<number> => (await swarm.status('m1')).jobs.retried;
  // On a quick machine a compile can be over before the programs that look are stopped: then once more.
  for (let rounds = 1; (await retried()) === 0; rounds += 1) {
    assert.ok(rounds <= 5, 'no look at a result could be made to fail');
    const running = swarm.start('m1', compile, { timeoutMs: 120_000 });
    let hasEnded = false;
    const ended = running.ended.finally(() => {
      hasEnded = true;
    });
    await until(async () => hasEnded || (await isCompiled()), 20_000, 'it is compiled on m2');
    await signal('STOP', '.');
    // The look at its result waits for these until it misses its deadline. To kill them would be quicker, but from here
    // nobody can tell whether that look has begun: an idle one that is killed is replaced before the next look.
    await until(async () => hasEnded || (await retried()) > 0, 60_000, 'the job is run again');
    await signal('KILL', 'T').catch(() => undefined);
    const { status, stderr } = await ended;
    assert.equal(status, 0, stderr.toString());
  }
  await swarm.check(
    'm1',
    ['sh', '-c', 'FORCE_INLINE=1 swarmrun gcc -O2 -c big.c -o here.o && cmp big.o here.o'],
    {
      timeoutMs: 60_000,
    },
  );
  assert.equal((await swarm.status('m1')).jobs.failed, 0);
});
