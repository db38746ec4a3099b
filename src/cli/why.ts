/** `buildswarm why`: what was decided of jobs, and why. */
import path from 'node:path';
import type { Command } from 'commander';
import { cures } from '../core/cure.ts';
import { type Reason, reasons } from '../core/reason.ts';
import { visibleJson, visibleValue } from '../core/visible.ts';
import { requestOne } from '../local/client.ts';
import { rememberedJobs } from '../peer/explain/ledger.ts';
import { action, exitStatus } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { renderBuild, renderJob } from './why-view.ts';

interface WhyOptions {
  readonly last?: string;
  readonly here?: boolean;
  readonly json?: boolean;
}

/** Of `--here` without `--last`. */
const listedJobs = 20;
/** Among which those with a reason are looked for. */
const jobsOfReason = 500;

export function addWhy(program: Command): void {
  program
    .command('why')
    .description('tells why jobs ran where they did; alone: why jobs of the last build ran here, counted')
    .argument('[job]', 'number of a job, the path of a file that it wrote, or a reason')
    .option('--last <n>', 'the newest N jobs, step by step')
    .option('--here', 'only jobs that ran on this machine')
    .option('--json', 'prints one JSON object, for programs')
    .action(
      action(async (asked: string | undefined, options: WhyOptions) => {
        const { last } = options;
        if (last !== undefined && (!/^[1-9]\d*$/.test(last) || Number(last) > rememberedJobs))
          program.error(
            `error: "${last}" is not a number of jobs; give a whole number from 1 to ${rememberedJobs}`,
          );
        const isListed = asked !== undefined || last !== undefined || options.here === true;
        await (isListed ? tellJobs(asked, options) : tellBuild(options));
      }),
    );
}

async function tellJobs(asked: string | undefined, { last, here, json }: WhyOptions): Promise<void> {
  const isNumber = asked !== undefined && /^\d+$/.test(asked);
  const answer = await requestOne(localSocket(), {
    op: 'why',
    ...(isNumber ? { job: Number(asked) } : {}),
    ...(asked === undefined || isNumber ? {} : { path: path.resolve(asked) }),
    ...(last === undefined ? (here === true ? { last: listedJobs } : {}) : { last: Number(last) }),
    ...(here === true ? { here } : {}),
  });
  if (json) process.stdout.write(`${visibleJson(JSON.stringify(answer))}\n`);
  else for (const job of answer.jobs) process.stdout.write(`${renderJob(visibleValue(job))}\n`);
  if (answer.jobs.length > 0) return;
  process.exitCode = exitStatus.failure;
  if (json) return;
  const meant = Object.keys(reasons).find((reason): reason is Reason => reason === asked);
  if (meant !== undefined) return await tellReason(meant);
  const what = isNumber ? `job ${asked}` : asked === undefined ? 'such jobs' : `a job that writes ${asked}`;
  process.stdout.write(
    `${visibleValue(`Nothing is known of ${what}; the last ${rememberedJobs.toLocaleString('en')} are remembered.`)}\n`,
  );
}

/** What a reason means, what to do, and the newest of the last jobs that had it. */
async function tellReason(reason: Reason): Promise<void> {
  process.exitCode = 0;
  const { jobs } = await requestOne(localSocket(), { op: 'why', last: jobsOfReason });
  const having = jobs.filter((job) => job.reasons.some((one) => one.reason === reason));
  const cure = cures[reason];
  const lines = [
    `${reason}: ${reasons[reason]}`,
    ...(cure === undefined ? [] : [`cure: ${cure}`]),
    `${having.length} of the last ${jobs.length} jobs had it${having.length > 0 ? '; the newest:' : '.'}`,
    ...having
      .toSorted((one, other) => other.job - one.job)
      .slice(0, 1)
      .map((job) => renderJob(visibleValue(job))),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function tellBuild({ json }: WhyOptions): Promise<void> {
  const build = await requestOne(localSocket(), { op: 'build' });
  const text = json ? visibleJson(JSON.stringify(build)) : renderBuild(visibleValue(build), Date.now());
  process.stdout.write(`${text}\n`);
}
