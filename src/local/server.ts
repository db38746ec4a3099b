/**
 * The local socket: wrappers and the CLI connect here. Bytes that are no frames end their own connection only.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, rmSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Bucket } from '../core/bucket.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { parseRequest, type Request } from '../wire/cli-messages.ts';
import { encodeFrame, FrameDecoder, type FrameName, type Payload } from '../wire/frame.ts';
import { Dismissed } from './dismissed.ts';
import { giveBack } from './give-back.ts';
import { Lobby } from './lobby.ts';
import { prepareSocketDirectory } from './socket-path.ts';
import { refuseTaken } from './socket-taken.ts';
import { WrapperConnection, type WrapperRequest } from './wrapper-connection.ts';

/** A request of the CLI; answered by replies, then the end. */
export interface CliRequest {
  /** Undefined: this version does not know it. */
  readonly asked: Request | undefined;
  reply(payload: Payload<'REPLY'>): void;
  end(): void;
  /** Called once when the CLI is gone. */
  onClose(listener: () => void): void;
}

export interface LocalServerInit {
  readonly path: string;
  readonly uid: number;
  readonly onJob: (request: WrapperRequest, connection: WrapperConnection) => void;
  readonly onRequest: (request: CliRequest) => void;
  /** Told why a connection was ended for what it sent; if there are many, only of some. @param untold - of so many not. */
  readonly onGarbage: (why: string, untold: number) => void;
}

export interface LocalServer {
  /** Wrappers that have not taken the end of their command yet, nor all of its output. */
  readonly untaken: number;
  /** Takes no new connection and removes the socket file; those that stand go on. */
  close(): void;
  /** Ends every connection. */
  destroy(): void;
}

const accepted: readonly FrameName[] = ['ARGV', 'ENV', 'JOB', 'STDIN', 'STDIN_END', 'SIGNAL', 'REQUEST'];
/** Connections that wait to be taken; whoever comes then runs its command itself. */
const backlog = 4_096;
/** A wrapper gives a silent peer up after 20 s. */
const beatMs = 5_000;
/** Of how many connections that are ended it is told why. */
const told = { burst: 32, perS: 1 } as const;
/** Requests that are long wait so long before they are read on, where many are. */
const readAgainMs = 50;
const sweepMs = 1_000;
/** A caller that was answered and does not close its end is not waited for longer. */
const lingerMs = 5_000;

/**
 * Listens on the local socket.
 *
 * A socket file that nobody listens on is replaced.
 *
 * @throws SwarmError `E_SOCKET_BUSY` if another peer listens there, `E_SOCKET_DIRECTORY` if its directory is not ours alone.
 */
export async function listenLocal(init: LocalServerInit): Promise<LocalServer> {
  const directory = prepareSocketDirectory(init.path, init.uid);
  await removeStaleSocket(init.path);
  const sockets = new Set<Socket>();
  const wrappers = new Set<WrapperConnection>();
  const entrance = new Entrance();
  const beats = setInterval(() => {
    for (const wrapper of wrappers) wrapper.beat();
  }, beatMs).unref();
  const complaints = new Bucket(told, performance.now());
  let untold = 0;
  const complain = (why: string): void => {
    if (!complaints.take(1, performance.now())) {
      untold += 1;
      return;
    }
    init.onGarbage(why, untold);
    untold = 0;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    const wrapper = new WrapperConnection(socket);
    wrappers.add(wrapper);
    socket.on('close', () => {
      sockets.delete(socket);
      wrappers.delete(wrapper);
    });
    serve(socket, wrapper, { ...init, onGarbage: complain }, entrance);
  });
  const inode = await listenAt(server, init.path, directory);
  return {
    get untaken() {
      return [...wrappers].filter((wrapper) => wrapper.isUntaken).length;
    },
    close: () => {
      server.close();
      if (inodeOf(init.path) === inode) unlinkSync(init.path);
    },
    destroy: () => {
      clearInterval(beats);
      entrance.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The part of a socket of Node that its type does not show. */
interface WithHandle {
  readonly _handle?: { readStop(): void };
}

/** Where connections are until their request is whole: how much of which is read, and for how long. */
class Entrance {
  readonly lobby = new Lobby<Socket>(() => performance.now());
  /** Those that may not be read on now, in the order in which they may. */
  readonly #stalled = new Set<Socket>();
  readonly #dismissed = new Dismissed<Socket>(
    () => performance.now(),
    (socket) => socket.destroy(),
  );
  readonly #sweeps = setInterval(() => {
    this.lobby.sweep();
    this.#dismissed.sweep();
  }, sweepMs).unref();
  #timer: NodeJS.Timeout | undefined;

  /** Something of it was read: goes on now, or when it may. */
  readOn(socket: Socket): void {
    if (socket.destroyed || this.lobby.mayRead(socket)) return;
    socket.pause();
    this.#stalled.add(socket);
    this.#timer ??= setTimeout(() => this.#readAgain(), readAgainMs).unref();
  }

  left(socket: Socket, how: 'whole' | 'ended'): void {
    this.lobby.leave(socket, how);
    this.#stalled.delete(socket);
  }

  /** Nothing more of it is read; it is ended later. */
  dismiss(socket: Socket): void {
    socket.pause();
    // Paused, it would read one more piece, of 64 KiB, and keep it.
    (socket as WithHandle)._handle?.readStop();
    this.#dismissed.add(socket);
  }

  closed(socket: Socket): void {
    this.#dismissed.leave(socket);
  }

  close(): void {
    clearInterval(this.#sweeps);
    clearTimeout(this.#timer);
  }

  /** One timer for all, and none is asked after the first that may not: there may be hundreds. */
  #readAgain(): void {
    this.#timer = undefined;
    for (const socket of this.#stalled) {
      if (!this.lobby.mayRead(socket)) break;
      this.#stalled.delete(socket);
      socket.resume();
    }
    if (this.#stalled.size > 0) this.#timer = setTimeout(() => this.#readAgain(), readAgainMs).unref();
  }
}

function serve(
  socket: Socket,
  wrapper: WrapperConnection,
  init: Omit<LocalServerInit, 'onGarbage'> & { readonly onGarbage: (why: string) => void },
  entrance: Entrance,
): void {
  const decoder = new FrameDecoder(accepted);
  let state: 'new' | 'wrapper' | 'cli' = 'new';
  const end = (why: string, when: 'now' | 'later'): void => {
    init.onGarbage(why);
    leave('ended');
    if (when === 'now') socket.destroy();
    else entrance.dismiss(socket);
  };
  const leave = (how: 'whole' | 'ended'): void => {
    entrance.left(socket, how);
    if (how === 'whole' || state !== 'new') return;
    // Of many halves of requests the memory would be missed for long.
    socket.removeListener('data', take);
    const unread = socket.read() as Uint8Array | null;
    giveBack([...decoder.abandon(), ...(unread === null ? [] : [unread])]);
  };
  const take = (chunk: Uint8Array): void => {
    entrance.lobby.add(socket, chunk.length);
    try {
      for (const frame of decoder.push(chunk)) {
        if (state === 'cli') throw new Error('a frame after the request of the CLI');
        if (frame.type === 'REQUEST') {
          leave('whole');
          state = 'cli';
          init.onRequest(cliRequest(socket, parseRequest(frame.payload)));
          continue;
        }
        const request = wrapper.take(frame);
        if (request !== undefined) {
          leave('whole');
          state = 'wrapper';
          init.onJob(request, wrapper);
        }
      }
      entrance.readOn(socket);
    } catch (error) {
      end((error as Error).message, 'now');
    }
  };
  entrance.lobby.enter(socket, end);
  socket.on('data', take);
  // An error is followed by close, which is what counts: a caller that is gone.
  socket.on('error', () => socket.destroy());
  socket.on('end', () => {
    leave('ended');
    wrapper.closed();
  });
  socket.on('close', () => {
    leave('ended');
    entrance.closed(socket);
    wrapper.closed();
  });
}

function cliRequest(socket: Socket, asked: Request | undefined): CliRequest {
  return {
    asked,
    reply: (payload) => {
      if (!socket.destroyed) socket.write(encodeFrame('REPLY', payload));
    },
    end: () => {
      socket.end();
      setTimeout(() => socket.destroy(), lingerMs).unref();
    },
    onClose: (listener) => socket.once('close', listener),
  };
}

async function removeStaleSocket(path: string): Promise<void> {
  if ((await refuseTaken(path)) === 'ECONNREFUSED') unlinkSync(path);
}

/**
 * Listens under a name of its own, which is then linked to `path`: whoever ends later removes the socket of nobody else,
 * as Node unlinks the name that it was given, whatever is there by then.
 *
 * @returns the inode of the socket.
 */
async function listenAt(server: Server, path: string, directory: string): Promise<bigint | undefined> {
  const own = join(directory, `s${randomBytes(3).toString('hex')}`);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotOpen(path, cause)));
    server.listen(own, backlog, resolve);
  });
  // A connection that cannot be taken, as no descriptor is left, is that of one wrapper, which then runs its command itself.
  server.on('error', () => undefined);
  try {
    chmodSync(own, 0o600);
    linkSync(own, path);
  } catch (cause) {
    server.close();
    throw cannotOpen(path, cause as NodeJS.ErrnoException);
  } finally {
    rmSync(own, { force: true });
  }
  return inodeOf(path);
}

function cannotOpen(path: string, cause: NodeJS.ErrnoException): SwarmError {
  const hint = cause.code === 'EEXIST' ? 'another peer took it at the same moment' : cause.message;
  return new SwarmError('E_SOCKET_BUSY', `The local socket ${path} cannot be opened: ${hint}.`, { cause });
}

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
