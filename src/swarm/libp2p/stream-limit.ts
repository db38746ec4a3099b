/**
 * How many streams the other end of a connection may have open. Each costs this end about 350 kB while its protocol is not
 * agreed on; a stranger needs one for control, and a few to be told that its jobs are refused.
 */
import type { Connection } from '@libp2p/interface';

/** Of a peer that is not proven. */
export const strangersStreams = 16;
/** Job streams to or from one peer at a time. */
export const maxJobStreams = 4096;

/** The parts of a connection of libp2p that its type does not show. */
export interface Muxer {
  maxInboundStreams?: number;
}
interface WithMuxer {
  readonly muxer?: Muxer;
}

/** The other end is proven. */
export function allowStreams(connection: Connection): void {
  const { muxer } = connection as unknown as WithMuxer;
  if (muxer !== undefined) muxer.maxInboundStreams = maxJobStreams;
}

/** Whether the other end is not proven yet. */
export function isStranger(muxer: Muxer): boolean {
  return (muxer.maxInboundStreams ?? 0) < maxJobStreams;
}
