/** `scripts/simulate`: plays the simulations; a run is all that follows from its seed. See the usage below. */
import { parseArgs } from 'node:util';
import { goals, measure } from '../test/simulation/builds.ts';
import { replayFaults, runFaults } from '../test/simulation/faults.ts';
import { playIdleSlots } from '../test/simulation/idle-slots.ts';
import { playHistories } from '../test/simulation/stale-cache.ts';

const usage = `usage: scripts/simulate                          the goals of scheduling (--peers N, --submitters N: of the largest)
       scripts/simulate --seed N                 one run full of faults, with all its events
       scripts/simulate --seeds N [--from N]     so many runs full of faults
       scripts/simulate --burst N                one healthy run of several builds with pauses, with all its events
       scripts/simulate --bursts N [--from N]    so many healthy runs
       scripts/simulate --history N              one history of edits and builds with stale caches
       scripts/simulate --histories N [--from N] so many histories, until one is wrong`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    history: { type: 'string' },
    histories: { type: 'string' },
    from: { type: 'string', default: '1' },
    peers: { type: 'string', default: '1000' },
    submitters: { type: 'string', default: '100' },
    notes: { type: 'boolean', default: false },
    burst: { type: 'string' },
    bursts: { type: 'string' },
  },
});

if (values.help) {
  console.log(usage);
} else if (values.burst !== undefined) {
  await showBursts(Number(values.burst), 1);
} else if (values.bursts !== undefined) {
  await showBursts(Number(values.from), Number(values.bursts));
} else if (values.history !== undefined) {
  showHistories(Number(values.history), 1);
} else if (values.histories !== undefined) {
  showHistories(Number(values.from), Number(values.histories));
} else if (values.seed !== undefined) {
  const outcome = await replayFaults(Number(values.seed));
  for (const line of outcome.events) console.log(line);
  console.log(`hash ${outcome.hash.toString(16)}: ${outcome.failure ?? 'all held'}`);
  process.exitCode = outcome.failure === undefined ? 0 : 1;
} else if (values.seeds === undefined) {
  await showGoals();
} else {
  const startMs = performance.now();
  const outcome = await runFaults(Number(values.from), Number(values.seeds));
  console.log(
    `${outcome.seeds} seeds, ${(outcome.simulatedMs / 3_600_000).toFixed(1)} simulated hours, ${outcome.jobs} jobs, ${outcome.faults} faults, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
  );
  for (const { seed, failure } of outcome.failures) {
    console.log(`SEED=${seed} ${failure}\n  again: scripts/simulate --seed ${seed}`);
  }
  process.exitCode = outcome.failures.length === 0 ? 0 : 1;
}

function showHistories(from: number, count: number): void {
  const { wrong, counts } = playHistories(from, count);
  for (const [what, times] of [...counts].toSorted(([one], [other]) => one.localeCompare(other)))
    console.log(`${String(times).padStart(8)} ${what}`);
  for (const line of wrong?.wrong ?? []) console.log(line);
  console.log(wrong === undefined ? 'all held' : `again: scripts/simulate --history ${wrong.seed}`);
  process.exitCode = wrong === undefined ? 0 : 1;
}

async function showBursts(from: number, count: number): Promise<void> {
  let jobs = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await playIdleSlots(seed, count === 1);
    jobs += outcome.jobs;
    for (const line of outcome.events) console.log(line);
    if (outcome.failure === undefined) continue;
    console.log(`SEED=${seed} ${outcome.failure}\n  again: scripts/simulate --burst ${seed}`);
    process.exitCode = 1;
  }
  console.log(`${count} runs, ${jobs} jobs`);
}

async function showGoals(): Promise<void> {
  for (const { course, ratio } of goals(Number(values.peers), Number(values.submitters))) {
    const startMs = performance.now();
    const { makespanMs, idealMs, messages, jobs, notes } = await measure(course);
    const reached = makespanMs / idealMs;
    const verdict = reached <= ratio ? 'ok  ' : 'MISS';
    console.log(
      `${verdict} ${reached.toFixed(3)} (goal ${ratio.toFixed(3)})  ${course.name}: ${(makespanMs / 1000).toFixed(2)} s, ideal ${(idealMs / 1000).toFixed(2)} s, ${(messages / jobs).toFixed(1)} messages a job, ${((performance.now() - startMs) / 1000).toFixed(1)} s to simulate`,
    );
    if (values.notes) console.log('     ', Object.fromEntries(notes));
    if (reached > ratio) process.exitCode = 1;
  }
}
