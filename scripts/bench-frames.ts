/** What a frame of the page of `buildswarm web` costs while it is scrolled: the page that ships, in Chromium, fed with invented jobs. */
import { type CDPSession, chromium, type Page } from 'playwright-core';
import type { Update } from '../src/cli/live/live-swarm.ts';
import { listenOnLoopback } from '../src/cli/loopback.ts';
import { PageFeed } from '../src/cli/web/page-feed.ts';
import { readPageFiles } from '../src/cli/web/page-files.ts';
import { createPageServer } from '../src/cli/web/page-server.ts';
import type { Run } from '../src/web/messages.ts';
import type { PeerStatus } from '../src/wire/cli-messages.ts';
import { until } from '../test/rig/until.ts';
import { median, type Row } from './bench-measure.ts';

const machines = 100;
const slots = 8;
const jobs = 10_000;
const token = 'frames';
/** Frames that are measured as one, and how often. */
const framesAtOnce = 10;
const rounds = 30;
/** Of a screen that is drawn sixty times a second. */
const goalMs = 16.7;

/** CPU of the page's main thread for each frame: script, layout, style and paint; what other threads do is not in it. */
export async function frameCosts(): Promise<Row[]> {
  const swarm = inventedSwarm();
  const feed = new PageFeed({ swarm, examine: () => Promise.resolve([]) });
  const server = createPageServer({ token, files: readPageFiles(), feed });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
    await page.goto(`http://127.0.0.1:${await listenOnLoopback(server, 0)}/${token}/`);
    const value = page.locator('.figure', { hasText: 'This build' }).locator('.value');
    await until(async () => (await value.textContent()) === String(jobs), 60_000, 'the page has all jobs');
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    return [
      ...(await scrolled(page, session, 'the page', 'window')),
      ...(await scrolled(page, session, 'the timeline', '.timeline .scroll')),
    ];
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** @param place - what is scrolled: a selector, or `window`. */
async function scrolled(page: Page, session: CDPSession, what: string, place: string): Promise<Row[]> {
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await taskMs(session);
    const target = place === 'window' ? 'window' : `document.querySelector(${JSON.stringify(place)})`;
    const step = round % 10 < 5 ? 40 : -40;
    await page.evaluate(
      `new Promise((done) => { let left = ${framesAtOnce}; const target = ${target};
        const next = () => { target.scrollBy(0, ${step}); left -= 1; left > 0 ? requestAnimationFrame(next) : requestAnimationFrame(done); };
        requestAnimationFrame(next); })`,
    );
    costs.push(((await taskMs(session)) - before) / framesAtOnce);
  }
  const sorted = costs.toSorted((a, b) => a - b);
  const label = `a frame while ${what} is scrolled, ${machines} machines, ${jobs} jobs`;
  return [
    { what: `${label}: median`, figure: median(costs), unit: 'ms', goal: goalMs },
    {
      what: `${label}: 9 of 10 below`,
      figure: sorted[Math.floor(rounds * 0.9)] ?? 0,
      unit: 'ms',
      goal: goalMs,
    },
  ];
}

/** CPU that tasks of the page's main thread have used so far. */
async function taskMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000;
}

/** As a large build looks, with some jobs that end every second. */
function inventedSwarm(): { readonly runs: Run[]; update(): Promise<Update> } {
  const nowMs = Date.now();
  const startedAtMs = nowMs - 120_000;
  const peers = Array.from({ length: machines }, (_, index) => peerOf(index));
  const [self = peerOf(0), ...others] = peers;
  const perSlot = jobs / machines / slots;
  const lengthMs = 120_000 / perSlot;
  const runs = Array.from({ length: jobs }, (_, job): Run => {
    const fromMs = startedAtMs + Math.floor(job / machines / slots) * lengthMs;
    return runOf(job, peers[job % machines]?.id ?? '', fromMs, fromMs + lengthMs * 0.9);
  });
  let done = jobs;
  return {
    runs,
    async update() {
      const atMs = Date.now();
      const changed = Array.from({ length: 50 }, (_, index) =>
        runOf(done + index, peers[index % machines]?.id ?? '', atMs - 900, atMs),
      );
      done += changed.length;
      const status: Update['moment']['status'] = {
        version: '1',
        self,
        peers: others,
        jobs: { running: 50, queued: 9, done, remote: done, inline: 0, failed: 0, retried: 0 },
        reasons: [],
        warnings: [],
      };
      const build = { firstJob: 1, startedAtMs, jobs, elsewhere: jobs, unfinished: 9, here: [], noted: [] };
      const sample = { atMs, jobsPerSecond: 50, slotsUsed: 700, slots: machines * slots, queued: 9 };
      const moment = { status, build, hosted: [], gain: 80, advisedJobs: 900, sample };
      return { moment, changed, isReset: false };
    },
  };
}

function runOf(job: number, peer: string, fromMs: number, toMs: number): Run {
  return {
    key: `${job}.0`,
    job,
    submitter: 'p0',
    title: `library_file_${job}.o`,
    cwd: '/home/someone/project/build',
    command: `g++ -O2 -Wall -Iinclude -c ../source/library_file_${job}.cc -o library_file_${job}.o`,
    kind: job % 50 === 0 ? 'link' : 'compile',
    peer,
    fromMs,
    toMs,
    outcome: 'elsewhere',
    ending: 'exited 0',
    reasons: [],
    waitedMs: 20,
  };
}

function peerOf(index: number): PeerStatus {
  return {
    id: `p${index}`,
    name: `machine-${index}`,
    addresses: [],
    slots,
    running: 7,
    queued: 1,
    load: 0.3,
    memoryFreeBytes: 2 ** 33,
    ageMs: 400,
    rttMs: 0.4,
    state: 'ready',
    reasons: [],
    ways: ['direct'],
    doneForMe: 100,
    doneByMe: 0,
  };
}
