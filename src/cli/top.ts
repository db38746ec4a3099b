/** `buildswarm top`: the swarm and the build, live in a terminal. */
import { once } from 'node:events';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import { SwarmError } from '../core/swarm-error.ts';
import type { Status } from '../wire/cli-messages.ts';
import { action } from './exit.ts';
import { LiveSwarm, type Update } from './live/live-swarm.ts';
import { localSocket } from './local-socket.ts';
import { renderTop, type Style } from './top/screen.ts';

const intervalMs = 1_000;
const alternateScreen = { enter: '\u001b[?1049h\u001b[H', leave: '\u001b[?1049l' } as const;

const styles: Readonly<Record<Style, Parameters<typeof styleText>[0]>> = {
  title: 'bold',
  head: 'inverse',
  mine: 'blue',
  others: 'yellow',
  idle: 'gray',
  faint: 'gray',
  fault: 'red',
};

export function addTop(program: Command): void {
  program
    .command('top')
    .description('shows the swarm and the build in this terminal, every second, until q')
    .action(
      action(async () => {
        const { stdin, stdout } = process;
        if (!stdin.isTTY || !stdout.isTTY)
          throw new SwarmError(
            'E_SETTING',
            'top needs a terminal; `buildswarm status --watch` writes to files and pipes.',
          );
        const swarm = new LiveSwarm(localSocket());
        // Before the screen changes: without a peer the shell's screen is where that is read.
        const first = await swarm.update();
        const ended = new AbortController();
        const end = (): void => ended.abort();
        stdin.setRawMode(true);
        stdin.on('data', (keys: Buffer) => {
          const text = keys.toString('latin1');
          if (['q', 'Q', '\u0003'].some((key) => text.includes(key))) end();
        });
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
        stdout.write(alternateScreen.enter);
        try {
          await show(swarm, first, ended.signal);
        } finally {
          stdout.write(alternateScreen.leave);
          stdin.setRawMode(false);
          stdin.unref();
        }
      }),
    );
}

async function show(swarm: LiveSwarm, first: Update, ended: AbortSignal): Promise<void> {
  const { stdout } = process;
  let { moment } = first;
  let rates: ReadonlyMap<string, number> = new Map();
  let fault = '';
  let screen = createLogUpdate(stdout);
  const isColoured = stdout.hasColors();
  const paint = (style: Style, text: string): string =>
    isColoured && text !== '' ? styleText(styles[style], text, { validateStream: false }) : text;
  const draw = (): void => {
    const running = swarm.runs.filter(({ outcome, job }) => outcome === 'running' && job !== undefined);
    // The library ends what it shows with a newline: the last line stays free, or for a fault.
    const rows = stdout.rows - (fault === '' ? 1 : 2);
    const lines = renderTop({
      moment,
      running,
      rates,
      columns: stdout.columns,
      rows,
      nowMs: Date.now(),
      paint,
    });
    if (fault !== '') lines.push(paint('fault', fault.slice(0, stdout.columns)));
    screen(lines.join('\n'));
  };
  const redraw = (): void => {
    // What stands there was laid out for another size.
    stdout.write('\u001b[H\u001b[2J');
    screen = createLogUpdate(stdout);
    draw();
  };
  stdout.on('resize', redraw);
  const aborted = once(ended, 'abort');
  while (!ended.aborted) {
    draw();
    await Promise.race([aborted, new Promise((resolve) => setTimeout(resolve, intervalMs))]);
    if (ended.aborted) break;
    await swarm.update().then(
      (update) => {
        rates = ratesOf(moment.status, update.moment.status);
        fault = '';
        ({ moment } = update);
      },
      (error: unknown) => {
        if (!(error instanceof SwarmError)) throw error;
        fault = error.message;
      },
    );
  }
  stdout.off('resize', redraw);
  screen.done();
}

/** Jobs of this machine that ended since, by the peer that ran them. */
function ratesOf(before: Status, after: Status): Map<string, number> {
  const done = (status: Status): Map<string, number> =>
    new Map([
      [status.self.id, status.jobs.inline],
      ...status.peers.map(({ id, doneForMe }) => [id, doneForMe] as const),
    ]);
  const known = done(before);
  return new Map([...done(after)].map(([id, count]) => [id, Math.max(0, count - (known.get(id) ?? count))]));
}
