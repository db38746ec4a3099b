/**
 * Peers multicast, so their tests must never run on a network that others use.
 *
 * Run them as
 * `unshare -Urn sh -c 'ip link set lo up; ip route add 224.0.0.0/4 dev lo; exec node --test dist/test/integration'`
 * (as root without `-Ur`), or by scripts/test, which does it.
 */
import { networkInterfaces } from 'node:os';

/** @throws Error if this process can reach more than its own loopback, so that a peer started here would be heard outside. */
export function assertOwnNamespace(): void {
  // What is down or has no address is not listed: nothing leaves by it.
  const outside = Object.entries(networkInterfaces())
    .filter(([, addresses]) => addresses?.some((address) => !address.internal))
    .map(([name]) => name);
  if (outside.length === 0) return;
  throw new Error(
    `these tests start peers, which multicast, and this process sees the network through ${outside.join(', ')}; run scripts/test, or ` +
      `unshare -Urn sh -c 'ip link set lo up; ip route add 224.0.0.0/4 dev lo; exec node --test FILE'`,
  );
}
