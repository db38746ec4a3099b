import { keepsJobChannelContract } from '../../contract/job-channel.ts';
import { createChannelPair } from '../../rig/fake-channel.ts';

keepsJobChannelContract(() =>
  Promise.resolve({
    open: () => {
      const { submitter, worker } = createChannelPair({ submitter: 's', worker: 'w' });
      worker.pause();
      return { submitter, worker: Promise.resolve(worker) };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
);
