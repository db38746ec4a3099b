/**
 * What an opaque command may have changed: is looked for after it has run; and where that could not be looked at whole, all
 * that is there is opened anew before it is used.
 */
import type { ByteString } from '../wire/bytes.ts';
import type { Disk } from './disk.ts';
import type { Walked } from './walk-answer.ts';

/** What a scan may cost; what is beyond that counts as changed. */
const bounds = { maxLooks: 1_000_000, maxChanged: 4_000, timeoutMs: 5_000 } as const;
/** A file system's times are this coarse. */
const tickMs = 20;

/** What was made or changed below the directories since that time of the share's clock. @throws DiskError */
export function scanBelow(disk: Disk, directories: readonly ByteString[], sinceMs: number): Promise<Walked> {
  return disk.walk({ purpose: 'changed', directories, sinceMs: sinceMs - tickMs, ...bounds });
}

/** Asks the server for all that lies below the directories. @returns why it was not done; undefined: it was. Never rejects. */
export async function openAnewBelow(
  disk: Disk,
  directories: readonly ByteString[],
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    const { cut } = await disk.walk({ ...bounds, purpose: 'anew', directories, sinceMs: 0, timeoutMs });
    return cut;
  } catch (error) {
    return String(error);
  }
}
