/** The submitter's ways to the shared tree, joined: reading commands, preparing offers, settling attempts. */
import type { PeerName } from '../../core/schedule/contract.ts';
import type { Disk } from '../../share/disk.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { Aftermath } from './aftermath.ts';
import { InlineOutputs } from './inline-outputs.ts';
import { JobWrites } from './job-writes.ts';
import { Offers, type OffersInit } from './offers.ts';
import { Outputs } from './outputs.ts';
import { RequestReader, type RequestReaderInit } from './reading.ts';
import type { OwnTrees } from './served/own-trees.ts';
import { Ways } from './served/ways.ts';
import { Settling } from './settling.ts';

export interface TreeAccess {
  readonly reader: RequestReader;
  readonly offers: Offers;
  readonly settling: Settling;
  readonly writes: JobWrites;
  readonly inlineOutputs: InlineOutputs;
  readonly aftermath: Aftermath;
  readonly ways: Ways;
}

export interface TreeAccessInit
  extends Omit<RequestReaderInit, 'served'>,
    Omit<OffersInit, 'inlineOutputs' | 'ways' | 'disk'> {
  readonly disk: Disk;
  readonly trees: OwnTrees;
  /** Workers that can be shown this machine's files. */
  readonly servedWorkers: () => readonly PeerName[];
  readonly now: () => number;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  /** Opens a stream to a worker, to have an output sent. */
  readonly openJob: (peer: PeerName) => JobChannel;
}

export function createTreeAccess(init: TreeAccessInit): TreeAccess {
  const outputs = new Outputs(init.disk, init.openJob);
  const writes = new JobWrites();
  const inlineOutputs = new InlineOutputs(init);
  const aftermath = new Aftermath({
    ...init,
    removeHidden: (hidden) => outputs.remove(hidden),
    onChanged: (root, seen) => void init.tracking.share(root).written.note([seen], true),
  });
  const ways = new Ways(init);
  return {
    reader: new RequestReader({
      ...init,
      served: {
        hasWorkers: () => init.servedWorkers().length > 0,
        placeOf: (asked) => init.trees.placeOf(asked),
      },
    }),
    offers: new Offers({ ...init, inlineOutputs, ways }),
    settling: new Settling({ ...init, outputs, writes, aftermath }),
    writes,
    inlineOutputs,
    aftermath,
    ways,
  };
}
