/** The files that a command names: is what is there something that another machine can read or write? */
import type { Reading } from '../../core/command/contract.ts';
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import type { Disk } from '../../share/disk.ts';
import { DiskError } from '../../share/disk-error.ts';
import type { NamedFiles } from '../../share/obstacles.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { ServedPlace } from './served/own-trees.ts';

/** Of an opaque command every word may be the name of a file, read or written. */
function namedFilesOf(reading: Reading, cwd: ByteString): NamedFiles {
  const { inputs, outputs, kind, programs } = reading;
  // What is executed is looked at when programs are compared; one without a slash is not the file of that name here.
  const read = inputs.filter((path) => !path.includes('/') || !programs.includes(path));
  return {
    // A response file that could not be read is still a word.
    inputs: read.map((path) => resolvePath(cwd, path.replace(/^@/, ''))),
    outputs: outputs.map(({ path }) => resolvePath(cwd, path)),
    mayShare: kind !== 'compile' && kind !== 'link',
  };
}

/**
 * Looks at the files that a command names, all in one go.
 *
 * @param ownNames - its outputs have their own names where it runs, so that it finds out itself if one is an input, too, and what
 * is written through links.
 * @returns why it runs here, if it does; and its reading, where an output that is a link, a device or the like is written
 * in place, as it would be here.
 */
export async function lookAtFiles(
  reading: Reading,
  { cwd, umask }: WrapperRequest['job'],
  disk: Pick<Disk, 'obstacles'>,
  { ownNames = false } = {},
): Promise<{ readonly obstacle: string | undefined; readonly reading: Reading }> {
  const files = namedFilesOf(reading, cwd);
  const named = { ...files, mayShare: files.mayShare || ownNames };
  // A thread costs more than many a command: it is asked only about what is there to be looked at.
  if (named.inputs.length + named.outputs.length === 0) return { obstacle: undefined, reading };
  const roles = new Map(reading.outputs.map(({ path, role }) => [path, role]));
  const outputs = (ownNames ? [] : (reading.rename?.outputsFor('x') ?? [])).map(({ path }) => ({
    path: resolvePath(cwd, path),
    role: roles.get(path) ?? ('object' as const),
    umask,
  }));
  const found = await disk.obstacles({ named, outputs });
  const inPlaceBecause = found.outputs.find((why) => why !== undefined);
  if (inPlaceBecause === undefined) return { obstacle: found.named, reading };
  const { rename: _, ...inPlace } = reading;
  return { obstacle: found.named, reading: { ...inPlace, inPlaceBecause } };
}

/**
 * Files that swarmtree looks at, beside what else it is asked when the command is offered: a question to another program less, for
 * what nearly always is in order. Only below what jobs may write: elsewhere a file server that is gone would hold up the tree of all jobs.
 *
 * @returns undefined where they are to be looked at by {@link lookAtFiles}, now.
 */
export function lookedAtByTree(
  reading: Reading,
  cwd: ByteString,
  { areas }: ServedPlace,
): readonly ByteString[] | undefined {
  // Of what nobody understands each word is one, wherever it may lie.
  if (reading.kind === 'other') return undefined;
  const { inputs, outputs } = namedFilesOf(reading, cwd);
  const named = [...inputs, ...outputs];
  return named.every((file) => areas.some((area) => isBelow(area, file))) ? named : undefined;
}

/**
 * Looks closer at what {@link lookedAtByTree} has named and is not in order.
 *
 * @returns why the command runs here, if it does; no other machine can help where this one's files cannot be looked at.
 */
export async function lookCloser(
  reading: Reading,
  job: WrapperRequest['job'],
  disk: Pick<Disk, 'obstacles'>,
): Promise<string | undefined> {
  try {
    return (await lookAtFiles(reading, job, disk, { ownNames: true })).obstacle;
  } catch (error) {
    if (error instanceof DiskError) return error.message;
    throw error;
  }
}
