/** Renders what `why` tells, for people. Pure. */
import type { Build, ExplainedStep, Explanation } from '../wire/cli-messages.ts';

/** A job with all its steps, without a newline at its end. */
export function renderJob(job: Explanation): string {
  const { place, ending, whereabouts, startedAtMs, endedAtMs } = job;
  const where = place === 'inline' ? ' here' : place === '' ? '' : ` on ${place}`;
  const took = endedAtMs === undefined ? '' : ` after ${seconds(endedAtMs - startedAtMs)}`;
  return [
    `job ${job.job}: ${job.command.slice(0, 300)}`,
    `  in ${job.cwd}; handed in at ${timeOfDay(startedAtMs)}; ${whereabouts ?? `${ending}${where}${took}`}`,
    ...job.steps.flatMap(renderStep),
  ].join('\n');
}

function renderStep({ atMs, text, considered }: ExplainedStep): string[] {
  const line = `${atMs.toFixed(1).padStart(10)} ms  ${text}`;
  if (considered === undefined || considered.length === 0) return [line];
  const peers = considered.map(({ peer, wait, because }) =>
    because === undefined ? `${peer} (wait ${wait.toFixed(2)})` : `${peer} (${because})`,
  );
  return [line, `${' '.repeat(15)}considered: ${peers.join(', ')}`];
}

/** Why jobs of the newest build ran here, without a newline at its end. */
export function renderBuild(build: Build, nowMs: number): string {
  const { startedAtMs, jobs, elsewhere, unfinished, here, noted } = build;
  if (startedAtMs === undefined) return 'No job was handed in so far.';
  const ranHere = here.reduce((total, { count }) => total + count, 0);
  const lines = [
    `The last build began at ${timeOfDay(startedAtMs)}, ${seconds(nowMs - startedAtMs)} ago: ` +
      `${jobs} job${jobs === 1 ? '' : 's'}, ${elsewhere} elsewhere, ${ranHere} here, ${unfinished} not ended.`,
  ];
  if (ranHere === 0) lines.push('No job of it ran here.');
  else lines.push('Why here:', ...here.flatMap(renderTally));
  if (noted.length > 0) lines.push('Besides:', ...noted.flatMap(renderTally));
  return lines.join('\n');
}

function renderTally({ reason, count, meaning, cure, job }: Build['here'][number]): string[] {
  return [
    `${String(count).padStart(7)}  ${reason}: ${meaning} (as \`buildswarm why ${job}\`)`,
    ...(cure === undefined ? [] : [`${' '.repeat(9)}cure: ${cure}`]),
  ];
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(2)} s` : `${Math.round(ms / 1000)} s`;
}

/** As 14:03:05, of this machine's clock. */
function timeOfDay(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}
