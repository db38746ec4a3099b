/** Reads a wrapper's command with its response files, and decides by its words and its place whether it may travel. */
import type { Command, Reading } from '../../core/command/contract.ts';
import { variablesOf } from '../../core/command/environment.ts';
import { ownPathIn, privilegedIn, scriptsOf } from '../../core/command/own-directories.ts';
import { isTraced } from '../../core/command/proofs.ts';
import { readCommand } from '../../core/command/read-command.ts';
import { mayBeServed, mayTravel } from '../../core/command/travel.ts';
import { formatOf, type ProgramFormat } from '../../core/elf.ts';
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { Reason } from '../../core/reason.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import { type OwnMounts, ownMountsOf } from '../../machine/own-mounts.ts';
import type { Sameness } from '../../machine/sameness.ts';
import { readPiece } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { DiskError } from '../../share/disk-error.ts';
import { readFacts } from '../../share/facts.ts';
import type { Share, Shares } from '../../share/shares.ts';
import { type ByteString, fromBytes, toText } from '../../wire/bytes.ts';
import type { Membership } from '../trust/membership.ts';
import { lookAtFiles, lookedAtByTree } from './named-files.ts';
import type { OwnTrees, ServedPlace } from './served/own-trees.ts';

/** A longer response file is left to the command itself, which then runs inline. */
const maxResponseFileBytes = 16 * 1024 * 1024;

/** Of a name that is too long. */
const shownBytes = 40;

/** A command, read: may it travel, and if not, why. */
export interface ReadRequest {
  readonly reading: Reading;
  /** As it runs here and elsewhere. */
  readonly argv: readonly ByteString[];
  readonly share: ByteString | undefined;
  /** Where it may be served: by workers that do not have the share, or where there is none. */
  readonly place?: ServedPlace;
  /** Whether only such workers may take it. */
  readonly needsServing?: boolean;
  /** Files that are to be looked at when it is offered, see {@link lookedAtByTree}. */
  readonly unseen?: readonly ByteString[] | undefined;
  /** Undefined: it may travel. */
  readonly inline: Reason | undefined;
  readonly unslotted: boolean;
  /** What makes the reason concrete. */
  readonly detail: string | undefined;
}

export interface RequestReaderInit {
  readonly served: {
    /** Whether any worker can be shown this machine's files. */
    readonly hasWorkers: () => boolean;
    readonly placeOf: OwnTrees['placeOf'];
  };
  readonly disk: Disk;
  readonly shares: Shares;
  readonly members: Membership;
  readonly sameness: Sameness;
  /**
   * Waits until the other peers had the time to find this peer's file on a share, or, without one, to show who they are; at
   * once but for the first time.
   */
  readonly settled: (root?: ByteString) => Promise<void>;
}

export class RequestReader {
  readonly #init: RequestReaderInit;

  constructor(init: RequestReaderInit) {
    this.#init = init;
  }

  async read(request: WrapperRequest): Promise<ReadRequest> {
    const { members } = this.#init;
    const command = await this.#commandOf(request);
    const { cwd } = command;
    const share = await this.#shareOf(cwd);
    // Begun now, so that others have seen this peer's file by the time they are asked.
    if (share.share !== undefined) void members.join(share.share);
    const root = share.share?.root;
    const decided = await this.#decide(command, request, share, {});
    if (isCachedHere(decided, command))
      return { ...decided, inline: 'ccache', unslotted: true, detail: undefined };
    const read =
      root === undefined ? decided : await this.#readInShare(command, request, decided, { ...share, root });
    if (read.inline !== undefined && read.inline !== 'outside-share' && read.inline !== 'unprovable')
      return read;
    const mounts = ownMountsOf(request.job.pid);
    if (mounts === 'shared')
      return read.inline === undefined ? read : await this.#readServed(command, request, read);
    // Workers are shown what the peer sees, which is not what this command would see.
    const { place: _, ...direct } = read;
    const apart = direct.inline === undefined ? apartObstacle(direct.reading, mounts) : undefined;
    return apart === undefined ? direct : { ...direct, inline: 'unprovable', detail: apart };
  }

  /** May it travel to a worker that sees the same share, where the system's files are the worker's own? */
  async #readInShare(
    command: Command,
    request: WrapperRequest,
    read: ReadRequest,
    share: { readonly share?: Share; readonly why?: string; readonly root: ByteString },
  ): Promise<ReadRequest> {
    const { disk, settled } = this.#init;
    const { root } = share;
    if (read.inline !== undefined) return read;
    if (!(await this.#hasProgram(command, root))) return { ...read, inline: 'no-command', unslotted: true };
    const format = isTraced(read.reading) ? await this.#formatOf(read.reading, command, root) : 'dynamic';
    if (format === 'static')
      return {
        ...read,
        inline: 'unprovable',
        detail: 'its program is linked statically and cannot be traced',
      };
    const known = format === 'script' ? await this.#decide(command, request, share, { opaque: true }) : read;
    if (known.inline !== undefined) return known;
    const own = known.reading.kind === 'other' ? await this.#namesOwn(command, root) : undefined;
    if (own !== undefined) return { ...known, inline: 'unprovable', detail: own };
    await settled(root);
    const { obstacle, reading } = await lookAtFiles(known.reading, request.job, disk);
    if (obstacle !== undefined) return { ...known, inline: 'unprovable', detail: obstacle };
    // A cache in the share is asked, and filled, where the share is.
    const place = reading.toolIndex > 0 ? undefined : await this.#placeOf(command, root);
    return { ...known, reading, ...(typeof place === 'object' ? { place } : {}) };
  }

  /**
   * No share is around it, or it needs more than that is the same on two machines: may it go to a worker that is shown
   * this machine's files?
   */
  async #readServed(command: Command, request: WrapperRequest, read: ReadRequest): Promise<ReadRequest> {
    // What it says and writes is seen when it ends; beside a tree that others look into, somebody may wait for it.
    if (read.share !== undefined && read.reading.kind === 'other') return read;
    const { disk } = this.#init;
    const { cwd, stdin, stdout, descriptors, surroundings, force } = request.job;
    const isAlone = read.share === undefined && !this.#init.served.hasWorkers();
    if (isAlone && force !== 'remote') await this.#init.settled();
    const place = await this.#placeOf(command, read.share, isAlone && force === 'remote');
    if (typeof place !== 'object')
      return place === undefined || read.share !== undefined ? read : { ...read, detail: place };
    const { travels, reason, unslotted, word } = mayBeServed(read.reading, command, {
      shareOf: (path) => place.areas.find((area) => isBelow(area, path)),
      stdin,
      stdoutIsTerminal: stdout === 'tty',
      descriptors,
      surroundings,
      force,
    });
    if (!travels && read.share !== undefined) return read;
    if (!travels) {
      return { ...read, inline: reason ?? 'outside-share', unslotted, detail: notServedDetail(reason, word) };
    }
    if (!(await this.#hasProgram(command, read.share ?? '/')))
      return { ...read, inline: 'no-command', unslotted: true, detail: undefined };
    const unseen = lookedAtByTree(read.reading, cwd, place);
    if (unseen === undefined) {
      const { obstacle } = await lookAtFiles(read.reading, request.job, disk, { ownNames: true });
      if (obstacle !== undefined) return { ...read, inline: 'unprovable', detail: obstacle };
    }
    const served = { inline: undefined, unslotted: false, detail: undefined, place, needsServing: true };
    return { ...read, ...served, unseen };
  }

  /**
   * @param isAwaited - whether it waits for a worker, if there is none.
   * @returns undefined where no worker could be shown it, else what it may write below, or why nothing.
   */
  async #placeOf(
    { cwd, env }: Command,
    share: ByteString | undefined,
    isAwaited = false,
  ): Promise<ServedPlace | string | undefined> {
    const { served } = this.#init;
    if (!isAwaited && !served.hasWorkers()) return undefined;
    return await served.placeOf({ cwd, share, searchPath: env.get('PATH') ?? '' });
  }

  /** The command as it will run: a link to swarmrun stands for the next program of its name. */
  async #commandOf({ argv, job: { cwd }, environment }: WrapperRequest): Promise<Command> {
    const env = variablesOf(environment);
    const [name = '', ...rest] = argv;
    const program = name === '' ? undefined : await this.#init.sameness.behindStandIn(name, cwd, env);
    return { argv: program === undefined ? argv : [program, ...rest], cwd, env };
  }

  async #shareOf(cwd: ByteString): Promise<{ share?: Share; why?: string }> {
    const found = cwd === '' ? undefined : await this.#init.shares.find(cwd);
    if (found === undefined) return {};
    return found.ok ? { share: found.share } : { why: found.why };
  }

  async #decide(
    command: Command,
    { job: { stdin, stdout, descriptors, surroundings, force } }: WrapperRequest,
    { share, why }: { readonly share?: Share; readonly why?: string },
    options: { readonly opaque?: boolean },
  ): Promise<ReadRequest> {
    const reading = await readWhole(command, this.#init.disk, options);
    const root = share?.root;
    const { travels, reason, unslotted, word } = mayTravel(reading, command, {
      shareOf: (path) => (root !== undefined && isBelow(root, path) ? root : undefined),
      stdin,
      stdoutIsTerminal: stdout === 'tty',
      descriptors,
      surroundings,
      force,
    });
    const inline = travels ? undefined : (reason ?? 'outside-share');
    const detail = inline === undefined ? undefined : detailOf(inline, { word, why, reading, descriptors });
    return { reading, argv: command.argv, share: root, inline, unslotted, detail };
  }

  /** The worst of its programs: a script may do anything besides what the tool of its name would. */
  async #formatOf({ programs }: Reading, { cwd, env }: Command, root: ByteString): Promise<ProgramFormat> {
    const formats = await Promise.all(
      programs.map(async (name) => {
        const path = resolvePath(cwd, name);
        if (!name.includes('/') || !isBelow(root, path))
          return await this.#init.sameness.format(name, cwd, env);
        return formatOf(await readPiece(this.#init.disk, path, 0));
      }),
    );
    return (
      formats.find((format) => format === 'script') ??
      formats.find((format) => format === 'static') ??
      'dynamic'
    );
  }

  /** What an opaque command, or the script that it runs, names and is not the same elsewhere: as a sentence. */
  async #namesOwn({ argv, cwd }: Command, root: ByteString): Promise<string | undefined> {
    const scripts = scriptsOf(argv).map((path) => resolvePath(cwd, path));
    const texts = await Promise.all(
      scripts.filter((path) => isBelow(root, path)).map((path) => readStart(path, this.#init.disk)),
    );
    for (const text of texts.filter((each) => !each.includes('\0'))) {
      const own = ownPathIn(text);
      // A share may lie there, and is the same for all.
      if (own !== undefined && !isBelow(root, resolvePath('/', own)))
        return `it names ${toText(own)}, and each machine has a directory of that name`;
    }
    const privileged = privilegedIn([argv.join('\n'), ...texts].join('\n'));
    return privileged && `it names ${toText(privileged)}, which may not do elsewhere what it does here`;
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

/**
 * Whether it is ccache with a cache of this machine alone, in front of a compiler that may travel. Started behind it,
 * the wrapper hands in the compiler by itself.
 */
function isCachedHere({ reading, inline, share }: ReadRequest, { env }: Command): boolean {
  if (reading.toolIndex === 0 || env.has('CCACHE_PREFIX')) return false;
  if (inline !== undefined && inline !== 'outside-share' && inline !== 'unprovable') return false;
  return share === undefined || !isBelow(share, env.get('CCACHE_DIR') ?? '');
}

/** What makes the reason concrete. */
function detailOf(
  reason: Reason,
  {
    word,
    why,
    reading,
    descriptors,
  }: {
    readonly word: string | undefined;
    readonly why: string | undefined;
    readonly reading: Reading;
    readonly descriptors: number;
  },
): string | undefined {
  if (reason === 'unprovable') return word === undefined ? reading.unprovable : tooLongDetail(word);
  if (reason === 'descriptor') return `it inherited ${descriptors} of them`;
  if (reason === 'outside-share')
    return why ?? (word === undefined ? undefined : `${toText(word)} is in no share`);
  return word === undefined ? undefined : `because of ${toText(word)}`;
}

function notServedDetail(reason: Reason | undefined, word: string | undefined): string | undefined {
  if (word === undefined) return undefined;
  return reason === 'unprovable' ? tooLongDetail(word) : `${toText(word)} is not where a worker may write`;
}

function tooLongDetail(word: string): string {
  return `no file can have as long a name as ${toText(word.slice(0, shownBytes))}…, of ${word.length} bytes`;
}

/** Reads a command, fetching the response files that it names, nested ones too. */
async function readWhole(
  command: Command,
  disk: Disk,
  options: { readonly opaque?: boolean },
): Promise<Reading> {
  const files = new Map<ByteString, string | undefined>();
  for (;;) {
    const { reading, missing } = readCommand(command, files, options);
    const wanted = missing.filter((path) => !files.has(path));
    if (wanted.length === 0) return reading;
    for (const path of wanted) files.set(path, await readText(path, disk));
  }
}

/** The first piece of a file; empty if it is not one that can be read. */
async function readStart(path: ByteString, disk: Disk): Promise<string> {
  try {
    return (await disk.run('isRegular', path)) ? fromBytes(await readPiece(disk, path, 0)) : '';
  } catch (error) {
    if (error instanceof DiskError) return '';
    throw error;
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

/** Why a command stays with the program that started it, which has places of its own for what is temporary. */
function apartObstacle(reading: Reading, { holds }: Exclude<OwnMounts, 'shared'>): string | undefined {
  if (holds !== undefined) return `it may read ${holds}, which only the program that started it has`;
  return isTraced(reading) ? undefined : 'what it left would not come to the program that started it';
}
