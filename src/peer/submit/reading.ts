/** Reads a wrapper's command with its response files, and decides by its words and its place whether it may travel. */
import type { Command, Reading } from '../../core/command/contract.ts';
import { variablesOf } from '../../core/command/environment.ts';
import { readCommand } from '../../core/command/read-command.ts';
import { mayTravel } from '../../core/command/travel.ts';
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { Reason } from '../../core/reason.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import type { Sameness } from '../../machine/sameness.ts';
import type { NamedFiles } from '../../share/blocking/named.ts';
import { outputObstacles, readPiece } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { DiskError } from '../../share/disk-error.ts';
import { readFacts } from '../../share/facts.ts';
import type { Shares } from '../../share/shares.ts';
import { type ByteString, fromBytes } from '../../wire/bytes.ts';
import type { Membership } from '../trust/membership.ts';

/** A longer response file is left to the command itself, which then runs inline. */
const maxResponseFileBytes = 16 * 1024 * 1024;

/** A command, read: may it travel, and if not, why. */
export interface ReadRequest {
  readonly reading: Reading;
  readonly share: ByteString | undefined;
  /** Undefined: it may travel. */
  readonly inline: Reason | undefined;
  readonly unslotted: boolean;
  /** What makes the reason concrete. */
  readonly detail: string | undefined;
}

export interface RequestReaderInit {
  readonly disk: Disk;
  readonly shares: Shares;
  readonly members: Membership;
  readonly sameness: Sameness;
  /** Waits until the other peers had the time to find this peer's file on a share; at once but for the first time. */
  readonly settled: (root: ByteString) => Promise<void>;
}

export class RequestReader {
  readonly #init: RequestReaderInit;

  constructor(init: RequestReaderInit) {
    this.#init = init;
  }

  async read(request: WrapperRequest): Promise<ReadRequest> {
    const { disk, shares, members, settled } = this.#init;
    const { cwd, stdin, stdout, descriptors, force } = request.job;
    const command: Command = { argv: request.argv, cwd, env: variablesOf(request.environment) };
    const reading = await readWhole(command, disk);
    const found = cwd === '' ? undefined : await shares.find(cwd);
    const share = found?.ok ? found.share : undefined;
    const root = share?.root;
    // Begun now, so that others have seen this peer's file by the time they are asked.
    if (share !== undefined) void members.join(share);
    const { travels, reason, unslotted } = mayTravel(reading, command, {
      shareOf: (path) => (root !== undefined && isBelow(root, path) ? root : undefined),
      stdin,
      stdoutIsTerminal: stdout === 'tty',
      descriptors,
      force,
    });
    const inline = travels ? undefined : (reason ?? 'outside-share');
    const whyOutside = found?.ok === false ? found.why : undefined;
    const detail =
      inline === 'unprovable' ? reading.unprovable : inline === 'outside-share' ? whyOutside : undefined;
    if (inline !== undefined || root === undefined)
      return { reading, share: root, inline, unslotted, detail };
    if (!(await this.#hasProgram(command, root)))
      return { reading, share: root, inline: 'no-command', unslotted: true, detail };
    await settled(root);
    const obstacle = await disk.run('namedObstacle', namedFilesOf(reading, cwd));
    if (obstacle !== undefined)
      return { reading, share: root, inline: 'unprovable', unslotted, detail: obstacle };
    const settledReading = await withoutObstacles(reading, request.job, disk);
    return { reading: settledReading, share: root, inline, unslotted, detail };
  }

  /** Whether the program is there: a command that cannot be found need not be looked for on other machines. */
  async #hasProgram({ argv: [name = ''], cwd, env }: Command, root: ByteString): Promise<boolean> {
    const { disk, sameness } = this.#init;
    const path = resolvePath(cwd, name);
    if (!name.includes('/') || !isBelow(root, path)) return await sameness.hasProgram(name, cwd, env);
    try {
      const [fact] = await readFacts(disk, [path]);
      return fact?.kind !== 'absent';
    } catch (error) {
      if (error instanceof DiskError) return true; // it is not known: whoever runs it finds out
      throw error;
    }
  }
}

/** Reads a command, fetching the response files that it names, nested ones too. */
async function readWhole(command: Command, disk: Disk): Promise<Reading> {
  const files = new Map<ByteString, string | undefined>();
  for (;;) {
    const { reading, missing } = readCommand(command, files);
    const wanted = missing.filter((path) => !files.has(path));
    if (wanted.length === 0) return reading;
    for (const path of wanted) files.set(path, await readText(path, disk));
  }
}

/** Undefined if it is not a file that can be read whole: the command itself will say so. */
async function readText(path: ByteString, disk: Disk): Promise<string | undefined> {
  // A pipe must be left to the command: what is read of it here is gone.
  if (!(await disk.run('isRegular', path))) return undefined;
  let text = '';
  while (text.length <= maxResponseFileBytes) {
    let piece: Uint8Array;
    try {
      piece = await readPiece(disk, path, text.length);
    } catch (error) {
      if (error instanceof DiskError) return undefined;
      throw error;
    }
    if (piece.length === 0) return text;
    text += fromBytes(piece);
  }
  return undefined;
}

/** Of an opaque command every word may be the name of a file, read or written. */
function namedFilesOf(reading: Reading, cwd: ByteString): NamedFiles {
  const { inputs, outputs, kind } = reading;
  return {
    // A response file that could not be read is still a word.
    inputs: inputs.map((path) => resolvePath(cwd, path.replace(/^@/, ''))),
    outputs: outputs.map(({ path }) => resolvePath(cwd, path)),
    mayShare: kind !== 'compile' && kind !== 'link',
  };
}

/** An output that is a link, a device or the like is written in place, as it would be here. */
async function withoutObstacles(
  reading: Reading,
  { cwd, umask }: WrapperRequest['job'],
  disk: Disk,
): Promise<Reading> {
  if (reading.rename === undefined) return reading;
  const roles = new Map(reading.outputs.map(({ path, role }) => [path, role]));
  const outputs = reading.rename.outputsFor('x').map(({ path }) => ({
    path: resolvePath(cwd, path),
    role: roles.get(path) ?? ('object' as const),
    umask,
  }));
  const obstacle = (await outputObstacles(disk, outputs)).find((why) => why !== undefined);
  if (obstacle === undefined) return reading;
  const { rename: _, ...inPlace } = reading;
  return { ...inPlace, inPlaceBecause: obstacle };
}
