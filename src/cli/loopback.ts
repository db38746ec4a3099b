/** Listening on this machine's own loopback, which no other machine reaches. */
import type { Server } from 'node:http';
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';

/** A port as a flag gives it. Ends the program, with the status for wrong usage, if it is none. */
export function parsePort(program: Command, text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    program.error(`error: "${text}" is not a port; give a whole number from 0 to 65535`);
  return Number(text);
}

/**
 * @param port - 0: any that is free.
 * @returns the port.
 * @throws SwarmError `E_LISTEN`
 */
export async function listenOnLoopback(server: Server, port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const why = `Port ${port} of this machine cannot be listened on: ${cause.message}.`;
      reject(new SwarmError('E_LISTEN', why, { cause }));
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
