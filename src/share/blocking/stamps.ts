/**
 * What shows that an answer about a name outside the share still holds: as long as its stamp is the same, so is the
 * answer. Cheap, since each job's names are stamped anew. Synchronous: runs in a disk thread.
 */
import { type BigIntStats, lstatSync, realpathSync, statSync } from 'node:fs';
import type { OutsideName } from '../../core/view/outside-name.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';

export function outsideStamps(names: readonly OutsideName[]): string[] {
  return names.map(stampOf);
}

function stampOf({ look, path }: OutsideName): string {
  const bytes = toBytes(path);
  try {
    if (look === 'place') return placeOf(bytes);
    const followed = statSync(bytes, { bigint: true, throwIfNoEntry: false });
    if (look === 'names') return told(followed);
    if (look === 'content') return contentOf(bytes, followed);
    const own = lstatSync(bytes, { bigint: true, throwIfNoEntry: false });
    return own?.isSymbolicLink() === true
      ? `${told(own)} ${contentOf(bytes, followed)}`
      : contentOf(bytes, own);
  } catch {
    return ''; // what cannot be looked at is not there, for a program that runs as this user
  }
}

/** Of a directory only its place is told, wherever else names in it come and go. */
function contentOf(bytes: Buffer, stats: BigIntStats | undefined): string {
  return stats?.isDirectory() === true ? `D${placeOf(bytes)}` : told(stats);
}

function placeOf(bytes: Buffer): string {
  return fromBytes(realpathSync.native(bytes, { encoding: 'buffer' }));
}

function told(stats: BigIntStats | undefined): string {
  return stats === undefined
    ? ''
    : `${stats.dev} ${stats.ino} ${stats.mode} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}
