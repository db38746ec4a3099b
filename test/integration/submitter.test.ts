/** The submitter's contract over real libp2p streams. */
import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { keepsSubmitterContract } from '../contract/submitter.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import type { Streams } from '../rig/submitter-rig.ts';
import { pairOf } from '../rig/swarm-node.ts';

assertOwnNamespace();

/** All workers are one node; streams arrive in the order in which they were opened. */
async function realStreams(): Promise<Streams> {
  const opened: ((end: JobChannel) => void)[] = [];
  const [submitter, worker] = await pairOf({}, { onJob: (end) => opened.shift()?.(end) });
  return {
    open: (_worker, onWorkerEnd) => {
      opened.push(onWorkerEnd);
      return submitter.swarm.openJob(worker.id);
    },
    [Symbol.asyncDispose]: async () => {
      await submitter.swarm.stop();
      await worker.swarm.stop();
    },
  };
}

keepsSubmitterContract(realStreams);
