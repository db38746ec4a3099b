/** Joins the known machines with the swarm: who is told, what ends, who is dialled. */
import { hostname } from 'node:os';
import type { PeerName } from '../../core/schedule/contract.ts';
import { machineNameOf } from '../../pairing/introduction.ts';
import { ensureLastingKey } from '../../pairing/lasting-key.ts';
import type { Swarm } from '../../swarm/swarm.ts';
import { startTimer } from '../alarm.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Neighbours } from '../mesh/neighbours.ts';
import { KnownAddresses } from './known-addresses.ts';
import { KnownMachines } from './known-machines.ts';
import { Pairing } from './pairing.ts';

export interface KnownPartsInit {
  readonly directory: string;
  readonly lifecycle: Lifecycle;
  readonly swarm: Swarm;
  readonly neighbours: Neighbours;
  readonly now: () => number;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

/** Machines that were made known by `invite`, `accept` or `pair`. */
export function makeKnownMachines(init: KnownPartsInit): KnownMachines {
  const { directory, lifecycle, swarm, neighbours, now, log } = init;
  const knownMachines: KnownMachines = new KnownMachines({
    directory,
    now,
    log,
    host: hostname(),
    self: swarm.id,
    send: (to, payload) => swarm.send(to, 'KNOWN', payload),
    neighbours: () => neighbours.ids(),
    onRead: () => void addresses.look(),
    onKnown: (peer) => {
      swarm.trust(peer);
      addresses.met(knownMachines.nameOf(peer) ?? '', addressesOf(peer));
      log('the machine of a peer is known', { peer, name: knownMachines.nameOf(peer) });
      lifecycle.emit('known', peer);
    },
    onEnded: (peer, byUs) => {
      log('the machine of a peer is known no longer', { peer, byUs });
      lifecycle.emit('known-ended', peer);
      if (byUs) swarm.end(peer);
    },
  });
  const addressesOf = (id: PeerName): readonly string[] =>
    swarm.peers().find((peer) => peer.id === id)?.addresses ?? [];
  const addresses = new KnownAddresses({
    directory,
    log,
    machines: () => knownMachines.machines,
    isConnected: (name) => knownMachines.peerOf(name) !== undefined,
    keepDialling: (name, known) => swarm.keepDialling(name, known),
  });
  lifecycle.on('met', (peer) => knownMachines.met(peer.id));
  lifecycle.on('gone', (peer) => {
    const wasKnown = knownMachines.isKnown(peer);
    knownMachines.forget(peer);
    if (wasKnown) void addresses.look();
  });
  lifecycle.onStop(() => knownMachines.stop());
  return knownMachines;
}

/** How machines are made known while both run `pair`. */
export function makePairing({ directory, lifecycle, swarm, neighbours }: KnownPartsInit): Pairing {
  const pairing = new Pairing({
    self: swarm.id,
    introduceSelf: async () => {
      const { publicKey } = await ensureLastingKey(directory, hostname());
      return { name: machineNameOf(hostname()), key: publicKey };
    },
    neighbours: () => neighbours.ids(),
    describe: (id) => {
      const peer = swarm.peers().find((each) => each.id === id);
      return { name: peer?.hello.report.name ?? '', addresses: peer?.addresses ?? [] };
    },
    send: (to, payload) => swarm.send(to, 'PAIR', payload),
    startTimer,
  });
  lifecycle.on('met', (peer) => pairing.met(peer.id));
  lifecycle.on('gone', (peer) => pairing.gone(peer));
  return pairing;
}
