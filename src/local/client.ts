/** The CLI's end of the local socket: one request, then replies until the peer ends the connection. */
import { connect, type Socket } from 'node:net';
import { pipe } from 'it-pipe';
import { SwarmError } from '../core/swarm-error.ts';
import { encodeJson, FrameDecoder } from '../wire/frame.ts';

/** How long connecting may take; a peer that is frozen accepts nothing. */
const connectTimeoutMs = 3_000;

/**
 * Sends one request to the peer on this machine.
 *
 * @param idleTimeoutMs - longest wait for a reply.
 * @returns the replies as they come; ending the iteration early closes the connection.
 * @throws SwarmError `E_NO_PEER` if none listens there, `E_PEER_SILENT` if it does not answer in time.
 */
export async function* request(path: string, body: unknown, idleTimeoutMs = 10_000): AsyncGenerator {
  const socket = await open(path);
  socket.setTimeout(idleTimeoutMs, () => {
    socket.destroy(
      new SwarmError(
        'E_PEER_SILENT',
        `The peer on ${path} does not answer (waited ${idleTimeoutMs} ms); see its log, or end it with \`buildswarm stop --now\`.`,
      ),
    );
  });
  socket.write(encodeJson('REQUEST', body));
  try {
    yield* pipe(socket as AsyncIterable<Buffer>, replies);
  } finally {
    socket.destroy();
  }
}

/** The first reply to a request, for those that have just one. */
export async function requestOne(path: string, body: unknown, idleTimeoutMs = 10_000): Promise<unknown> {
  for await (const reply of request(path, body, idleTimeoutMs)) return reply;
  throw new SwarmError(
    'E_PEER_SILENT',
    `The peer on ${path} ended the connection without an answer; see its log.`,
  );
}

async function* replies(chunks: AsyncIterable<Buffer>): AsyncGenerator {
  const decoder = new FrameDecoder(['REPLY']);
  for await (const chunk of chunks) {
    for (const frame of decoder.push(chunk)) yield JSON.parse(Buffer.from(frame.payload).toString('utf8'));
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
