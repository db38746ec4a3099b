/**
 * What is shown of the page of `buildswarm web` while it is scrolled, and what that costs: the page that ships, in Chromium,
 * fed with invented jobs.
 */
import { chromium } from 'playwright-core';
import type { Update } from '../src/cli/live/live-swarm.ts';
import { listenOnLoopback } from '../src/cli/loopback.ts';
import { PageFeed } from '../src/cli/web/page-feed.ts';
import { readPageFiles } from '../src/cli/web/page-files.ts';
import { createPageServer } from '../src/cli/web/page-server.ts';
import type { Run } from '../src/web/messages.ts';
import type { PeerStatus } from '../src/wire/cli-messages.ts';
import { until } from '../test/rig/until.ts';
import { type FrameFigures, type Gesture, scrollTraced } from './bench-frame-trace.ts';
import type { Row } from './bench-measure.ts';

const machines = 100;
const slots = 8;
const jobs = 10_000;
const token = 'frames';
/** Of a screen that is drawn sixty times a second. */
const frameMs = 16.7;

/** Scrolls the page and the timeline in it, on a wide screen and on a telephone's. */
export async function frameCosts(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const width of [1600, 390]) rows.push(...(await costsAt(width)));
  return rows;
}

async function costsAt(width: number): Promise<Row[]> {
  const feed = new PageFeed({ swarm: inventedSwarm(), examine: () => Promise.resolve([]) });
  const server = createPageServer({ token, files: readPageFiles(), feed });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width, height: width > 600 ? 1000 : 844 } });
    await page.goto(`http://127.0.0.1:${await listenOnLoopback(server, 0)}/${token}/`);
    const value = page.locator('.figure', { hasText: 'This build' }).locator('.value');
    await until(async () => (await value.textContent()) === String(jobs), 60_000, 'the page has all jobs');
    const rows = rowsOf(`page, ${width} px`, await scrollTraced(browser, page, there(5, 700)));
    for (const [what, place] of [
      ['timeline', '.timeline .scroll'],
      ['machines', '.cards'],
    ] as const) {
      const scrolled = page.locator(place);
      await scrolled.scrollIntoViewIfNeeded();
      const box = await scrolled.boundingBox();
      if (box === null) throw new Error(`the page has no ${place}`);
      const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      rows.push(...rowsOf(`${what}, ${width} px`, await scrollTraced(browser, page, there(3, 1_000, at))));
    }
    return rows;
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
}

/** There and back, so often. */
function there(times: number, distance: number, at = { x: 4, y: 400 }): Gesture[] {
  const speed = 900;
  return Array.from({ length: 2 * times }, (_, turn) => ({
    ...at,
    distance: turn % 2 === 0 ? distance : -distance,
    speed,
  }));
}

function rowsOf(what: string, { wanted, shown, whole, blank, gapsMs, cpuMs }: FrameFigures): Row[] {
  const sorted = gapsMs.toSorted((a, b) => a - b);
  const part = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  const percent = (count: number): number => (100 * count) / wanted;
  return [
    { what: `${what}: frames wanted`, figure: wanted, unit: '' },
    { what: `${what}: not shown`, figure: percent(wanted - shown), unit: '%', goal: 5 },
    { what: `${what}: not shown, or without what the page drew`, figure: percent(wanted - whole), unit: '%' },
    { what: `${what}: shown with blank parts`, figure: percent(blank), unit: '%' },
    { what: `${what}: from frame to frame, median`, figure: part(0.5), unit: 'ms', goal: 17 },
    { what: `${what}: nine of ten below`, figure: part(0.9), unit: 'ms' },
    { what: `${what}: 99 of 100 below`, figure: part(0.99), unit: 'ms' },
    ...[...cpuMs]
      .toSorted((a, b) => b[1] - a[1])
      .map(([thread, ms]) => ({
        what: `${what}: CPU a frame, ${thread}`,
        figure: ms / shown,
        unit: 'ms',
        ...(thread === 'all others' ? {} : { goal: frameMs }),
      })),
  ];
}

/** As a large build looks, with some jobs that end every second. */
function inventedSwarm(): { readonly runs: Run[]; update(): Promise<Update> } {
  const nowMs = Date.now();
  const startedAtMs = nowMs - 120_000;
  const peers = Array.from({ length: machines }, (_, index) => peerOf(index));
  const [self = peerOf(0)] = peers;
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
      const others = peers.slice(1).map((peer, index) => ({
        ...peer,
        running: (index + done) % (slots + 1),
        load: ((index * 7 + done) % 90) / 10,
        memoryFreeBytes: peer.memoryFreeBytes - (done % 4_000) * 1_000_000,
        doneForMe: peer.doneForMe + done,
      }));
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
