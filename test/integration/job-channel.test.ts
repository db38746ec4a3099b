import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { type ChannelRig, keepsJobChannelContract } from '../contract/job-channel.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { pairOf } from '../rig/swarm-node.ts';

assertOwnNamespace();

keepsJobChannelContract(async (): Promise<ChannelRig> => {
  const opening: ((channel: JobChannel) => void)[] = [];
  const [submitter, worker] = await pairOf({}, { onJob: (channel) => opening.shift()?.(channel) });
  return {
    open: () => {
      const end = new Promise<JobChannel>((resolve) => {
        opening.push((channel) => {
          // What comes before it is listened to waits.
          channel.pause();
          resolve(channel);
        });
      });
      return { submitter: submitter.swarm.openJob(worker.id), worker: end };
    },
    [Symbol.asyncDispose]: async () => {
      await submitter.swarm.stop();
      await worker.swarm.stop();
    },
  };
});
