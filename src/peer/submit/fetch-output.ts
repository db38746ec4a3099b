/**
 * The last resort for an output that does not become visible: the submitter opens one more stream and the worker sends the
 * bytes (serve/send-output.ts), piece by piece, as fast as they are taken.
 */
import type { Fact } from '../../core/fact.ts';
import { SentOutput } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { FrameError } from '../../wire/frame.ts';
import { encodeFetch, type Fetch, parseAck } from '../../wire/job-messages.ts';

/** Longest wait for the next piece. */
const idleTimeoutMs = 10_000;

/**
 * Fetches one output from the worker that made it.
 *
 * @param into - hidden name under which it is written here.
 * @returns the fact of what was written, to be committed.
 * @throws Error if the worker is lost, says that it cannot, or sends another number of bytes than it says; what was written
 *   is then the caller's to remove. DiskError if it cannot be written here.
 */
export async function fetchOutput(
  channel: JobChannel,
  disk: Disk,
  fetch: Fetch,
  into: string,
): Promise<Fact> {
  let output: SentOutput | undefined;
  let written: Promise<Fact> | undefined;
  let receivedBytes = 0;
  let patience: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Fact>((resolve, reject) => {
      patience = setTimeout(() => reject(new Error('the worker stopped sending')), idleTimeoutMs);
      channel.onEnd = (why) => reject(new Error(`the worker was lost while it sent an output (${why})`));
      channel.onFrame = (frame) => {
        patience?.refresh();
        if (frame.type === 'ACK') {
          const said = parseAck(frame.payload);
          if ('mode' in said) output = new SentOutput(disk, { hidden: into, mode: said.mode });
          else if (said.sizeBytes !== receivedBytes || written === undefined) {
            reject(new Error(`the worker sent ${receivedBytes} of ${said.sizeBytes} bytes`));
          } else {
            // The last word: that the stream ends now is as it should be.
            channel.onEnd = () => undefined;
            written.then(resolve, reject);
          }
          return;
        }
        if (frame.type !== 'BLOB' || output === undefined)
          throw new FrameError(`a ${frame.type} frame in a transfer`);
        const { payload } = frame;
        receivedBytes += payload.length;
        const target = output;
        // One piece is written before the next is asked for: a large output never piles up here.
        channel.pause();
        written = (written ?? Promise.resolve()).then(() => target.append(payload));
        written.then(() => channel.resume(), reject);
      };
      channel.send('FETCH', encodeFetch(fetch));
    });
  } finally {
    clearTimeout(patience);
    channel.close();
  }
}
