/** `buildswarm trace`: a build as a timeline for Perfetto or Chrome, and where its time went. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { visibleJson, visibleValue } from '../core/visible.ts';
import { requestOne } from '../local/client.ts';
import type { Explanation } from '../wire/cli-messages.ts';
import { action, exitStatus } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { jobsToUse } from './status-view.ts';
import { traceOf } from './trace/chrome.ts';
import { renderSummary, summarize } from './trace/summary.ts';

/** Jobs that are fetched at once. */
const pageJobs = 1_000;

export function addTrace(program: Command): void {
  program
    .command('trace')
    .description(
      'writes the last build, or what CMD does, as a timeline for Perfetto, and tells where its time went',
    )
    .option('-o, --output <file>', 'the file to write', 'buildswarm-trace.json')
    .argument('[command...]', 'a build to run first; otherwise the last one is told of')
    .passThroughOptions()
    .action(
      action(async (command: string[], { output }: { output: string }) => {
        const socket = localSocket();
        // Asked before the command runs, which is in vain without a peer.
        const [newest] = (await requestOne(socket, { op: 'why', last: 1 })).jobs;
        const status = command.length === 0 ? exitStatus.ok : await run(command);
        const build = await requestOne(socket, { op: 'build' });
        const first = command.length === 0 ? build.firstJob : (newest?.job ?? 0) + 1;
        const jobs = await fetchJobs(socket, first);
        const swarm = await requestOne(socket, { op: 'status' });
        const nowMs = Date.now();
        const slotsOf = (name: string) => swarm.peers.find((peer) => peer.name === name)?.slots;
        write(output, visibleJson(JSON.stringify(traceOf(jobs, swarm.self.name, slotsOf, nowMs))));
        const ready = swarm.peers.filter(({ state }) => state === 'ready');
        const slots = [swarm.self, ...ready].reduce((total, peer) => total + peer.slots, 0);
        const text = renderSummary(visibleValue(summarize(jobs, slots, nowMs)), slots, jobsToUse(swarm));
        process.stdout.write(
          `${text}\nwritten: ${output}; open it at https://ui.perfetto.dev or chrome://tracing\n`,
        );
        process.exitCode = status;
      }),
    );
}

/** All jobs from that number on that are still remembered. */
async function fetchJobs(socket: string, first: number): Promise<Explanation[]> {
  const jobs: Explanation[] = [];
  for (let from = first; ; ) {
    const page = (await requestOne(socket, { op: 'why', from, last: pageJobs })).jobs;
    jobs.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < pageJobs) return jobs;
    from = last.job + 1;
  }
}

async function run([program = '', ...rest]: readonly string[]): Promise<number> {
  const child = spawn(program, rest, { stdio: 'inherit' });
  return await new Promise<number>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new SwarmError('E_SETTING', `${program} could not be started: ${phrase(cause)}.`, { cause })),
    );
    child.once('exit', (status) => resolve(status ?? exitStatus.failure));
  });
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, `${text}\n`);
  } catch (cause) {
    throw new SwarmError(
      'E_SETTING',
      `${path} cannot be written: ${phrase(cause)}; give another one with -o.`,
      { cause },
    );
  }
}

/** What an errno says, without the name of the call that failed with it. */
function phrase(cause: unknown): string {
  const { errno, message } = cause as NodeJS.ErrnoException;
  const [, words] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  return words ?? message;
}
