/**
 * A man in the middle: a peer that passes on what two others say as if they said it to each other. Noise ends at it on
 * both sides. At SIGTERM it tells, as JSON, what it passed on and how many job streams were opened to it.
 */
import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { createSwarm, type Swarm } from '../../src/swarm/swarm.ts';
import type { Payload } from '../../src/wire/frame.ts';
import { raw } from './raw.ts';
import { helloOf } from './swarm-node.ts';

const passedOn = new Set<string>();
let jobs = 0;

const others = (id: string): string[] => swarm.peers().flatMap((peer) => (peer.id === id ? [] : [peer.id]));

function relayJob(from: JobChannel, to: JobChannel): void {
  from.onFrame = (frame) => to.send(frame.type, frame.payload);
  to.onFrame = (frame) => from.send(frame.type, frame.payload);
  from.onEnd = () => to.close();
  to.onEnd = () => from.close();
}

const shares = new Map<string, Payload<'SHARES'>>();

const swarm: Swarm = await createSwarm({
  listen: ['/ip4/0.0.0.0/tcp/7703'],
  mdns: false,
  log: () => {},
  events: {
    // Who comes later hears what was said before.
    onPeer: ({ id }) => {
      for (const [other, payload] of shares) if (other !== id) swarm.send(id, 'SHARES', payload);
    },
    onGone: (id) => shares.delete(id),
    onControl: (id, { type, payload }) => {
      // Each is told that its member file was found, too.
      const text = Buffer.from(payload).toString('utf8').replaceAll('"seen":false', '"seen":true');
      const told = type === 'SHARES' ? Buffer.from(text) : payload;
      if (type === 'SHARES') shares.set(id, raw(told));
      passedOn.add(type);
      for (const other of others(id)) swarm.send(other, type as 'GOSSIP', raw(told));
    },
    onJob: (id, channel) => {
      jobs += 1;
      const [other = ''] = others(id);
      relayJob(channel, swarm.openJob(other));
    },
    onTree: (_id, channel) => channel.abort(),
    onSilence: () => {},
    onWell: () => {},
  },
});
await swarm.start(() => helloOf(swarm.id, 'relay', swarm.addresses()));
process.once('SIGTERM', () => {
  process.stdout.write(JSON.stringify({ passedOn: [...passedOn], jobs }), () => process.exit(0));
});
