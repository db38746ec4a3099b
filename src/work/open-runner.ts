/** The runner of this machine: the compiled one, or Node alone where it could not be built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createPlainRunner } from './plain-runner.ts';
import { type Runner, startRunner } from './runner.ts';

/**
 * @param packageRoot - where `bin/swarmexec` lies.
 * @param directory - of ours alone; the runner's socket is made there.
 * @throws SwarmError `E_RUNNER` if the compiled one is there and does not start.
 */
export async function openRunner(
  packageRoot: string,
  directory: string,
  listener: {
    onLost: (why: string) => void;
    onMissing: (warning: string) => void;
  },
): Promise<Runner> {
  const executable = join(packageRoot, 'bin', 'swarmexec');
  if (existsSync(executable)) {
    const afterKill = [join(packageRoot, 'bin', 'buildswarm'), 'cache', 'prune'];
    return await startRunner(
      executable,
      join(directory, `run-${process.pid}.sock`),
      listener.onLost,
      afterKill,
    );
  }
  listener.onMissing(
    'there is no bin/swarmexec (no C compiler at the build), so commands run without terminals and signal masks',
  );
  return createPlainRunner();
}
