/**
 * The key by which machines of one person know each other where they share no tree. A peer's own identity lasts for one
 * life; this key says which machine and user it belongs to. Home directories may be shared between machines, so each
 * machine has a key of its own, named after its host.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { join } from 'node:path';
import { SwarmError } from '../core/swarm-error.ts';
import { machineNameOf } from './introduction.ts';
import { checkOwnDirectory, ensureOwnDirectory, readOwnFile, writeOwnFile } from './own-file.ts';

export interface LastingKey {
  /** Raw public key, base64. */
  readonly publicKey: string;
  /** @returns the signature, base64, that lets peer `from` speak for this key to peer `to`. */
  readonly signFor: (from: string, to: string) => string;
}

const firstPort = 20_000;
const ports = 12_000;

/** DER of an Ed25519 public key before its 32 raw bytes. */
const publicKeyPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** @returns undefined if this machine has none yet: it was never invited, paired or asked to accept. */
export async function readLastingKey(directory: string, host: string): Promise<LastingKey | undefined> {
  const path = keyPath(directory, host);
  if (!(await checkOwnDirectory(join(directory, 'keys')))) return undefined;
  const pem = await readOwnFile(path);
  if (pem === undefined) return undefined;
  try {
    return lastingKey(createPrivateKey(pem));
  } catch (cause) {
    throw new SwarmError(
      'E_PAIRING',
      `${path} does not hold a private key; remove it and invite the machines again.`,
      {
        cause,
      },
    );
  }
}

/** The key of this machine, made if there is none. */
export async function ensureLastingKey(directory: string, host: string): Promise<LastingKey> {
  const known = await readLastingKey(directory, host);
  if (known !== undefined) return known;
  const { privateKey } = generateKeyPairSync('ed25519');
  await ensureOwnDirectory(join(directory, 'keys'));
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeOwnFile(keyPath(directory, host), pem, { keep: true });
  // Another command may have been first.
  const kept = await readLastingKey(directory, host);
  if (kept === undefined)
    throw new SwarmError('E_PAIRING', `${keyPath(directory, host)} was removed just now.`);
  return kept;
}

/** The port on which a machine with this key listens where it may: below those that kernels give out. */
export function lastingPort(key: string): number {
  return (
    firstPort + (createHash('sha256').update(`buildswarm port 1\n${key}`).digest().readUInt32BE(0) % ports)
  );
}

/** Does this signature let peer `from` speak for the key to peer `to`? */
export function speaksFor(
  { key, signature }: { readonly key: string; readonly signature: string },
  from: string,
  to: string,
): boolean {
  const publicKey = createPublicKey({
    key: Buffer.concat([publicKeyPrefix, Buffer.from(key, 'base64')]),
    format: 'der',
    type: 'spki',
  });
  return verify(null, statement(from, to), publicKey, Buffer.from(signature, 'base64'));
}

function lastingKey(privateKey: KeyObject): LastingKey {
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return {
    publicKey: der.subarray(publicKeyPrefix.length).toString('base64'),
    signFor: (from, to) => sign(null, statement(from, to), privateKey).toString('base64'),
  };
}

/** Names both ends, which noise has proven: what one peer says to another is worth nothing to anybody else. */
function statement(from: string, to: string): Buffer {
  return Buffer.from(`buildswarm lasting key 1\n${from}\n${to}\n`, 'utf8');
}

function keyPath(directory: string, host: string): string {
  return join(directory, 'keys', machineNameOf(host));
}
