/** `buildswarm stop`. */
import type { Command } from 'commander';
import { request } from '../local/client.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { Progress } from './progress.ts';

/** Longest wait for the jobs that a stopping peer still runs for others. */
const drainTimeoutMs = 600_000;

export function addStop(program: Command): void {
  program
    .command('stop')
    .description('ends the peer: it finishes what it runs for others and takes nothing new')
    .option('--now', 'ends it at once; what it runs for others starts again elsewhere')
    .action(
      action(async (options: { now?: boolean }) => {
        // The peer answers with what it still waits for, every second anew, and ends the connection with its own end.
        const asked = { op: 'stop', now: options.now === true } as const;
        using progress = new Progress('waiting for the peer to end:');
        let isTold = process.stderr.isTTY;
        for await (const { waiting } of request(localSocket(), asked, drainTimeoutMs)) {
          if (waiting === 0) continue;
          progress.text = `waiting for ${waiting} job${waiting === 1 ? '' : 's'} (--now ends them)`;
          // Once, where no line can be written over.
          if (!isTold) process.stderr.write(`${progress.text}\n`);
          isTold = true;
        }
      }),
    );
}
