/** All checks of the doctor: what the peer sees, and what is looked at without it. */
import { join } from 'node:path';
import { SwarmError } from '../../core/swarm-error.ts';
import { requestOne } from '../../local/client.ts';
import { packageRoot } from '../../machine/package-root.ts';
import type { Finding } from '../../wire/cli-messages.ts';
import { localSocket } from '../local-socket.ts';
import { ccacheFindings } from './ccache-checks.ts';
import { well } from './check.ts';
import { findPeers, isStopped, silentPeer, surroundings } from './process-checks.ts';
import { type WrapperPlace, wrapperFindings } from './wrapper-checks.ts';

/** Its looks at a share may have to wait for a file server. */
const answerTimeoutMs = 30_000;

/** Examines this machine, from the directory of this process. */
export async function examineHere(): Promise<Finding[]> {
  const asked = await askPeer();
  const place: WrapperPlace = {
    wrapper: join(packageRoot, 'bin', 'swarmrun'),
    directories: (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/')),
  };
  return [...asked.findings, ...wrapperFindings(place), ...ccacheFindings(place, asked.shares)];
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
    return { findings: [well('socket', socket), ...surroundings(peers), ...findings], shares };
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    return { findings: [silentPeer(socket, peers, error.message)], shares: [] };
  }
}

/** What the doctor finds on the machine of another peer, which the peer here asks. @throws SwarmError if none is here. */
export async function examineThere(name: string): Promise<readonly Finding[]> {
  const asked = { op: 'doctor', directory: process.cwd(), peer: name } as const;
  const { findings, peer } = await requestOne(localSocket(), asked, answerTimeoutMs);
  if (peer === name) return findings;
  throw new SwarmError(
    'E_VERSION',
    'The peer here is of an older version, which asks no other one. Stop it and start it again.',
  );
}
