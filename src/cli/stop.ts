/** `buildswarm stop`. */
import type { Command } from 'commander';
import { request } from '../local/client.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';

/** Longest wait for the jobs that a stopping peer still runs for others. */
const drainTimeoutMs = 600_000;

export function addStop(program: Command): void {
  program
    .command('stop')
    .description('ends the peer: it finishes what it runs for others and takes nothing new')
    .option('--now', 'ends it at once; what it runs for others starts again elsewhere')
    .action(
      action(async (options: { now?: boolean }) => {
        // The peer answers with what it still waits for, and ends the connection with its own end.
        const asked = { op: 'stop', now: options.now === true } as const;
        for await (const { waiting } of request(localSocket(), asked, drainTimeoutMs)) {
          if (waiting > 0)
            process.stderr.write(`waiting for ${waiting} job${waiting === 1 ? '' : 's'} (--now ends them)\n`);
        }
      }),
    );
}
