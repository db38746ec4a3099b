/** What a PeerId says by itself. */
import { peerIdFromString } from '@libp2p/peer-id';

/** The raw Ed25519 public key that a PeerId embeds (32 bytes); undefined if it is no such PeerId. */
export function publicKeyOf(id: string): Uint8Array | undefined {
  try {
    return peerIdFromString(id).publicKey?.raw;
  } catch {
    return undefined; // not a PeerId at all
  }
}
