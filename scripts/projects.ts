/** Builds the projects that are named on a LAN and prints what came of each: see scripts/projects. */
import path from 'node:path';
import { checkout } from '../test/rig/child.ts';
import { compareProject, projects, startUnlike } from '../test/rig/real-project.ts';

const options = ['--here', '--served'];
const isTellingHere = process.argv.includes('--here');
const way = process.argv.includes('--served') ? 'served' : 'direct';
const names = process.argv.slice(2).filter((name) => !options.includes(name));
let isFaulty = false;
const rows: string[] = [];
{
  await using swarm = await startUnlike(undefined, way);
  for (const name of names) {
    const project = projects[name];
    if (project === undefined) throw new Error(`there is no project '${name}'`);
    const source = path.join(checkout, '.cache/projects', name);
    const found = await compareProject(swarm, name, project, { source, way });
    const { outputs, differing, jobs, works, remote, again, here, ranHere, homeMs, swarmMs } = found;
    const percent = (all: number): string => `${all === 0 ? 0 : Math.round((100 * remote) / all)} %`;
    const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
    const twice = new Map<string, number>();
    for (const { reasons } of again)
      for (const { reason } of reasons) twice.set(reason, (twice.get(reason) ?? 0) + 1);
    const list = (counts: ReadonlyMap<string, number>): string =>
      [...counts].map(([reason, count]) => `${reason} ${count}`).join(', ');
    rows.push(
      `| ${name} | ${outputs} | ${differing.length} | ${jobs} | ${percent(jobs)} | ${percent(works)} | ${again.length}${again.length > 0 ? ` (${list(twice)})` : ''} | ${list(here)} | ${seconds(homeMs)} | ${seconds(swarmMs)} |`,
    );
    process.stderr.write(`${rows.at(-1)}\n`);
    for (const text of differing) console.error(`  differs: ${text}`);
    for (const { command, reasons, details } of again)
      console.error(
        `  again: ${command.slice(0, 150)}\n    ${reasons.map(({ reason }) => reason).join(', ')}: ${details.join('; ')}`,
      );
    for (const { command, reasons, details } of isTellingHere ? ranHere : [])
      console.error(`  here (${reasons.at(-1)?.reason}): ${command.slice(0, 300)} ${details.join('; ')}`);
    // A file that changed is a reason to run again.
    isFaulty ||=
      differing.length > 0 ||
      again.some(({ reasons }) => reasons.some(({ reason }) => reason !== 'stale-view'));
  }
}
console.log(
  '| project | files | differ | jobs | remote | of work | ran twice | ran here because | at home | swarm |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|');
for (const row of rows) console.log(row);
process.exitCode = isFaulty ? 1 : 0;
