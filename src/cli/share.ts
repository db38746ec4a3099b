/** `buildswarm share`. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { makeShare } from '../share/shares.ts';
import { action } from './exit.ts';

export function addShare(program: Command): void {
  program
    .command('share')
    .description('makes a directory a share: a tree that other machines see at the same path (.buildswarm/)')
    .argument('[dir]', 'the directory', '.')
    .action(
      action(async (dir: string) => {
        const root = resolve(dir);
        const made = await makeShare(root);
        process.stdout.write(
          `${made.root} is a share; jobs in it may run on the peers that see it at this path.\n`,
        );
      }),
    );
}
