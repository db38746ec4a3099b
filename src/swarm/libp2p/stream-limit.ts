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

const offenders = new WeakSet<Muxer>();

/** The other end does what no honest peer does: this connection will be ended, by whoever says so. */
export function noteOffence(connection: Connection | { readonly muxer: Muxer }): void {
  const { muxer } = connection as WithMuxer;
  if (muxer !== undefined) offenders.add(muxer);
}

/** Whether a stranger's connection was ended for what it did. */
export function hasOffended(connection: Connection): boolean {
  const { muxer } = connection as unknown as WithMuxer;
  return muxer !== undefined && isStranger(muxer) && offenders.has(muxer);
}

/** Whether the other end is not proven yet. */
export function isStranger(muxer: Muxer): boolean {
  return (muxer.maxInboundStreams ?? 0) < maxJobStreams;
}
