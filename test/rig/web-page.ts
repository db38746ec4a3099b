/** `buildswarm web` on a machine of a LAN, and a browser there. */
import assert from 'node:assert/strict';
import { type Browser, chromium } from 'playwright-core';
import type { Running } from './child.ts';
import type { Host } from './lan.ts';
import type { SwarmRig } from './swarm-rig.ts';
import { until } from './until.ts';

/** Ends with `await using`. */
export class WebPage {
  readonly url: string;
  readonly browser: Browser;
  readonly #web: Running;

  private constructor(url: string, browser: Browser, web: Running) {
    this.url = url;
    this.browser = browser;
    this.#web = web;
  }

  /** @param cwd - where the user is; default: the share. */
  static async open(swarm: SwarmRig, host: Host, cwd = swarm.share): Promise<WebPage> {
    const web = swarm.start(host, ['sh', '-c', 'cd "$0" && exec buildswarm web --no-open', cwd], {
      timeoutMs: 240_000,
    });
    let said = '';
    web.child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    // It is ended by force.
    web.ended.catch(() => undefined);
    const [browser] = await Promise.all([
      chromium.launch({ executablePath: await swarm.lan.inNetworkOf(host, 'chromium') }),
      until(() => said.includes('\n'), 20_000, 'the page is served'),
    ]);
    const url = /^http:\S+$/m.exec(said)?.[0];
    assert.ok(url !== undefined, said);
    return new WebPage(url, browser, web);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    this.#web.signalGroup('SIGKILL');
  }
}
