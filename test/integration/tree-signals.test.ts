/** Signals to a job in a served tree, at whatever moment of its start they come. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { type StartedTreeJob, TreeLab, treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const skip = treeObstacle() ?? false;

let directory: string;
let lab: TreeLab;

const { SIGTERM, SIGINT, SIGHUP, SIGUSR1 } = constants.signals;
const numbers = [SIGTERM, SIGINT, SIGHUP, SIGUSR1];
// What lies beside a directory that is looked up is told with it, so each is in one of its own.
const nameOf = (hasPlace: boolean, number: number): string => `${hasPlace ? 'ready' : 'own'}-${number}/cwd`;

before(async () => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'tree-signals-'));
  for (const number of numbers)
    for (const hasPlace of [true, false])
      fs.mkdirSync(path.join(directory, nameOf(hasPlace, number)), { recursive: true });
  if (skip === false) lab = await TreeLab.start({ programs: builtPrograms(), shares: [directory] });
});
after(async () => {
  await lab?.[Symbol.asyncDispose]();
  fs.rmSync(directory, { recursive: true, force: true });
});

/** Starts `sleep` in a directory that nobody has looked up, and returns while swarmjob waits to be told of that. */
async function startHeld(cwd: string, hasPlace: boolean): Promise<StartedTreeJob> {
  await lab.barrier();
  lab.frozen = true;
  const { requests } = lab.traffic;
  const job = lab.start(['sleep', '20'], { cwd, hasPlace });
  await until(() => lab.traffic.requests > requests, 5_000, 'swarmjob asks for the directory');
  return job;
}

for (const hasPlace of [true, false])
  for (const number of numbers)
    test(`signal ${number} ends a command that has not begun in ${hasPlace ? 'a place that stood ready' : 'a place of its own'}`, {
      skip,
    }, async () => {
      const job = await startHeld(path.join(directory, nameOf(hasPlace, number)), hasPlace);
      job.signal({ number, toGroup: number === SIGINT });
      lab.thaw();
      const { exit } = await job.ended;
      assert.deepEqual(exit.ending, { kind: 'signaled', signal: number, core: false });
    });
