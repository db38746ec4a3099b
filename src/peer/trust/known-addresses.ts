/**
 * Finds known machines where no multicast reaches them: keeps the last addresses of each in a file, and has them dialled
 * while the machine is not connected.
 */

import { type KnownPeer, readAddresses, writeAddresses } from '../../pairing/known-peers.ts';
import { lastingPort } from '../../pairing/lasting-key.ts';

export interface KnownAddressesInit {
  readonly directory: string;
  readonly machines: () => readonly KnownPeer[];
  /** Whether a peer of that machine is connected and known. */
  readonly isConnected: (name: string) => boolean;
  /** Dials these addresses until it is told others, or none. */
  readonly keepDialling: (name: string, addresses: readonly string[]) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class KnownAddresses {
  readonly #init: KnownAddressesInit;
  /** Machines that are dialled. */
  readonly #dialled = new Set<string>();
  /** What lies in the files, as far as this peer has written it. */
  readonly #written = new Map<string, string>();

  constructor(init: KnownAddressesInit) {
    this.#init = init;
  }

  /** Looks which machines are to be dialled: some may be known or forgotten since, or have come or gone. */
  async look(): Promise<void> {
    const { directory, machines, isConnected, keepDialling } = this.#init;
    const missing = new Map(
      machines()
        .filter(({ name }) => !isConnected(name))
        .map(({ name, key }) => [name, key]),
    );
    for (const name of this.#dialled) {
      if (missing.has(name)) continue;
      this.#dialled.delete(name);
      keepDialling(name, []);
    }
    for (const [name, key] of missing) {
      const addresses = alsoAtPort(await readAddresses(directory, name), lastingPort(key));
      if (addresses.length === 0 || isConnected(name)) continue;
      this.#dialled.add(name);
      keepDialling(name, addresses);
    }
  }

  /** A known machine is connected. */
  met(name: string, addresses: readonly string[]): void {
    const text = addresses.join(' ');
    if (addresses.length > 0 && this.#written.get(name) !== text) {
      this.#written.set(name, text);
      writeAddresses(this.#init.directory, name, addresses).catch((error: unknown) =>
        this.#init.log('the addresses of a known machine could not be kept', { name, error: String(error) }),
      );
    }
    void this.look();
  }
}

/** It may have been started anew since, and listen on the port of its key now. */
function alsoAtPort(addresses: readonly string[], port: number): readonly string[] {
  return [
    ...new Set(addresses.flatMap((address) => [address, address.replace(/\/tcp\/\d+/, `/tcp/${port}`)])),
  ];
}
