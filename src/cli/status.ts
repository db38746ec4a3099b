/** `buildswarm status` and `buildswarm slots`. */
import type { Command } from 'commander';
import { visibleJson, visibleValue } from '../core/visible.ts';
import { requestOne } from '../local/client.ts';
import type { Status } from '../wire/cli-messages.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { jobsToUse, renderStatus } from './status-view.ts';

const watchIntervalMs = 1_000;

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('shows the swarm as this peer sees it, one row per peer')
    .option('--json', 'prints one JSON object, for programs')
    .option('--watch', 'repeats every second until Ctrl-C')
    .action(
      action(async (options: { json?: boolean; watch?: boolean }) => {
        for (;;) {
          const status = await fetchStatus();
          // What other machines say of themselves goes to a terminal.
          const text = options.json
            ? visibleJson(JSON.stringify(status))
            : renderStatus(visibleValue(status));
          // Clears a terminal only: a file or pipe gets one report after the other.
          process.stdout.write(
            `${options.watch && process.stdout.isTTY ? '\u001b[H\u001b[2J' : ''}${text}\n`,
          );
          if (!options.watch) return;
          await new Promise((resolve) => setTimeout(resolve, watchIntervalMs));
        }
      }),
    );
  program
    .command('slots')
    .description('prints how many jobs the swarm takes now: make -j$(buildswarm slots)')
    .action(
      action(async () => {
        process.stdout.write(`${jobsToUse(await fetchStatus())}\n`);
      }),
    );
}

async function fetchStatus(): Promise<Status> {
  return await requestOne(localSocket(), { op: 'status' });
}
