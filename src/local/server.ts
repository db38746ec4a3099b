/**
 * The local socket: wrappers and the CLI connect here. Bytes that are no frames end their own connection only.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, rmSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Bucket } from '../core/bucket.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { parseRequest, type Request } from '../wire/cli-messages.ts';
import { encodeFrame, FrameDecoder, type FrameName, type Payload } from '../wire/frame.ts';
import { giveBack } from './give-back.ts';
import { Lobby } from './lobby.ts';
import { prepareSocketDirectory } from './socket-path.ts';
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
  readonly onGarbage: (error: Error, untold: number) => void;
}

export interface LocalServer {
  /** Takes no new connection and removes the socket file; those that stand go on. */
  close(): void;
  /** Ends every connection. */
  destroy(): void;
}

const accepted: readonly FrameName[] = ['ARGV', 'ENV', 'JOB', 'STDIN', 'STDIN_END', 'SIGNAL', 'REQUEST'];
/** Connections that wait to be taken; whoever comes then runs its command itself. */
const backlog = 4_096;
/** A wrapper that connects and then says nothing is no wrapper. */
const requestTimeoutMs = 10_000;
/** A wrapper gives a silent peer up after 20 s. */
const beatMs = 5_000;
/** Of how many connections that are ended it is told why. */
const told = { burst: 32, perS: 1 } as const;
/** A request that is long waits so long before it is read on, where many are. */
const readAgainMs = 50;
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
  const lobby = new Lobby<Socket>(() => performance.now());
  const beats = setInterval(() => {
    for (const wrapper of wrappers) wrapper.beat();
  }, beatMs).unref();
  const complaints = new Bucket(told, performance.now());
  let untold = 0;
  const complain = (error: Error): void => {
    if (!complaints.take(1, performance.now())) {
      untold += 1;
      return;
    }
    init.onGarbage(error, untold);
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
    serve(socket, wrapper, { ...init, onGarbage: complain }, lobby);
  });
  const inode = await listenAt(server, init.path, directory);
  return {
    close: () => {
      server.close();
      if (inodeOf(init.path) === inode) unlinkSync(init.path);
    },
    destroy: () => {
      clearInterval(beats);
      for (const socket of sockets) socket.destroy();
    },
  };
}

function serve(
  socket: Socket,
  wrapper: WrapperConnection,
  init: Omit<LocalServerInit, 'onGarbage'> & { readonly onGarbage: (error: Error) => void },
  lobby: Lobby<Socket>,
): void {
  const decoder = new FrameDecoder(accepted);
  let state: 'new' | 'wrapper' | 'cli' = 'new';
  const end = (error: Error): void => {
    init.onGarbage(error);
    forget();
    socket.destroy();
  };
  /** Of many halves of requests the memory would be missed for long. */
  const forget = (): void => {
    if (state !== 'new') return;
    socket.removeAllListeners('data');
    const unread = socket.read() as Uint8Array | null;
    giveBack([...decoder.abandon(), ...(unread === null ? [] : [unread])]);
  };
  const timer = setTimeout(
    () => end(new Error(`no whole request came in ${requestTimeoutMs} ms`)),
    requestTimeoutMs,
  );
  lobby.enter(socket, end);
  const leave = (how: 'whole' | 'ended'): void => {
    clearTimeout(timer);
    lobby.leave(socket, how);
    if (how === 'ended') forget();
  };
  socket.on('data', (chunk) => {
    lobby.add(socket, chunk.length);
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
      readOn(socket, lobby);
    } catch (error) {
      end(error as Error);
    }
  });
  // An error is followed by close, which is what counts: a caller that is gone.
  socket.on('error', () => socket.destroy());
  socket.on('end', () => {
    leave('ended');
    wrapper.closed();
  });
  socket.on('close', () => {
    leave('ended');
    wrapper.closed();
  });
}

/** Reads on now, or when it may. */
function readOn(socket: Socket, lobby: Lobby<Socket>): void {
  if (socket.destroyed) return;
  if (lobby.mayRead(socket)) {
    if (socket.isPaused()) socket.resume();
    return;
  }
  socket.pause();
  setTimeout(() => readOn(socket, lobby), readAgainMs).unref();
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
  const answer = await new Promise<string>((resolve) => {
    const probe = connect(path);
    probe.setTimeout(2_000, () => {
      probe.destroy();
      resolve('alive');
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve('alive');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
  if (answer === 'alive') {
    throw new SwarmError(
      'E_SOCKET_BUSY',
      `A peer is running already on ${path}; end it with \`buildswarm stop\`, or set BUILDSWARM_SOCKET for a second one.`,
    );
  }
  if (answer === 'ECONNREFUSED') unlinkSync(path);
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
