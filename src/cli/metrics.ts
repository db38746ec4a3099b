/** `buildswarm metrics`: figures for Prometheus, once or over HTTP on this machine. */
import { createServer } from 'node:http';
import type { Command } from 'commander';
import { visibleText } from '../core/visible.ts';
import { requestOne } from '../local/client.ts';
import { action } from './exit.ts';
import { localSocket } from './local-socket.ts';
import { listenOnLoopback, parsePort } from './loopback.ts';

export function addMetrics(program: Command): void {
  program
    .command('metrics')
    .description('prints the figures of this peer in the text format of Prometheus')
    .option('--port <port>', 'serves them at http://127.0.0.1:PORT/metrics until Ctrl-C')
    .action(
      action(async ({ port }: { port?: string }) => {
        if (port === undefined) {
          process.stdout.write(await fetchMetrics());
          return;
        }
        await serve(parsePort(program, port));
      }),
    );
}

async function fetchMetrics(): Promise<string> {
  return visibleText((await requestOne(localSocket(), { op: 'metrics' })).text);
}

/** Does not return; only programs of this machine can connect. */
async function serve(port: number): Promise<void> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    fetchMetrics().then(
      (text) =>
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      // The peer may come back: a scrape that fails is what Prometheus shows as down.
      (error: unknown) => response.writeHead(503).end(error instanceof Error ? error.message : String(error)),
    );
  });
  const real = await listenOnLoopback(server, port);
  process.stderr.write(`serving http://127.0.0.1:${real}/metrics\n`);
  await new Promise<never>(() => undefined);
}
