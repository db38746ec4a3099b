/**
 * Whether this machine has a way to send multicast. Without one (no default route, none for 224.0.0.0/4) the kernel
 * refuses each mDNS packet, multicast-dns swallows the error, and nothing is ever found.
 */
import { readFile } from 'node:fs/promises';

const mdnsGroup = 0xe00000fb; // 224.0.0.251

/** @param table - the text of /proc/net/route: addresses are hexadecimal in the machine's byte order. */
export function routesMulticast(table: string): boolean {
  return table
    .split('\n')
    .slice(1)
    .some((line) => {
      const fields = line.split(/\s+/);
      const destination = toAddress(fields[1]);
      const mask = toAddress(fields[7]);
      const flags = Number.parseInt(fields[3] ?? '', 16);
      if (destination === undefined || mask === undefined) return false;
      // flag 1: the route is up; flag 0x200: it is a "reject" route
      return (flags & 1) === 1 && (flags & 0x200) === 0 && (mdnsGroup & mask) >>> 0 === destination;
    });
}

/** As {@link routesMulticast} for this machine; true where the table cannot be read (not Linux). */
export async function hasMulticastRoute(): Promise<boolean> {
  try {
    return routesMulticast(await readFile('/proc/net/route', 'latin1'));
  } catch {
    // No such table here: let the first packet tell.
    return true;
  }
}

function toAddress(field: string | undefined): number | undefined {
  if (field === undefined || !/^[0-9A-F]{8}$/i.test(field)) return undefined;
  return Buffer.from(field, 'hex').readUInt32LE(0);
}
