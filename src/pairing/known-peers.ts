/**
 * The machines that this user has made known to this one, by `invite`, `accept` or `pair`: a file each below
 * `~/.config/buildswarm/peers`, with its lasting public key. Removing the file (`buildswarm forget`) undoes it.
 * Addresses lie beside them, in files that say nothing of trust: peers write these, and only commands write the others.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { SwarmError } from '../core/swarm-error.ts';
import { maxAddresses, maxAddressLength } from '../wire/limits.ts';
import { bytes32, machineName, plain } from '../wire/schema.ts';
import {
  checkOwnDirectory,
  ensureOwnDirectory,
  homeDirectory,
  readOwnFile,
  writeOwnFile,
} from './own-file.ts';

/** Machines at most; of more, the first by name. */
const maxMachines = 1_024;

const fileSchema = v.object({ key: bytes32 });
const addressesSchema = v.pipe(
  v.array(v.pipe(plain, v.maxLength(maxAddressLength))),
  v.maxLength(maxAddresses),
);

export interface KnownPeer {
  /** What it is called here. */
  readonly name: string;
  readonly key: string;
}

export interface KnownPeers {
  readonly machines: readonly KnownPeer[];
  /** Sentences: files that are not believed. */
  readonly faults: readonly string[];
}

/** `$XDG_CONFIG_HOME/buildswarm`, by default `~/.config/buildswarm`. */
export function pairingDirectory(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CONFIG_HOME'];
  const home = env['HOME'] ?? homeDirectory();
  return join(base?.startsWith('/') === true ? base : join(home, '.config'), 'buildswarm');
}

/**
 * Reads which machines are known, by name. A file that others could have written is not believed.
 *
 * @throws SwarmError `E_PAIRING` if the directory is one that others may write to: then nothing in it is believed.
 */
export async function readKnownPeers(directory: string): Promise<KnownPeers> {
  const folder = join(directory, 'peers');
  if (!(await checkOwnDirectory(folder))) return { machines: [], faults: [] };
  const machines: KnownPeer[] = [];
  const faults: string[] = [];
  for (const name of (await namesIn(folder)).slice(0, maxMachines)) {
    try {
      const text = await readOwnFile(join(folder, name));
      if (text !== undefined) machines.push({ name, key: keyIn(text, join(folder, name), name) });
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      faults.push(error.message);
    }
  }
  return { machines, faults };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => v.is(machineName, name)).toSorted();
  } catch (cause) {
    throw new SwarmError('E_PAIRING', `${folder} cannot be read: ${String(cause)}.`, { cause });
  }
}

function keyIn(text: string, path: string, name: string): string {
  try {
    return v.parse(fileSchema, JSON.parse(text)).key;
  } catch (cause) {
    throw new SwarmError(
      'E_PAIRING',
      `${path} is damaged; run \`buildswarm forget ${name}\` and invite that machine again.`,
      { cause },
    );
  }
}

/** What changes when machines are made known or forgotten; the same as before: probably nothing has changed. */
export async function knownPeersStamp(directory: string): Promise<string> {
  try {
    const { ino, mtimeNs, ctimeNs } = await stat(join(directory, 'peers'), { bigint: true });
    return `${ino} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return 'none'; // if it is there and cannot be looked at, readKnownPeers says why
  }
}

/** @throws SwarmError `E_SETTING` if no machine can be called so here: its name is that of a file. */
export function checkMachineName(name: string): void {
  const isName: boolean = v.is(machineName, name);
  if (!isName)
    throw new SwarmError(
      'E_SETTING',
      `"${name}" cannot be the name of a machine; give letters, digits, dots, dashes and underscores, a letter or digit first, 64 at most.`,
    );
}

/**
 * Makes a machine known. One whose key is known already keeps its name.
 *
 * @returns what it is called here.
 * @throws SwarmError `E_PAIRING` if another machine has this name.
 */
export async function addKnownPeer(directory: string, { name, key }: KnownPeer): Promise<string> {
  checkMachineName(name);
  const folder = join(directory, 'peers');
  await ensureOwnDirectory(folder);
  const { machines } = await readKnownPeers(directory);
  const same = machines.find((machine) => machine.key === key);
  if (same !== undefined) return same.name;
  await writeOwnFile(join(folder, name), `${JSON.stringify({ key })}\n`, { keep: true });
  const written = await readOwnFile(join(folder, name));
  if (written !== undefined && keyIn(written, join(folder, name), name) === key) return name;
  throw new SwarmError(
    'E_PAIRING',
    `Another machine is known as ${name} already; run \`buildswarm forget ${name}\` if it is the same one, installed anew.`,
  );
}

/** @returns false if no machine of this name is known. */
export async function forgetKnownPeer(directory: string, name: string): Promise<boolean> {
  if (!v.is(machineName, name)) return false;
  try {
    await rm(join(directory, 'peers', name));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return false;
    throw new SwarmError('E_PAIRING', `${name} could not be forgotten: ${String(cause)}.`, { cause });
  }
  await rm(join(directory, 'addresses', name), { force: true });
  return true;
}

/** Where the peer of a known machine was last; empty if that is not known. */
export async function readAddresses(directory: string, name: string): Promise<readonly string[]> {
  try {
    const text = await readOwnFile(join(directory, 'addresses', name));
    return text === undefined ? [] : v.parse(addressesSchema, JSON.parse(text));
  } catch {
    return []; // it only helps to find the machine, and is written again when it was met
  }
}

export async function writeAddresses(
  directory: string,
  name: string,
  addresses: readonly string[],
): Promise<void> {
  await ensureOwnDirectory(join(directory, 'addresses'));
  const kept = addresses.filter((address) => address.length <= maxAddressLength).slice(0, maxAddresses);
  await writeOwnFile(join(directory, 'addresses', name), `${JSON.stringify(kept)}\n`);
}
