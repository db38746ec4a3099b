/**
 * Where a peer listens. That of a machine that has a lasting key listens on a port of that key, if it is free: so machines
 * that know each other meet again without multicast, though both were started anew.
 */
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { lastingPort, readLastingKey } from '../../pairing/lasting-key.ts';
import type { Settings } from '../settings.ts';

/** @returns undefined: any port. */
export async function listenAddresses(settings: Settings): Promise<readonly string[] | undefined> {
  if (settings.listen.length > 0) return settings.listen;
  const key = await readLastingKey(settings.pairingDirectory, hostname()).catch(() => undefined); // status says why
  if (key === undefined) return undefined;
  const port = lastingPort(key.publicKey);
  return (await isFree(port)) ? [`/ip4/0.0.0.0/tcp/${port}`, `/ip6/::/tcp/${port}`] : undefined;
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0' }, () => server.close(() => resolve(true)));
  });
}
