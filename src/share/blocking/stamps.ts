/**
 * What shows that an answer about a name outside the share still holds: as long as its stamp is the same, so is the
 * answer. Cheap, since each job's names are stamped anew. Synchronous: runs in a disk thread.
 */
import { type BigIntStats, lstatSync, realpathSync, statSync } from 'node:fs';
import type { OutsideName } from '../../core/view/trace.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';

export function outsideStamps(names: readonly OutsideName[]): string[] {
  return names.map(stampOf);
}

function stampOf({ look, path }: OutsideName): string {
  const bytes = toBytes(path);
  try {
    if (look === 'place') return fromBytes(realpathSync.native(bytes, { encoding: 'buffer' }));
    const followed = statSync(bytes, { bigint: true, throwIfNoEntry: false });
    if (look !== 'link') return told(followed);
    return `${told(lstatSync(bytes, { bigint: true, throwIfNoEntry: false }))} ${told(followed)}`;
  } catch {
    return ''; // what cannot be looked at is not there, for a program that runs as this user
  }
}

function told(stats: BigIntStats | undefined): string {
  return stats === undefined
    ? ''
    : `${stats.dev} ${stats.ino} ${stats.mode} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}
