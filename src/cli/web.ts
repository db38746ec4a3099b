/** `buildswarm web`: the swarm and the build in a browser of this machine. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { requestOne } from '../local/client.ts';
import { examineHere } from './doctor/examination.ts';
import { action } from './exit.ts';
import { LiveSwarm } from './live/live-swarm.ts';
import { localSocket } from './local-socket.ts';
import { listenOnLoopback, parsePort } from './loopback.ts';
import { PageFeed } from './web/page-feed.ts';
import { readPageFiles } from './web/page-files.ts';
import { createPageServer } from './web/page-server.ts';

const tokenBytes = 24;

export function addWeb(program: Command): void {
  program
    .command('web')
    .description('shows the swarm and the build in a browser of this machine, until Ctrl-C')
    .option('--port <port>', 'of 127.0.0.1; otherwise one that is free')
    .option('--no-open', 'only prints the URL')
    .action(
      action(async ({ port, open }: { port?: string; open: boolean }) => {
        const wanted = parsePort(program, port ?? '0');
        const socket = localSocket();
        await requestOne(socket, { op: 'live', after: Number.MAX_SAFE_INTEGER });
        const token = randomBytes(tokenBytes).toString('base64url');
        const feed = new PageFeed({ swarm: new LiveSwarm(socket), examine: examineHere });
        const server = createPageServer({ token, files: readPageFiles(), feed });
        const url = `http://127.0.0.1:${await listenOnLoopback(server, wanted)}/${token}/`;
        process.stdout.write(`${url}\nwhoever has this URL can look; end with Ctrl-C\n`);
        if (open && process.stdout.isTTY) openBrowser(url, dirname(socket));
        await new Promise<never>(() => undefined);
      }),
    );
}

/**
 * Opens it where there is a screen. All users of a machine see the arguments of a program, so it is handed a file of
 * this user's that leads to the URL.
 */
function openBrowser(url: string, directory: string): void {
  const isMac = process.platform === 'darwin';
  if (!isMac && process.env['DISPLAY'] === undefined && process.env['WAYLAND_DISPLAY'] === undefined) return;
  const folder = mkdtempSync(join(directory, 'web-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit());
  const file = join(folder, 'open.html');
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0; url=${url}">`, { mode: 0o600 });
  const child = spawn(isMac ? 'open' : 'xdg-open', [file], { stdio: 'ignore', detached: true });
  // Without such a program there is still the URL on the screen.
  child.once('error', () => undefined);
  child.unref();
}
