/** The CLI's end of the local socket: one request, then replies until the peer ends the connection. */
import { connect, type Socket } from 'node:net';
import { pipe } from 'it-pipe';
import { SwarmError } from '../core/swarm-error.ts';
import { encodeRequest, parseReply, type Reply, type Request } from '../wire/cli-messages.ts';
import { encodeFrame, FrameDecoder } from '../wire/frame.ts';

/** How long connecting may take; a peer that is frozen accepts nothing. */
const connectTimeoutMs = 3_000;

/**
 * Sends one request to the peer on this machine.
 *
 * @param idleTimeoutMs - longest wait for a reply.
 * @returns the replies as they come; ending the iteration early closes the connection.
 * @throws SwarmError `E_NO_PEER` if none listens there, `E_PEER_SILENT` if it does not answer in time, `E_VERSION` if it
 *   does not know the request.
 */
export async function* request<Asked extends Request>(
  path: string,
  asked: Asked,
  idleTimeoutMs = 10_000,
): AsyncGenerator<Reply<Asked['op']>> {
  const socket = await open(path);
  socket.setTimeout(idleTimeoutMs, () => {
    socket.destroy(
      new SwarmError(
        'E_PEER_SILENT',
        `The peer on ${path} does not answer (waited ${idleTimeoutMs} ms); \`buildswarm doctor\` says why, and what to do.`,
      ),
    );
  });
  socket.write(encodeFrame('REQUEST', encodeRequest(asked)));
  try {
    yield* pipe(socket as AsyncIterable<Buffer>, (chunks) => replies<Asked['op']>(asked.op, chunks));
  } finally {
    socket.destroy();
  }
}

/** The first reply to a request, for those that have just one. */
export async function requestOne<Asked extends Request>(
  path: string,
  asked: Asked,
  idleTimeoutMs = 10_000,
): Promise<Reply<Asked['op']>> {
  for await (const reply of request(path, asked, idleTimeoutMs)) return reply;
  throw new SwarmError(
    'E_PEER_SILENT',
    `The peer on ${path} ended the connection without an answer; see its log.`,
  );
}

async function* replies<Op extends Request['op']>(
  op: Op,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Reply<Op>> {
  const decoder = new FrameDecoder(['REPLY']);
  for await (const chunk of chunks) {
    for (const { payload } of decoder.push(chunk)) {
      const reply = parseReply(op, payload);
      if ('error' in reply) throw new SwarmError('E_VERSION', reply.error);
      yield reply;
    }
  }
}

async function open(path: string): Promise<Socket> {
  return await new Promise<Socket>((resolve, reject) => {
    const socket = connect(path);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(
        new SwarmError(
          'E_PEER_SILENT',
          `The peer on ${path} does not take the connection; it may be frozen.`,
        ),
      );
    }, connectTimeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('error', (cause) => {
      clearTimeout(timer);
      reject(
        new SwarmError(
          'E_NO_PEER',
          `No peer is running on this machine (${path}); start one with \`buildswarm start\`.`,
          { cause },
        ),
      );
    });
  });
}
