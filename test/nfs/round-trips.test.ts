/** What a job on the swarm costs the file server beside what its compiler does: calls of NFS clients, counted. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GuestSwarm, swarmrun } from './guest-swarm.ts';
import { type GuestName, labMounts, noLab } from './lab.ts';

const headers = 100;
const folders = 10;
const jobs = 4;
const timeoutMs = 120_000;

/**
 * The kernel believes attributes for 3 s, twice as long each time it finds them unchanged. Asking again after that is
 * what any program costs; so wait until they last longer than the test, whose jobs are few for that reason.
 */
const settle = 'for s in 3.2 6.2 12.2; do sleep $s; ls -lR >/dev/null; done';

type Calls = Map<string, number>;

/** Calls of the client of a mount so far, by operation. */
async function callsOf(swarm: GuestSwarm, name: GuestName, mount: string): Promise<Calls> {
  const text = await swarm.run(name, 'cat /proc/self/mountstats', timeoutMs);
  const part = text.split(/^device /m).find((one) => one.includes(` mounted on ${mount} `)) ?? '';
  const rows = part.slice(part.indexOf('per-op statistics')).matchAll(/^\s+([A-Z_]+): (\d+) /gm);
  return new Map([...rows].map(([, operation = '', count]) => [operation, Number(count)]));
}

/** Calls per job that one machine makes while `work` is done. */
async function counted(
  swarm: GuestSwarm,
  names: readonly GuestName[],
  mount: string,
  work: () => Promise<unknown>,
): Promise<Calls[]> {
  const before = await Promise.all(names.map((name) => callsOf(swarm, name, mount)));
  await work();
  const after = await Promise.all(names.map((name) => callsOf(swarm, name, mount)));
  return after.map((calls, index) => {
    const rows = [...calls].map(
      ([operation, count]) => [operation, (count - (before[index]?.get(operation) ?? 0)) / jobs] as const,
    );
    return new Map(rows.filter(([, count]) => count !== 0));
  });
}

function sum(calls: Calls | undefined): number {
  return [...(calls ?? [])].reduce((total, [, count]) => total + count, 0);
}

function describeCalls(calls: Calls | undefined): string {
  return `${sum(calls).toFixed(1)} (${[...(calls ?? [])].map(([operation, count]) => `${operation} ${count}`).join(', ')})`;
}

interface Cost {
  /** The worker compiles by itself, no swarm; beside shipped peers only. */
  readonly alone: Calls | undefined;
  readonly submitter: Calls | undefined;
  readonly worker: Calls | undefined;
}

/** What repeated compiles of an unchanged tree cost on a swarm of such peers. */
async function measure(mount: string, peer: 'shipped' | 'believing'): Promise<Cost> {
  await using swarm = await GuestSwarm.start(mount, peer);
  await swarm.stopPeer('C');
  const includes = Array.from({ length: headers }, (_, n) => `f${n % folders}/h${n}.h`);
  const make = [
    'mkdir include out',
    ...Array.from({ length: folders }, (_, n) => `mkdir include/f${n}`),
    ...includes.map(
      (name, n) => `echo 'static int v${n};' >include/${name}; echo '#include "${name}"' >>x.c`,
    ),
  ];
  await swarm.run('A', make.join('; '), timeoutMs);
  // A new name each time: that is what a worker writes.
  const compile = 'gcc -Iinclude -MD -MF out/x$n.d -c x.c -o out/x$n.o';
  const repeat = (command: string): string => `for n in $(seq ${jobs}); do ${command} || exit; done`;
  let alone: Calls | undefined;
  if (peer === 'shipped') {
    await swarm.run('B', repeat(compile), timeoutMs);
    await swarm.run('B', 'rm out/*', timeoutMs);
    [alone] = await counted(swarm, ['B'], mount, () => swarm.run('B', repeat(compile), timeoutMs));
  }
  await swarm.run('A', `${repeat(`${swarmrun} ${compile}`)}; ${settle}`, timeoutMs);
  const remoteBefore = (await swarm.counts()).jobs.remote;
  const countJobs = (): Promise<Calls[]> =>
    counted(swarm, ['A', 'B'], mount, () => swarm.run('A', repeat(`${swarmrun} ${compile}`), timeoutMs));
  let [submitter, worker] = await countJobs();
  assert.equal((await swarm.counts()).jobs.remote - remoteBefore, jobs);
  // The submitter looks at the clock of a share once a minute, by a file that it makes: then the next jobs have no such look.
  if (submitter?.has('CREATE') === true) [submitter, worker] = await countJobs();
  return { alone, submitter, worker };
}

describe('round trips', { skip: noLab ?? false }, () => {
  // Version 3: how often version 4 asks hangs on delegations that come and go.
  for (const mount of labMounts()
    .filter((name) => name.endsWith('-v3'))
    .slice(0, 1))
    test(`views add few round trips to a repeated job on ${mount}`, async (t) => {
      const without = await measure(mount, 'believing');
      const { alone, submitter, worker } = await measure(mount, 'shipped');
      t.diagnostic(`compiled on B by itself: ${describeCalls(alone)}`);
      t.diagnostic(`compiled on B for A: worker ${describeCalls(worker)}`);
      t.diagnostic(`the same without views: worker ${describeCalls(without.worker)}`);
      t.diagnostic(`submitter ${describeCalls(submitter)}`);
      t.diagnostic(`submitter without views: ${describeCalls(without.submitter)}`);
      const added = sum(worker) + sum(submitter) - sum(without.worker) - sum(without.submitter);
      t.diagnostic(`views add ${added.toFixed(1)} calls a job; ${headers} headers in ${folders} directories`);
      assert.ok(added <= 3, 'the goal for both machines together');
      assert.ok(sum(worker) - sum(alone) < headers / 4, 'the worker asks little more than its compiler');
      assert.ok(sum(submitter) < headers / 4, 'the submitter does not ask for each header');
    });
});
