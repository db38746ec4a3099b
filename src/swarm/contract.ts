/** What the swarm offers and asks for; no type of libp2p among it. */

import type { Hello } from '../wire/control-messages.ts';
import type { Frame } from '../wire/frame.ts';
import type { Sightings } from './finding/sightings.ts';
import type { JobChannel } from './libp2p/channel.ts';
import type { PulseSettings } from './pulse.ts';

export interface SwarmPeer {
  readonly id: string;
  /** Multiaddrs without /p2p/. */
  readonly addresses: readonly string[];
  readonly hello: Hello;
  /** Smoothed; 0 until the first beat was answered. */
  readonly rttMs: number;
}

/** A peer that speaks another version; shown and left alone. */
export interface OtherVersionPeer {
  readonly id: string;
  readonly addresses: readonly string[];
  /** Empty where not even a hello could be exchanged. */
  readonly version: string;
}

/**
 * bye: it said goodbye; closed: its connection ended; silent: we gave it up; garbage: it sent what is no frame; forgotten:
 * this peer has ended the connection because it does not know the other's machine any more.
 */
export type GoneReason = 'bye' | 'closed' | 'silent' | 'garbage' | 'forgotten';
export type ControlFrame = Frame & {
  readonly type: 'GOSSIP' | 'WANT' | 'FREE' | 'SHARES' | 'KNOWN' | 'PAIR' | 'EXAMINE' | 'EXAMINED';
};
export type LogLevel = 'debug' | 'info' | 'warn';

export interface SwarmEvents {
  /** Met: both hellos were exchanged. */
  onPeer(peer: SwarmPeer): void;
  onGone(id: string, why: GoneReason): void;
  onControl(id: string, frame: ControlFrame): void;
  /** A job of that peer; set the channel's callbacks before you return. */
  onJob(id: string, channel: JobChannel): void;
  /** A peer offers its tree to be worked in; set the channel's callbacks before you return. */
  onTree(id: string, channel: JobChannel): void;
  /** A watched peer has been silent for `silentMs`: give it nothing new. */
  onSilence(id: string, silentMs: number): void;
  /** It was silent and is heard again. */
  onWell(id: string): void;
}

export interface SwarmOptions {
  /** Counts what is seen of others; default: for itself. */
  readonly sightings?: Sightings;
  /** Multiaddrs; default any address, any port, IPv4 and IPv6. */
  readonly listen?: readonly string[];
  /** Multiaddrs that are dialled for ever, with or without /p2p/. */
  readonly bootstrap?: readonly string[];
  readonly mdns?: boolean;
  readonly serviceTag?: string;
  readonly events: SwarmEvents;
  readonly log: (level: LogLevel, message: string, fields: Record<string, unknown>) => void;
  /** Monotonic, ms. */
  readonly nowMs?: () => number;
  readonly pulse?: PulseSettings;
  /** A connection whose hello has not come by then is closed. */
  readonly helloTimeoutMs?: number;
}
