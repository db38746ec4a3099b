/** Multiaddr strings: which of ours to tell others, and which of theirs to try first. */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isMultiaddr, multiaddr } from '@multiformats/multiaddr';

export const maxAddresses = 16;

/** Without its /p2p/ part: an identity lasts for one life of a peer, an address for longer. */
export function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '');
}

/** True for what we can dial: an IP address or name, and a TCP port. */
export function isDialable(address: string): boolean {
  if (address.length > 256 || !/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+(\/p2p\/[^/]+)?$/.test(address)) {
    return false;
  }
  try {
    return isMultiaddr(multiaddr(address));
  } catch {
    // Not a multiaddr, whatever it looks like.
    return false;
  }
}

/** Our own addresses as others may use them: loopback only where there is nothing else. */
export function announced(addresses: readonly string[]): string[] {
  const plain = [...new Set(addresses.map(withoutPeer))];
  const outside = plain.filter((address) => !isLoopback(address));
  return (outside.length > 0 ? outside : plain).slice(0, maxAddresses);
}

/** Those in a network of ours first, then IPv4, loopback last: a wrong guess costs a connect timeout. */
export function byPromise(addresses: readonly string[]): string[] {
  const networks = ownNetworks();
  return [...new Set(addresses.map(withoutPeer))]
    .filter(isDialable)
    .map((address) => ({ address, rank: rank(address, networks) }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ address }) => address)
    .slice(0, maxAddresses);
}

/** The host part of a multiaddr, an IP address or a name. */
export function hostOf(address: string): string {
  return address.split('/')[2] ?? '';
}

/**
 * Those in a network that this machine is in: all that somebody who has shown nothing may make us dial. Never a name
 * (who answers for it?), and nothing of our own machine, unless there is no network but that.
 *
 * @param from - the address that it has connected from: that is no further away than it is.
 */
export function nearby(addresses: readonly string[], from?: string): string[] {
  const networks = nearbyNetworks();
  return addresses.filter((address) => {
    if (from !== undefined && hostOf(from) === hostOf(address)) return true;
    const [, family, host = ''] = address.split('/');
    const type = family === 'ip4' ? 'ipv4' : family === 'ip6' ? 'ipv6' : undefined;
    return type !== undefined && isIP(host) !== 0 && networks.check(host, type);
  });
}

const networksKeptMs = 5_000;
let kept: { readonly networks: BlockList; readonly atMs: number } | undefined;

function nearbyNetworks(): BlockList {
  const nowMs = performance.now();
  if (kept !== undefined && nowMs - kept.atMs < networksKeptMs) return kept.networks;
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const networks = new BlockList();
  for (const { address, cidr, family } of outside.length > 0 ? outside : all) {
    const bits = Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128));
    networks.addSubnet(address, bits, family === 'IPv4' ? 'ipv4' : 'ipv6');
  }
  kept = { networks, atMs: nowMs };
  return networks;
}

function isLoopback(address: string): boolean {
  return address.startsWith('/ip4/127.') || address.startsWith('/ip6/::1/');
}

interface Network {
  readonly base: number;
  readonly mask: number;
}

let ownKept: { readonly networks: Network[]; readonly atMs: number } | undefined;

function ownNetworks(): Network[] {
  const nowMs = performance.now();
  if (ownKept === undefined || nowMs - ownKept.atMs >= networksKeptMs)
    ownKept = { networks: readOwnNetworks(), atMs: nowMs };
  return ownKept.networks;
}

function readOwnNetworks(): Network[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter((each) => each.family === 'IPv4' && !each.internal)
    .map((each) => {
      const mask = toNumber(each.netmask);
      return { base: (toNumber(each.address) & mask) >>> 0, mask };
    });
}

function rank(address: string, networks: readonly Network[]): number {
  if (isLoopback(address)) return 3;
  const ip4 = /^\/ip4\/([^/]+)/.exec(address)?.[1];
  if (ip4 === undefined) return 2;
  const value = toNumber(ip4);
  return networks.some(({ base, mask }) => (value & mask) >>> 0 === base) ? 0 : 1;
}

function toNumber(ip4: string): number {
  return ip4.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0;
}
