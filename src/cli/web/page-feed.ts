/** Tells all open pages what the peer says. While none is open the peer is asked nothing. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { visibleValue } from '../../core/visible.ts';
import type { PageEvents, Sample } from '../../web/messages.ts';
import type { Finding } from '../../wire/cli-messages.ts';
import type { LiveSwarm, Update } from '../live/live-swarm.ts';

const intervalMs = 1_000;
/** Ten minutes. */
const mostSamples = 600;
/** Runs in one event. */
const runsAtOnce = 1_000;
/** A page that does not take what it is told is cut off; it comes back by itself. */
const mostWaitingBytes = 16 * 1024 * 1024;

export interface PageFeedInit {
  readonly swarm: Pick<LiveSwarm, 'update' | 'runs'>;
  readonly examine: () => Promise<readonly Finding[]>;
}

export class PageFeed {
  readonly #init: PageFeedInit;
  readonly #pages = new Set<ServerResponse>();
  readonly #samples: Sample[] = [];
  #last: Update | undefined;
  #doctor: PageEvents['doctor'] | undefined;
  #isExamining = false;
  #isWatching = false;

  constructor(init: PageFeedInit) {
    this.#init = init;
  }

  /** Tells this page all that is known, and what happens from now on. */
  join(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    response.write('retry: 1000\n\n');
    response.once('close', () => this.#pages.delete(response));
    this.#pages.add(response);
    this.#tellAll([response]);
    void this.#watch();
    if (this.#doctor === undefined) this.examine();
  }

  /** Has the doctor look again. */
  examine(): void {
    if (this.#isExamining) return;
    this.#isExamining = true;
    void this.#init
      .examine()
      .then((findings) => {
        this.#doctor = { atMs: Date.now(), findings: visibleValue(findings) };
        this.#send('doctor', this.#doctor);
      })
      .catch((error: unknown) => this.#send('silent', { why: sentenceOf(error) }))
      .finally(() => {
        this.#isExamining = false;
      });
  }

  /** Asks the peer every second as long as somebody looks. */
  async #watch(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    while (this.#pages.size > 0) {
      const beganMs = performance.now();
      await this.#init.swarm.update().then(
        (update) => this.#took(update),
        (error: unknown) => this.#send('silent', { why: sentenceOf(error) }),
      );
      await sleep(Math.max(0, intervalMs - (performance.now() - beganMs)));
    }
    this.#isWatching = false;
  }

  #took(update: Update): void {
    const isFirst = this.#last === undefined;
    this.#last = update;
    this.#samples.push(update.moment.sample);
    if (this.#samples.length > mostSamples) this.#samples.shift();
    if (update.isReset && !isFirst) {
      this.#tellAll(this.#pages);
      return;
    }
    this.#sendRuns(this.#pages, update.changed);
    this.#send('moment', update.moment);
  }

  #tellAll(pages: Iterable<ServerResponse>): void {
    const to = [...pages];
    this.#send('reset', { samples: this.#samples.slice(0, -1) }, to);
    this.#sendRuns(to, this.#init.swarm.runs);
    if (this.#last !== undefined) this.#send('moment', this.#last.moment, to);
    if (this.#doctor !== undefined) this.#send('doctor', this.#doctor, to);
  }

  #sendRuns(to: Iterable<ServerResponse>, runs: PageEvents['runs']): void {
    const pages = [...to];
    for (let from = 0; from < runs.length; from += runsAtOnce)
      this.#send('runs', runs.slice(from, from + runsAtOnce), pages);
  }

  #send<Name extends keyof PageEvents>(
    name: Name,
    data: PageEvents[Name],
    to: Iterable<ServerResponse> = this.#pages,
  ): void {
    const text = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const page of to) {
      page.write(text);
      if (page.writableLength > mostWaitingBytes) page.destroy();
    }
  }
}

function sentenceOf(error: unknown): string {
  return visibleValue(error instanceof Error ? error.message : String(error));
}
