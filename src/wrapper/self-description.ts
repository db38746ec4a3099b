/** What the wrapper tells the peer of itself: its descriptors, directory, umask and terminal. Linux only, by /proc. */
import { constants, fstatSync, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { getPriority } from 'node:os';
import { isatty } from 'node:tty';
import { type ByteString, fromBytes } from '../wire/bytes.ts';
import type { StreamKind, WrapperJob } from '../wire/wrapper-messages.ts';

/** What an open descriptor is, in the words of the JOB frame. */
export function kindOf(fd: number): StreamKind {
  let stat: Stats;
  try {
    stat = fstatSync(fd);
  } catch {
    return 'closed';
  }
  if (stat.isFile()) return 'file';
  if (stat.isFIFO()) return 'pipe';
  if (stat.isSocket()) return 'socket';
  if (stat.isCharacterDevice() && stat.rdev === 0x103) return 'null';
  return isatty(fd) ? 'tty' : 'other';
}

/** The same, where a file that holds nothing and is written from its beginning is `fresh`. */
function outputKindOf(fd: number): WrapperJob['stdout'] {
  const kind = kindOf(fd);
  if (kind !== 'file' || fstatSync(fd).size > 0) return kind;
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  const flags = Number.parseInt(/^flags:\s*([0-7]+)/mu.exec(info)?.[1] ?? '0', 8);
  const isAtStart = /^pos:\s*0$/mu.test(info);
  return isAtStart && (flags & constants.O_APPEND) === 0 && (flags & 3) !== constants.O_RDONLY
    ? 'fresh'
    : kind;
}

/** Names of limits in the JOB frame, by their names in /proc. */
const limitNames = new Map([
  ['address space', 'as'],
  ['core file size', 'core'],
  ['cpu time', 'cpu'],
  ['data size', 'data'],
  ['file size', 'fsize'],
  ['file locks', 'locks'],
  ['locked memory', 'memlock'],
  ['nice priority', 'nice'],
  ['open files', 'nofile'],
  ['resident set', 'rss'],
  ['realtime priority', 'rtprio'],
  ['realtime timeout', 'rttime'],
  ['stack size', 'stack'],
]);

/** Resource limits as the JOB frame has them. */
function resourceLimits(): string {
  const own = limitsIn('self');
  // Node raises its own.
  const openFiles = limitsIn(String(process.ppid)).get('nofile') ?? own.get('nofile');
  if (openFiles !== undefined) own.set('nofile', openFiles);
  return [...own].map(([name, values]) => `${name}:${values}`).join(',');
}

/** The soft and the hard one, by name. */
function limitsIn(process: string): Map<string, string> {
  const found = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(`/proc/${process}/limits`, 'latin1');
  } catch {
    return found; // it has ended, or belongs to another user
  }
  for (const [, long = '', soft = '', hard = ''] of text.matchAll(/^Max ([a-z ]+?) {2,}(\w+) +(\w+)/gmu)) {
    const name = limitNames.get(long);
    if (name !== undefined) found.set(name, `${soft}:${hard}`.replaceAll('unlimited', '-'));
  }
  return found;
}

function isMerged(): boolean {
  const kind = kindOf(1);
  if (kind !== kindOf(2) || kind === 'closed' || kind === 'null') return false;
  const [out, err] = [fstatSync(1), fstatSync(2)];
  return out.dev === err.dev && out.ino === err.ino;
}

/** Descriptors that the command was given besides 0-2 and make's jobserver; those of Node are close-on-exec. */
function countDescriptors(argv: readonly ByteString[]): number {
  // bash's <(...) names descriptors that bash has open, too
  const isNamed = argv.some((argument) => /\/dev\/fd\/|\/proc\/self\/fd\//u.test(argument));
  return readdirSync('/proc/self/fd').filter((fd) => Number(fd) > 2 && isGiven(fd, isNamed)).length;
}

function isGiven(fd: string, isNamed: boolean): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/mu.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    const isCloseOnExec = (Number.parseInt(flags, 8) & 0o2000000) !== 0;
    return !isCloseOnExec && !isJobserver(fd) && (isNamed || !isLeaked(fd));
  } catch {
    return false; // closed meanwhile: it was the descriptor of the listing itself
  }
}

function isJobserver(fd: string): boolean {
  const auth = /--jobserver-(?:auth|fds)=(?:(\d+),(\d+)|fifo:(\S+))/u.exec(process.env['MAKEFLAGS'] ?? '');
  if (auth === null) return false;
  return auth[3] === undefined ? auth[1] === fd || auth[2] === fd : isSame(fd, auth[3]);
}

/** Whether our parent has the very same thing open under this number: then nobody gave it to this command. */
function isLeaked(fd: string): boolean {
  return isSame(fd, `/proc/${process.ppid}/fd/${fd}`);
}

function isSame(fd: string, path: string): boolean {
  try {
    const [ours, theirs] = [fstatSync(Number(fd)), statSync(path)];
    return ours.dev === theirs.dev && ours.ino === theirs.ino;
  } catch {
    return false; // there is no such thing
  }
}

/** As setarch and linux32 give it. */
function hasPersonality(): boolean {
  return Number.parseInt(readFileSync('/proc/self/personality', 'latin1'), 16) !== 0;
}

/** What the wrapper says of the command `argv`, and of itself. */
export function describeSelf(argv: readonly ByteString[], force: WrapperJob['force']): WrapperJob {
  let cwd = '';
  try {
    cwd = fromBytes(readlinkSync('/proc/self/cwd', 'buffer'));
    if (cwd.endsWith(' (deleted)')) cwd = '';
  } catch {
    // none that we may see: the peer takes that for a deleted one, and the command runs here
  }
  const blocked = /^SigBlk:\s*([0-9a-f]+)/mu.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const terminal = [process.stderr, process.stdout].find((stream) => stream.isTTY);
  return {
    version: 1,
    pid: process.pid,
    cwd,
    umask: process.umask(),
    stdin: kindOf(0),
    stdout: outputKindOf(1),
    stderr: kindOf(2),
    merged: isMerged(),
    descriptors: countDescriptors(argv),
    blocked,
    ignored: '0',
    rows: terminal?.rows ?? 0,
    columns: terminal?.columns ?? 0,
    nice: Math.max(0, getPriority()),
    limits: resourceLimits(),
    surroundings: hasPersonality() ? 'personality' : '',
    force,
  };
}
