/** `buildswarm`: the command line. One file a command; this one puts them together. */
import '../swarm/libp2p/polyfill.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../machine/package-root.ts';
import { addCommands } from './commands.ts';
import { exitStatus } from './exit.ts';

/** Runs one command line; sets the exit status: 0, 1 failure, 2 usage, 69 no peer is running. */
export async function main(argv: readonly string[]): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const program = new Command('buildswarm')
    .description(
      "A build swarm without a centre. Put `swarmrun` in front of the compiler: CXX='swarmrun g++'",
    )
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(--help tells the options)')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? exitStatus.ok : exitStatus.usage));
  addCommands(program);
  addHelp(program);
  for (const command of program.commands) {
    command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitStatus.ok : exitStatus.usage));
  }
  // The reader of our output may close its end early (`| head`): that is not a fault.
  process.stdout.on('error', () => process.exit());
  await program.parseAsync(argv);
}

/** Commander's own prints the help of all for a command that there is not, without a word. */
function addHelp(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .description('display help for command')
    .argument('[command]', 'the command; otherwise all are listed')
    .action(async (name?: string) => {
      const asked =
        name === undefined ? program : program.commands.find((command) => command.name() === name);
      if (asked === undefined) await program.parseAsync([name ?? ''], { from: 'user' });
      else asked.outputHelp();
    });
}
