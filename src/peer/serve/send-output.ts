/** Sends an output that its submitter does not come to see, piece by piece, as fast as the pieces are taken. */
import { readPiece } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { encodeAck } from '../../wire/job-messages.ts';

/** Sends one output; `path` has been checked to lie below the share. */
export async function sendOutput(channel: JobChannel, disk: Disk, path: string, mode: number): Promise<void> {
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
