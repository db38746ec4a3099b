/** What the commands that make machines known have in common. */
import { hostname } from 'node:os';
import { SwarmError } from '../core/swarm-error.ts';
import { requestOne } from '../local/client.ts';
import { type Introduction, machineNameOf } from '../pairing/introduction.ts';
import { pairingDirectory } from '../pairing/known-peers.ts';
import { ensureLastingKey } from '../pairing/lasting-key.ts';
import { maxAddresses } from '../wire/limits.ts';
import { localSocket } from './local-socket.ts';

/** This machine as others are told of it. */
export async function introduceSelf(): Promise<Introduction> {
  const { publicKey } = await ensureLastingKey(pairingDirectory(process.env), hostname());
  return { name: machineNameOf(hostname()), key: publicKey, addresses: await ownAddresses() };
}

/** Where this machine's peer listens; nowhere if none runs. */
async function ownAddresses(): Promise<string[]> {
  const status = await ofPeer(() => requestOne(localSocket(), { op: 'status' }));
  return [...(status?.self.addresses ?? [])].slice(0, maxAddresses);
}

/** Lets the peer of this machine read anew which machines are known. @returns whether one runs. */
export async function tellPeer(): Promise<boolean> {
  return (await ofPeer(() => requestOne(localSocket(), { op: 'known' }))) !== undefined;
}

/** An answer of this machine's peer; undefined if none runs: then it reads the files when it starts. */
export async function ofPeer<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'E_NO_PEER') return undefined;
    throw error;
  }
}
