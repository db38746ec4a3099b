/** `buildswarm doctor`: checks the set-up, a line a check, with the cure. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { visibleJson, visibleValue } from '../core/visible.ts';
import { requestOne } from '../local/client.ts';
import { packageRoot } from '../machine/package-root.ts';
import type { Finding } from '../wire/cli-messages.ts';
import { ccacheFindings } from './doctor/ccache-checks.ts';
import { well } from './doctor/check.ts';
import { findPeers, isStopped, silentPeer } from './doctor/process-checks.ts';
import { type WrapperPlace, wrapperFindings } from './doctor/wrapper-checks.ts';
import { renderFindings } from './doctor-view.ts';
import { action, exitStatus } from './exit.ts';
import { localSocket } from './local-socket.ts';

/** Its looks at a share may have to wait for a file server. */
const answerTimeoutMs = 30_000;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('checks the set-up: a line a check, with the cure; status 1 if something is wrong')
    .option('--json', 'prints one JSON object, for programs')
    .action(
      action(async ({ json }: { json?: boolean }) => {
        const asked = await askPeer();
        const place: WrapperPlace = {
          wrapper: join(packageRoot, 'bin', 'swarmrun'),
          directories: (process.env['PATH'] ?? '')
            .split(':')
            .filter((directory) => directory.startsWith('/')),
        };
        const findings = [
          ...asked.findings,
          ...wrapperFindings(place),
          ...ccacheFindings(place, asked.shares),
        ];
        process.stdout.write(
          `${json ? visibleJson(JSON.stringify({ findings })) : renderFindings(visibleValue(findings))}\n`,
        );
        if (findings.some(({ state }) => state === 'fault')) process.exitCode = exitStatus.failure;
      }),
    );
}

async function askPeer(): Promise<{ findings: readonly Finding[]; shares: readonly string[] }> {
  const socket = localSocket();
  const peers = findPeers(process.getuid?.() ?? 0);
  // A process that is stopped takes connections, and answers none.
  if (peers.length > 0 && peers.every(isStopped))
    return { findings: [silentPeer(socket, peers, 'it is stopped')], shares: [] };
  try {
    const asked = { op: 'doctor', directory: process.cwd() } as const;
    const { findings, shares } = await requestOne(socket, asked, answerTimeoutMs);
    return { findings: [well('socket', socket), ...findings], shares };
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    return { findings: [silentPeer(socket, peers, error.message)], shares: [] };
  }
}
