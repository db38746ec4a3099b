/**
 * Serves the page to browsers of this machine: below a path that only the user is told, and to nobody who comes by
 * another name than that of this machine's own loopback (so no web site can have its name point here).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { PageFeed } from './page-feed.ts';
import type { PageFile } from './page-files.ts';

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

/** With any port: ssh may bring the page to another one. */
const ownName = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/;

export interface PageServerInit {
  readonly token: string;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly feed: Pick<PageFeed, 'join' | 'examine'>;
}

/** @returns a server that does not listen yet. */
export function createPageServer({ token, files, feed }: PageServerInit): Server {
  const server = createServer((request, response) => {
    const name = allowedName(request, token);
    const file = name === undefined ? undefined : files.get(name);
    // One that asks in the wrong way is not even told so.
    if (name === undefined) refuse(response);
    else if (name === 'events' && request.method === 'GET') feed.join(response, headers);
    else if (name === 'doctor' && request.method === 'POST') {
      feed.examine();
      response.writeHead(202, headers).end();
    } else if (file !== undefined && request.method === 'GET')
      response.writeHead(200, { ...headers, 'content-type': file.type }).end(file.bytes);
    else refuse(response);
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  return server;
}

function refuse(response: ServerResponse): void {
  response.writeHead(404, headers).end();
}

/** What is asked for; undefined: by somebody who was not told of it. */
function allowedName(
  { url = '', headers: { host = '' } }: IncomingMessage,
  token: string,
): string | undefined {
  const [, asked = '', name, ...more] = url.split('/');
  const isKnown = timingSafeEqual(digest(asked), digest(token));
  return isKnown && ownName.test(host) && more.length === 0 ? name : undefined;
}

/** Of one length, whatever was asked. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
