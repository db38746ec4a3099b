/** `buildswarm doctor`: checks the set-up, a line a check, with the cure. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { visibleJson, visibleValue } from '../core/visible.ts';
import { packageRoot } from '../machine/package-root.ts';
import { appArmorProfile } from '../native/apparmor-profile.ts';
import { examineHere, examineThere } from './doctor/examination.ts';
import { renderFindings } from './doctor-view.ts';
import { action, exitStatus } from './exit.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('checks the set-up: a line a check, with the cure; status 1 if something is wrong')
    .option('--peer <name>', 'examines the machine of that peer instead, as `buildswarm status` calls it')
    .option('--json', 'prints one JSON object, for programs')
    .option(
      '--apparmor',
      "prints a profile that lets jobs run here in other machines' files, for /etc/apparmor.d",
    )
    .action(
      action(async ({ json, apparmor, peer }: { json?: boolean; apparmor?: boolean; peer?: string }) => {
        if (apparmor) {
          process.stdout.write(appArmorProfile(join(packageRoot, 'bin')));
          return;
        }
        const findings = await (peer === undefined ? examineHere() : examineThere(peer));
        process.stdout.write(
          `${json ? visibleJson(JSON.stringify({ findings })) : renderFindings(visibleValue(findings))}\n`,
        );
        if (findings.some(({ state }) => state === 'fault')) process.exitCode = exitStatus.failure;
      }),
    );
}
