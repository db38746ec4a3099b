/** `buildswarm run`: as swarmrun, and able to force the one place or the other. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../machine/package-root.ts';

export function addRun(program: Command): void {
  program
    .command('run')
    .description('runs a command on the swarm, as swarmrun does')
    .option('--local', 'on this machine')
    .option('--remote', 'on another machine; waits for one rather than run here')
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .action(async (command: string[], options: { local?: boolean; remote?: boolean }) => {
      if (options.local && options.remote) program.error('error: --local and --remote exclude each other');
      const [program0 = '', ...rest] = command;
      const child = options.local
        ? spawn(program0, rest, { stdio: 'inherit' })
        : spawn(join(packageRoot, 'bin', 'swarmrun'), command, {
            stdio: 'inherit',
            argv0: options.remote ? 'swarmrun-remote' : 'swarmrun',
          });
      // The terminal sends its signals to the child too; it decides, and we end as it does.
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
        process.on(signal, () => child.kill(signal));
      }
      await new Promise<void>((resolve) => {
        child.once('error', (error: NodeJS.ErrnoException) => {
          process.stderr.write(
            `buildswarm: ${program0}: ${error.code === 'ENOENT' ? 'command not found' : error.message}\n`,
          );
          process.exitCode = error.code === 'ENOENT' ? 127 : 126;
          resolve();
        });
        child.once('exit', (status, signal) => {
          if (signal !== null) {
            process.removeAllListeners(signal);
            process.exitCode = 128 + constants.signals[signal];
            process.kill(process.pid, signal);
          } else process.exitCode = status ?? 1;
          resolve();
        });
      });
    });
}
