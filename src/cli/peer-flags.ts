/** The options that `start` and `daemon` have in common. */
import type { Command } from 'commander';
import { type Flags, readSettings, type Settings } from '../peer/settings.ts';
import { listeningSocket } from './local-socket.ts';

export function addPeerFlags(command: Command): Command {
  return command
    .option('--slots <n>', 'jobs at once on this machine (BUILDSWARM_SLOTS; default: its cores)')
    .option('--listen <multiaddr>', 'address to listen on, may be repeated (BUILDSWARM_LISTEN)', collect)
    .option('--peer <multiaddr>', 'a peer to connect to, may be repeated (BUILDSWARM_PEERS)', collect)
    .option('--no-mdns', 'no discovery by multicast (BUILDSWARM_MDNS=0)')
    .option(
      '--background <seconds>',
      'wait so long for what commands leave in the background (BUILDSWARM_BACKGROUND; default: 10)',
    )
    .option(
      '--never-serve <path>',
      'show no worker what has this name or path, may be repeated (BUILDSWARM_NEVER_SERVE, by colons)',
      collect,
    )
    .option('--name <name>', 'what others see (BUILDSWARM_NAME; default: the host name)');
}

export async function settingsOf(flags: Flags): Promise<Settings> {
  return await readSettings(flags, process.env, listeningSocket());
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}
