/** Whether a peer listens on a local socket already. */
import { connect } from 'node:net';
import { SwarmError } from '../core/swarm-error.ts';

/** A peer that is frozen still has its socket. */
const answerWithinMs = 2_000;

/**
 * Looks whether anybody listens there.
 *
 * @returns the errno's name with which nobody does.
 * @throws SwarmError `E_SOCKET_BUSY` if a peer does.
 */
export async function refuseTaken(path: string): Promise<string> {
  const answer = await new Promise<string>((resolve) => {
    const probe = connect(path);
    probe.setTimeout(answerWithinMs, () => {
      probe.destroy();
      resolve('alive');
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve('alive');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
  if (answer !== 'alive') return answer;
  throw new SwarmError(
    'E_SOCKET_BUSY',
    `A peer is running already on ${path}; end it with \`buildswarm stop\`, or set BUILDSWARM_SOCKET for a second one.`,
  );
}
