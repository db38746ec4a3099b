/** The program of {@link SwarmChild}. */
import { raw } from './raw.ts';
import { SwarmNode } from './swarm-node.ts';

const node = await SwarmNode.start({
  ...(JSON.parse(process.argv[2] ?? '{}') as object),
  onJob: (channel) => {
    channel.onFrame = (frame) => {
      if (frame.type !== 'OFFER') return;
      channel.send('RESULT', raw(frame.payload));
      channel.close();
    };
  },
});
process.send?.({ id: node.id, addresses: node.swarm.addresses(), log: node.log });
process.once('disconnect', () => process.exit());
