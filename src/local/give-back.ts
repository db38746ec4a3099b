/**
 * Gives memory of received bytes back at once. The collector does so only when some 64 MiB of it have gathered, as it
 * sees the small handle of each piece and not its bytes.
 */
import { MessageChannel } from 'node:worker_threads';

const { port1: nowhere, port2 } = new MessageChannel();
// What is handed over to a port that is closed is gone. (ArrayBuffer.transfer would do, from Node 22 on.)
port2.close();
nowhere.unref();

/** @param pieces - of a socket each; nobody may look at them any more. */
export function giveBack(pieces: readonly Uint8Array[]): void {
  // Small ones may lie in memory that others share.
  for (const { buffer, byteLength } of pieces)
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength)
      nowhere.postMessage(undefined, [buffer]);
}
