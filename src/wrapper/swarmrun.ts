/**
 * swarmrun where there is no C compiler: the protocol of swarmrun.c (docs/PROTOCOL.md, section 1) in Node. What Node
 * cannot do is less exact here: it starts in 50 ms; it cannot exec, so a command that runs inline is a child that is waited for;
 * it cannot look into a pipe, so stdin is read (up to one piece ahead) once the command has read the piece before; it cannot
 * see which signals were ignored, or which descriptors were closed or to be inherited, when it was started; nor who the peer is,
 * so that its group, root directory and mounts are taken to be those of the command.
 */
import type { ChildProcess } from 'node:child_process';
import { lstatSync, readFileSync, readSync, realpathSync, statfsSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type ByteString, fromBytes, joinNul, toText } from '../wire/bytes.ts';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  type FrameName,
  type PayloadArguments,
} from '../wire/frame.ts';
import { socketPaths } from '../wire/socket-path.ts';
import {
  encodeSignal,
  encodeWrapperJob,
  parseExit,
  parseInline,
  parseStdinTaken,
} from '../wire/wrapper-messages.ts';
import { findProgram, startProgram } from './inline-program.ts';
import { describeSelf, kindOf } from './self-description.ts';

const connectTimeoutMs = 5_000;
/** Of `statfs`. */
const fuseMagic = 0x65735546;
const windowBytes = 64 * 1024;
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
const help = `Usage: swarmrun [--local|--remote] COMMAND [ARGUMENT...]
Runs COMMAND on the build swarm as if it ran here; here, if the swarm can't.
`;

/** What we were called for. */
interface Call {
  readonly argv: readonly ByteString[];
  readonly environment: readonly ByteString[];
  readonly force: '' | 'local' | 'remote';
}

const call = readCall();
const input = { wanted: false, ended: false, reading: false, sent: 0, taken: 0, start: 0 };
let outputBegun = false;
let isOver = false;
let inlineChild: ChildProcess | undefined;
let socket: Socket | undefined;
let deadly: NodeJS.Signals | undefined;

function main(): void {
  if (process.env['FORCE_INLINE'] !== undefined || process.env['FORCE_LOCAL'] !== undefined) {
    runInline('the environment asks for it');
    return;
  }
  const [path, ...others] = peerPaths();
  askPeer(path, others);
}

/** The command line and environment as bytes, which process.argv and process.env are not. */
function readCall(): Call {
  const environment = strings(readFileSync('/proc/self/environ'));
  const given = strings(readFileSync('/proc/self/cmdline'));
  // "node", node's own options, then the path by which the kernel found this script, then what the user wrote.
  const name = process.argv[1] ?? '';
  const argv = given.slice(given.length - (process.argv.length - 2) - 1);
  if (basename(name) !== 'swarmrun' && basename(name) !== 'swarmrun.js')
    return { argv, environment, force: '' };
  let force: Call['force'] = '';
  let at = 0;
  while (at < argv.length && (at === 0 || basename(argv[at] ?? '') === 'swarmrun')) {
    for (at += 1; argv[at]?.startsWith('-'); at += 1) {
      const option = argv[at];
      if (option === '--help') leave(1, help, 0);
      if (option === '--version') leave(1, `swarmrun ${readVersion()}\n`, 0);
      if (option === '--local') force = 'local';
      else if (option === '--remote') force = 'remote';
      else if (option !== '--')
        leave(
          2,
          `swarmrun: unknown option '${option}'; options of the command stand behind its name\n\n${help}`,
          2,
        );
    }
  }
  if (at >= argv.length) leave(2, help, 2);
  return { argv: argv.slice(at), environment, force };
}

function strings(payload: Buffer): ByteString[] {
  return payload.length === 0 ? [] : fromBytes(payload).replace(/\0$/u, '').split('\0');
}

function readVersion(): string {
  const manifest = join(dirname(realpathSync(process.argv[1] ?? '')), '..', 'package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

function leave(fd: number, text: string, status: number): never {
  writeAll(fd, Buffer.from(text));
  process.exit(status);
}

function debug(text: string): void {
  const wish = process.env['BUILDSWARM_DEBUG'];
  if (wish !== undefined && wish !== '' && wish !== '0') writeAll(2, Buffer.from(`swarmrun: ${text}\n`));
}

// ---- The peer ----

/**
 * Whether this is part of a job in the files of another machine: there no peer can be reached, and to look for one would
 * be to look at what no worker is shown.
 */
function isInServedJob(): boolean {
  try {
    if (statfsSync('/').type !== fuseMagic) return false;
    return / \/ \/ .* - fuse buildswarm /m.test(readFileSync('/proc/self/mountinfo', 'latin1'));
  } catch (cause) {
    if (!(cause instanceof Error && 'errno' in cause)) throw cause;
    return false; // without /proc no job runs
  }
}

function peerPaths(): string[] {
  if (isInServedJob()) {
    debug('this is part of a job in the files of another machine');
    return [];
  }
  return socketPaths(process.env, process.geteuid?.() ?? 0);
}

function isPrivate(directory: string): boolean {
  try {
    const stat = lstatSync(directory);
    return stat.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o777) === 0o700;
  } catch {
    return false; // not there
  }
}

function askPeer(path: string | undefined, others: readonly string[]): void {
  if (path === undefined) {
    runInline('no peer of yours answers');
    return;
  }
  if (!isPrivate(dirname(path))) {
    debug(`the directory of ${path} does not exist, or is not yours with mode 0700`);
    askPeer(others[0], others.slice(1));
    return;
  }
  const attempt = connect(path);
  const timer = setTimeout(() => attempt.destroy(new Error('it does not answer')), connectTimeoutMs);
  attempt.once('error', (error) => {
    clearTimeout(timer);
    if (socket !== undefined) return; // after the connection: told by 'close'
    debug(`no peer at ${path}: ${error.message}`);
    askPeer(others[0], others.slice(1));
  });
  attempt.once('connect', () => {
    clearTimeout(timer);
    socket = attempt;
    attempt.on('error', (error) => debug(error.message)); // 'close' follows
    handOver(attempt);
  });
}

function handOver(peer: Socket): void {
  const decoder = new FrameDecoder(['INLINE', 'STDIN_TAKEN', 'STDOUT', 'STDERR', 'EXIT', 'BEAT']);
  peer.on('close', () => lost('the connection to the peer was lost'));
  peer.on('data', (chunk) => {
    try {
      for (const frame of decoder.push(chunk)) if (!isOver) takeFrame(frame);
    } catch (error) {
      lost(`the peer sent garbage (${(error as Error).message})`);
    }
  });
  try {
    send('ARGV', joinNul(call.argv));
    send('ENV', joinNul(call.environment));
    send('JOB', encodeWrapperJob(describeSelf(call.argv, call.force)));
  } catch (error) {
    lost((error as Error).message);
    return;
  }
  for (const signal of passedOn) process.on(signal, passOn);
}

function send<Type extends FrameName>(type: Type, ...payload: PayloadArguments<Type>): void {
  const frame = encodeFrame(type, ...payload);
  if (socket?.writable) socket.write(frame);
}

function passOn(signal: NodeJS.Signals): void {
  if (inlineChild !== undefined) {
    inlineChild.kill(signal);
    return;
  }
  if (signal !== 'SIGCONT') deadly = signal;
  // Node does not tell whether it came from a terminal. INT mostly does; what stops and continues is meant for all.
  const toGroup = signal === 'SIGINT' || signal === 'SIGTSTP' || signal === 'SIGCONT';
  send('SIGNAL', encodeSignal({ number: constants.signals[signal], toGroup }));
}

function takeFrame(frame: Frame): void {
  const { type, payload } = frame;
  if (type === 'STDOUT' || type === 'STDERR') {
    outputBegun = true;
    passOutput(type === 'STDOUT' ? 1 : 2, payload);
  } else if (type === 'STDIN_TAKEN') {
    takeStdinTaken(parseStdinTaken(payload));
  } else if (type === 'INLINE') {
    const why = toText(parseInline(payload));
    if (isUntouched())
      runInline(`the peer says so (${why})`, { keeps: true, isCached: why.startsWith('ccache:') });
    else lost('the peer gave the command back');
  } else if (type === 'EXIT') {
    end(parseExit(payload));
  }
}

function isUntouched(): boolean {
  return !outputBegun && (kindOf(0) === 'file' ? input.taken === 0 : input.sent === 0);
}

function lost(why: string): void {
  if (isOver || inlineChild !== undefined) return;
  if (isUntouched()) {
    runInline(why);
    return;
  }
  const name = toText(call.argv[0] ?? '');
  leave(
    2,
    `swarmrun: ${why} while ${name} ran on the swarm; what it wrote may be incomplete, run it again\n`,
    1,
  );
}

/** Ends as the command did. */
function end(ending: ReturnType<typeof parseExit>): void {
  isOver = true;
  if (ending.kind === 'exited') process.exit(ending.status);
  const { signal } = ending;
  const name = (Object.keys(constants.signals) as NodeJS.Signals[]).find(
    (key) => constants.signals[key] === signal,
  );
  if (name !== undefined) {
    process.removeAllListeners(name);
    process.kill(process.pid, signal);
  }
  // The signal arrives at once; where its default is not to end, we end as a shell would say it.
  setTimeout(() => process.exit(128 + signal), 100);
}

function endBySignal(name: NodeJS.Signals): void {
  end({ kind: 'signaled', signal: constants.signals[name], core: false });
}

// ---- Output and input ----

function passOutput(fd: 1 | 2, data: Uint8Array): void {
  try {
    writeAll(fd, data);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Node ignores SIGPIPE; the command would have died of it.
    if (code === 'EPIPE') endBySignal('SIGPIPE');
    else if (fd === 1) leave(2, `swarmrun: cannot write standard output: ${(error as Error).message}\n`, 1);
  }
}

function writeAll(fd: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    try {
      at += writeSync(fd, data, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // A pipe that another made non-blocking: wait for its reader.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

function takeStdinTaken(taken: number): void {
  if (taken < input.taken || taken > input.sent) throw new RangeError('more stdin taken than was sent');
  const more = taken - input.taken;
  input.taken = taken;
  if (!input.wanted) {
    input.wanted = true;
    if (kindOf(0) === 'file') input.start = filePosition();
  }
  if (kindOf(0) === 'file') skip(more);
  sendInput();
}

function filePosition(): number {
  return Number(/^pos:\s*(\d+)/mu.exec(readFileSync('/proc/self/fdinfo/0', 'latin1'))?.[1] ?? 0);
}

/** Moves the position of the file at stdin on: Node has no lseek, but a read without position does it. */
function skip(count: number): void {
  const rest = Buffer.alloc(windowBytes);
  for (let left = count; left > 0; ) {
    const got = readSync(0, rest, 0, Math.min(left, rest.length), null);
    if (got === 0) return;
    left -= got;
  }
}

function sendInput(): void {
  if (input.ended || input.reading || isOver) return;
  if (kindOf(0) === 'file') {
    const piece = Buffer.alloc(windowBytes - (input.sent - input.taken));
    if (piece.length > 0)
      sendPiece(piece.subarray(0, readSync(0, piece, 0, piece.length, input.start + input.sent)));
    return;
  }
  if (input.sent > input.taken) return;
  // The end may have come between two pieces, when nobody listened.
  if (process.stdin.readableEnded) {
    sendPiece(Buffer.alloc(0));
    return;
  }
  input.reading = true;
  const stop = (piece: Buffer): void => {
    input.reading = false;
    sendPiece(piece);
  };
  const { stdin } = process;
  const onEnd = (): void => stop(Buffer.alloc(0));
  stdin.once('end', onEnd);
  stdin.once('data', (piece: Buffer) => {
    stdin.pause();
    stdin.removeListener('end', onEnd);
    stop(piece);
  });
  stdin.resume();
}

function sendPiece(piece: Uint8Array): void {
  if (piece.length === 0) input.ended = true;
  if (piece.length === 0) send('STDIN_END');
  else send('STDIN', piece);
  input.sent += piece.length;
  if (kindOf(0) === 'file' && !input.ended) sendInput();
}

// ---- Inline ----

/**
 * Runs the command as a child, with our own descriptors.
 *
 * @param how - `keeps` the socket open, as it holds a slot; `isCached`: ccache looks here, and has what it lacks compiled
 *   through us.
 */
function runInline(why: string, how: { readonly keeps?: boolean; readonly isCached?: boolean } = {}): void {
  debug(`inline: ${why}`);
  isOver = true;
  if (how.keeps !== true) socket?.destroy();
  if (deadly !== undefined) {
    endBySignal(deadly); // it came before the command began: it would have died of it
    return;
  }
  const program = findProgram(call.argv[0] ?? '', call.environment);
  if (program === undefined) leave(2, `swarmrun: ${toText(call.argv[0] ?? '')}: command not found\n`, 127);
  const environment = how.isCached ? behindCcache(call.environment) : call.environment;
  const child = startProgram(program.path, [program.name, ...call.argv.slice(1)], environment);
  inlineChild = child;
  for (const signal of passedOn) {
    process.removeAllListeners(signal);
    process.on(signal, passOn);
  }
  child.once('error', (error) =>
    leave(2, `swarmrun: ${toText(call.argv[0] ?? '')}: ${error.message}\n`, 126),
  );
  child.once('exit', (status, signal) => {
    if (signal === null) end({ kind: 'exited', status: status ?? 1 });
    else endBySignal(signal);
  });
}

/** Its setting is words, so the path may have no blanks. */
function behindCcache(environment: readonly ByteString[]): readonly ByteString[] {
  const self = fromBytes(realpathSync.native(process.argv[1] ?? '', { encoding: 'buffer' }));
  return /[ \t]/.test(self) ? environment : [...environment, `CCACHE_PREFIX=${self}`];
}

// Last, when all that is declared above has its value.
main();
