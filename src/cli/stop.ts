/** `buildswarm stop`. */
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { request } from '../local/client.ts';
import { findPeers, isStopped, silentPeer } from './doctor/process-checks.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { Progress } from './progress.ts';

/** Longest silence: a peer that ends tells every second for what it still waits, for as long as that takes. */
const silenceMs = 15_000;

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
        const socket = localSocket();
        try {
          for await (const { waiting } of request(socket, asked, silenceMs)) {
            if (waiting === 0) continue;
            progress.text = `waiting for ${waiting} job${waiting === 1 ? '' : 's'} (--now ends them)`;
            // Once, where no line can be written over.
            if (!isTold) process.stderr.write(`${progress.text}\n`);
            isTold = true;
          }
        } catch (error) {
          throw withProcess(socket, error);
        }
      }),
    );
}

/** Of a peer that says nothing, what its process shows: no request can end it. */
function withProcess(socket: string, error: unknown): unknown {
  if (!(error instanceof SwarmError) || error.code !== 'E_PEER_SILENT') return error;
  const peers = findPeers(process.getuid?.() ?? 0);
  // Of several, that which is stopped is the silent one.
  const { text, cure } = silentPeer(
    socket,
    peers.toSorted((a, b) => Number(isStopped(b)) - Number(isStopped(a))),
    'it is silent',
  );
  return new SwarmError('E_PEER_SILENT', `The peer cannot be asked to end: ${text}; cure: ${cure}.`, {
    cause: error,
  });
}
