/** Joins the swarm with those who listen to what happens in it. */
import type { Logger } from 'pino';
import type { Sightings } from '../../swarm/finding/sightings.ts';
import { createSwarm, type Swarm } from '../../swarm/swarm.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Settings } from '../settings.ts';
import { listenAddresses } from './listen-addresses.ts';
import type { Neighbours } from './neighbours.ts';

interface SwarmNeeds {
  readonly settings: Settings;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
  readonly warnings: Set<string>;
  readonly neighbours: Neighbours;
  readonly sightings: Sightings;
}

/** Nothing is on the network before it is started. */
export async function makeSwarm({
  settings,
  log,
  lifecycle,
  warnings,
  neighbours,
  sightings,
}: SwarmNeeds): Promise<Swarm> {
  const listen = await listenAddresses(settings);
  return await createSwarm({
    ...(listen === undefined ? {} : { listen }),
    sightings,
    bootstrap: settings.peers,
    mdns: settings.mdns,
    log: (level, message, fields) => {
      if (level === 'warn') warnings.add(message);
      log[level](fields, message);
    },
    events: {
      onPeer: (peer) => {
        neighbours.met(peer);
        lifecycle.emit('met', peer);
        log.info({ peer: peer.id, name: peer.hello.report.name }, 'peer ready');
      },
      onGone: (peer, why) => {
        // Before it is forgotten whether it was silent.
        const graceMs = neighbours.graceMs(peer);
        neighbours.gone(peer);
        lifecycle.emit('gone', peer, graceMs);
        log.info({ peer, why }, 'a peer is gone');
      },
      onControl: (peer, frame) => lifecycle.emit('control', peer, frame),
      onJob: (peer, channel) => lifecycle.emit('job', peer, channel),
      onTree: (peer, channel) => lifecycle.emit('tree', peer, channel),
      onSilence: (peer) => {
        neighbours.suspect(peer, true);
        lifecycle.emit('silent', peer);
      },
      onWell: (peer) => {
        neighbours.suspect(peer, false);
        lifecycle.emit('well', peer);
      },
    },
  });
}
