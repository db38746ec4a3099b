/**
 * What stands in the way of a command: decided by what is there under the names of its files before it is handed to anybody. The looks
 * are swarmlook's, or those of a thread (./blocking/named.ts).
 */
import { constants } from 'node:fs';
import { type ByteString, toText } from '../wire/bytes.ts';
import { wrongLength } from './look-answer.ts';
import { packText } from './question-answer.ts';

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = constants;

/** How a tool that writes `path` itself would replace what is there. */
export type OutputRole = 'object' | 'assembly' | 'dependencies' | 'executable' | 'archive' | 'other';

export interface NamedFiles {
  /** Byte strings, absolute. */
  readonly inputs: readonly ByteString[];
  readonly outputs: readonly ByteString[];
  /** It reads and writes the same file by design, as ar does. */
  readonly mayShare: boolean;
}

/** An output that is written under a hidden name, if nothing stands in the way. */
export interface PlannedOutput {
  readonly path: ByteString;
  readonly role: OutputRole;
  /** Of the command; unknown: the permissions of what is there are not compared. */
  readonly umask?: number;
}

/** Both are looked at in one go. */
export interface FilesOfCommand {
  readonly named: NamedFiles;
  readonly outputs: readonly PlannedOutput[];
}

/** What stands in the way of a command. */
export interface Obstacles {
  /** Why it runs here, as a phrase; undefined: it may run elsewhere. */
  readonly named: string | undefined;
  /** For each output why it is written in place rather than renamed over what is there, in a sentence. */
  readonly outputs: readonly (string | undefined)[];
}

/** What `stat` tells of a file, as far as it matters here. */
export interface StatedFile {
  /** The same for two names of one file. */
  readonly identity: string;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly links: number;
  readonly uid: number;
}

/** What was seen of an output. */
export interface OutputSight {
  /** Names can be made, renamed and removed in its directory. */
  readonly isWritable: boolean;
  /** By `lstat`. */
  readonly own: StatedFile | undefined;
  /** By `stat`; undefined too where it cannot be told. */
  readonly behind: StatedFile | undefined;
}

/** In the order of {@link FilesOfCommand}. */
export interface Sights {
  /** What is there, through links; undefined if that cannot be told: the command will say so itself. */
  readonly inputs: readonly (StatedFile | undefined)[];
  readonly written: readonly (StatedFile | undefined)[];
  readonly outputs: readonly OutputSight[];
}

const isOf = (kind: number, { mode }: StatedFile): boolean => (mode & S_IFMT) === kind;

export function isRegularFile(stated: StatedFile | undefined): boolean {
  return stated !== undefined && isOf(S_IFREG, stated);
}

export function obstaclesOf({ named, outputs }: FilesOfCommand, sights: Sights): Obstacles {
  return {
    named: namedObstacle(named, sights),
    outputs: outputs.map((output, at) => {
      const sight = sights.outputs[at];
      return sight && outputObstacle(output, sight);
    }),
  };
}

/**
 * Why a command with these files runs here, as a phrase; undefined if nothing stands against another machine.
 *
 * What is not a regular file (a pipe, a device) can be read once, or by this machine alone. A tool that would overwrite
 * its own input says so itself, if it is given the names that it was meant to have.
 */
function namedObstacle({ inputs, outputs, mayShare }: NamedFiles, sights: Sights): string | undefined {
  const written = new Map<string, string>();
  for (const [at, path] of outputs.entries()) {
    const stated = sights.written[at];
    if (stated === undefined) continue;
    if (isOdd(stated)) return `${shown(path)} is not a regular file`;
    if (isRegularFile(stated)) written.set(stated.identity, path);
  }
  for (const [at, path] of inputs.entries()) {
    const stated = sights.inputs[at];
    if (stated === undefined) continue;
    if (isOdd(stated)) return `${shown(path)} is not a regular file`;
    const output = mayShare ? undefined : written.get(stated.identity);
    if (output !== undefined) return `its output ${shown(output)} is also its input`;
  }
  return undefined;
}

function isOdd(stated: StatedFile): boolean {
  return !isOf(S_IFREG, stated) && !isOf(S_IFDIR, stated);
}

/**
 * Why an output must be written in place rather than renamed over `path`, so that what is there ends up as if the
 * tool had written it here; undefined if a rename does.
 *
 * Assembler and linker remove a non-empty file (or a link to one) and make a new one: a rename does the same. A
 * dependency file or assembly is opened and truncated: links, hard links, owner and mode stay.
 */
export function outputObstacle(
  { path, role, umask }: PlannedOutput,
  { isWritable, own, behind }: OutputSight,
): string | undefined {
  if (!isWritable) return `the directory of ${shown(path)} is missing or may not be written in`;
  if (own === undefined) return undefined;
  if (role === 'archive') return `${shown(path)} is an archive that is changed in place`;
  const isReplaced = role === 'object' || role === 'executable';
  if (isOf(S_IFLNK, own)) return linkObstacle(path, behind, isReplaced);
  if (!isOf(S_IFREG, own)) return `${shown(path)} is not a regular file`;
  // Compilers differ in what they do with a file that they may not write; each says it best itself.
  if (own.uid !== process.getuid?.()) return `${shown(path)} belongs to user ${own.uid}`;
  if ((own.mode & 0o200) === 0) return `${shown(path)} is read-only`;
  if (isReplaced && own.sizeBytes === 0)
    return `${shown(path)} is empty: gcc writes into it, clang replaces it`;
  if (!isReplaced && own.links > 1)
    return `${shown(path)} has ${own.links} hard links, which all get the new text`;
  if (!isReplaced && umask !== undefined && (own.mode & 0o7777) !== (0o666 & ~umask))
    return `${shown(path)} has permissions that stay as they are`;
  return undefined;
}

function linkObstacle(
  path: ByteString,
  behind: StatedFile | undefined,
  isReplaced: boolean,
): string | undefined {
  if (!isReplaced) return `${shown(path)} is a link, and is written through`;
  if (behind === undefined) return `${shown(path)} is a link that leads nowhere, and is written through`;
  if (!isOf(S_IFREG, behind)) return `${shown(path)} leads to what is no regular file`;
  return behind.sizeBytes === 0
    ? `${shown(path)} is a link to an empty file, and is written through`
    : undefined;
}

function shown(path: ByteString): string {
  return `'${toText(path)}'`;
}

/** As swarmlook reads it from its stdin, see src/native/swarmlook/questions.h. */
export function packFiles({ named, outputs }: FilesOfCommand): Buffer {
  let text = '';
  for (const path of named.inputs) text += `B${path}\0`;
  for (const path of named.outputs) text += `B${path}\0`;
  for (const { path } of outputs) text += `O${path}\0`;
  return packText(text);
}

/** @throws Error if it is not swarmlook's answer to {@link packFiles}. */
export function parseSights(answer: Buffer, { named, outputs }: FilesOfCommand): Sights {
  const statedBytes = 49;
  let at = 0;
  const stated = (): StatedFile | undefined => {
    const from = at;
    at += statedBytes;
    if (answer.readUInt8(from) === 0) return undefined;
    const field = (index: number): bigint => answer.readBigInt64LE(from + 1 + 8 * index);
    return {
      identity: `${field(0)}:${field(1)}`,
      mode: Number(field(2)),
      sizeBytes: Number(field(3)),
      links: Number(field(4)),
      uid: Number(field(5)),
    };
  };
  const sights = {
    inputs: named.inputs.map(stated),
    written: named.outputs.map(stated),
    outputs: outputs.map(() => {
      at += 1;
      return { isWritable: answer.readUInt8(at - 1) === 1, own: stated(), behind: stated() };
    }),
  };
  if (at !== answer.length) throw wrongLength();
  return sights;
}
