/** Sends an output that its submitter does not come to see, piece by piece, as fast as the pieces are taken. */
import type { PeerName } from '../../core/schedule/contract.ts';
import { readPiece } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { realPathsBelow, type Shares } from '../../share/shares.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { encodeAck, type Fetch } from '../../wire/job-messages.ts';
import type { Membership } from '../trust/membership.ts';

export interface OutputAccess {
  readonly disk: Disk;
  readonly shares: Shares;
  readonly members: Pick<Membership, 'hasJoined' | 'check'>;
}

/** @throws Error if there is no such output, or if it is not for this peer. */
export async function sendOutput(
  { disk, shares, members }: OutputAccess,
  peer: PeerName,
  channel: JobChannel,
  { share: root, path }: Fetch,
): Promise<void> {
  if (!members.hasJoined(root)) throw new Error('this peer is not a member of that share');
  const found = await shares.find(root);
  if (!found.ok) throw new Error(found.why);
  const membership = await members.check(found.share.root, peer);
  if (!membership.ok) throw new Error(membership.why);
  const [place] = await realPathsBelow(disk, found.share, [path]);
  if (place?.ok !== true) throw new Error(`it is not in the share: ${place?.why ?? ''}`);
  const mode = await disk.run('modeOf', place.realPath);
  await sendPieces(channel, disk, place.realPath, mode);
}

async function sendPieces(channel: JobChannel, disk: Disk, path: string, mode: number): Promise<void> {
  let gone = false;
  let drained: (() => void) | undefined;
  channel.onEnd = () => {
    gone = true;
    drained?.();
  };
  channel.onDrain = () => drained?.();
  channel.send('ACK', encodeAck({ mode }));
  let sizeBytes = 0;
  for (;;) {
    const piece = await readPiece(disk, path, sizeBytes);
    if (gone) return;
    // An output of no bytes is one empty piece.
    if (piece.length > 0 || sizeBytes === 0) {
      sizeBytes += piece.length;
      if (!channel.send('BLOB', piece)) {
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
        drained = undefined;
      }
    }
    if (piece.length === 0) break;
  }
  channel.send('ACK', encodeAck({ sizeBytes }));
  channel.close();
}
