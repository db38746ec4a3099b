/** `buildswarm why`: the reasons of decisions, by job. */
import type { Command } from 'commander';
import { visibleValue } from '../core/visible.ts';
import { requestOne } from '../local/client.ts';
import type { Explanation } from '../wire/cli-messages.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';

export function addWhy(program: Command): void {
  program
    .command('why')
    .description('tells why jobs did not run on another machine at the first try')
    .argument('[job]', 'number of the job')
    .action(
      action(async (job: string | undefined) => {
        if (job !== undefined && !/^\d+$/.test(job))
          program.error(`error: "${job}" is not the number of a job`);
        const answer = await requestOne(localSocket(), {
          op: 'why',
          job: job === undefined ? undefined : Number(job),
        });
        if (answer.jobs.length === 0) {
          process.stdout.write(
            job === undefined
              ? 'All jobs so far ran on other machines at the first try.\n'
              : `Nothing is known of job ${job}; the last 10,000 are remembered.\n`,
          );
        }
        for (const one of answer.jobs) process.stdout.write(`${render(visibleValue(one))}\n`);
      }),
    );
}

function render(one: Explanation): string {
  const head = `job ${one.job}: ${one.command.slice(0, 300)}\n  in ${one.cwd}; ${one.whereabouts ?? one.ending}${one.place === 'inline' ? ' here' : one.place ? ` on ${one.place}` : ''}`;
  const lines = one.reasons.map(
    ({ reason, meaning, peer }) => `  ${reason}: ${meaning}${peer ? ` (${peer})` : ''}`,
  );
  return [head, ...lines, ...one.details.map((detail) => `  - ${detail}`)].join('\n');
}
