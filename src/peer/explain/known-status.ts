/** What `peers` shows: the machines that were made known to this one, and which of them are connected. */
import type { Swarm } from '../../swarm/swarm.ts';
import type { Reply } from '../../wire/cli-messages.ts';
import type { KnownMachines } from '../trust/known-machines.ts';

export function knownStatus(known: KnownMachines, swarm: Swarm): Reply<'known'> {
  const connected = new Map(swarm.peers().map((peer) => [peer.id, peer]));
  return {
    machines: known.machines.map(({ name }) => {
      const peer = connected.get(known.peerOf(name) ?? '');
      return {
        name,
        ...(peer === undefined ? {} : { peer: peer.id }),
        addresses: [...(peer?.addresses ?? [])],
      };
    }),
    faults: [...known.faults],
  };
}
