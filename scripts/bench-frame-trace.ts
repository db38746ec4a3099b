/** What a browser shows while a page is scrolled: its own account of each frame, and the CPU of its threads. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Browser, CDPSession, Page } from 'playwright-core';

/** Of frames, one for each time that a screen of sixty hertz takes one. */
export interface FrameFigures {
  /** Those in which something was to be shown. */
  readonly wanted: number;
  /** Those that were shown. */
  readonly shown: number;
  /** Those that were shown with all that the page had drawn for them; others move what was drawn before. */
  readonly whole: number;
  /** Those that were shown with a part of the page still blank. */
  readonly blank: number;
  /** From each frame that was shown to the next. */
  readonly gapsMs: readonly number[];
  /** By what threads do, in all processes of the browser. */
  readonly cpuMs: ReadonlyMap<string, number>;
}

/** What Chromium traces of a frame, as far as it is read here. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly ts: number;
  readonly id2?: { readonly local?: string };
  readonly args?: {
    readonly frame_reporter?: {
      readonly frame_sequence: number;
      readonly state: string;
      readonly scroll_state: string;
      readonly has_missing_content: boolean;
      readonly affects_smoothness: boolean;
    };
  };
}

/** Where the fingers are, and how far they go. */
export interface Gesture {
  readonly x: number;
  readonly y: number;
  readonly distance: number;
  readonly speed: number;
}

/** Scrolls as the wheel of a mouse does, by the way of all input, and tells what was shown meanwhile. */
export async function scrollTraced(
  browser: Browser,
  page: Page,
  gestures: readonly Gesture[],
): Promise<FrameFigures> {
  const session = await browser.newBrowserCDPSession();
  const input = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      // Where only those that are off by default are named, all others are on, and their events take a minute to come.
      excludedCategories: ['*'],
      includedCategories: ['disabled-by-default-devtools.timeline.frame'],
    },
  });
  const before = await threadCpuMs(session);
  for (const { x, y, distance, speed } of gestures) {
    const gestureSourceType = 'mouse';
    await input.send('Input.synthesizeScrollGesture', {
      x,
      y,
      yDistance: -distance,
      speed,
      gestureSourceType,
    });
  }
  const after = await threadCpuMs(session);
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await complete;
  await session.detach();
  const cpuMs = new Map([...after].map(([thread, ms]) => [thread, ms - (before.get(thread) ?? 0)]));
  return { ...framesOf(events), cpuMs };
}

/** Of all frames between the first and the last one that was scrolled. */
function framesOf(events: readonly TraceEvent[]): Omit<FrameFigures, 'cpuMs'> {
  const frames = new Map<
    number,
    { wanted: boolean; whole: boolean; blank: boolean; shownAtMs: number | undefined }
  >();
  const scrolled: number[] = [];
  const open = new Map<string, TraceEvent>();
  const reports = events.filter(({ name }) => name === 'PipelineReporter').toSorted((a, b) => a.ts - b.ts);
  // The browser has frames of its own besides those of the page.
  const page = reports.find(
    ({ args }) => (args?.frame_reporter?.scroll_state ?? 'SCROLL_NONE') !== 'SCROLL_NONE',
  )?.pid;
  for (const event of reports.filter(({ pid }) => pid === page)) {
    const id = event.id2?.local ?? '';
    if (event.ph === 'b') open.set(id, event);
    const report = open.get(id)?.args?.frame_reporter;
    if (event.ph !== 'e' || report === undefined) continue;
    open.delete(id);
    const frame = frames.get(report.frame_sequence) ?? {
      wanted: false,
      whole: false,
      blank: false,
      shownAtMs: undefined,
    };
    frames.set(report.frame_sequence, frame);
    if (report.state.startsWith('STATE_PRESENTED')) frame.shownAtMs ??= event.ts / 1_000;
    if (report.state === 'STATE_PRESENTED_ALL') frame.whole = true;
    if (report.state !== 'STATE_NO_UPDATE_DESIRED') frame.wanted = true;
    if (report.has_missing_content) frame.blank = true;
    if (report.scroll_state !== 'SCROLL_NONE') scrolled.push(report.frame_sequence);
  }
  const [first, last] = [Math.min(...scrolled), Math.max(...scrolled)];
  const counted = [...frames]
    .filter(([number]) => number >= first && number <= last)
    .map(([, frame]) => frame);
  const times = counted.flatMap(({ shownAtMs }) => shownAtMs ?? []).toSorted((a, b) => a - b);
  return {
    wanted: counted.filter(({ wanted }) => wanted).length,
    shown: times.length,
    whole: counted.filter(({ whole }) => whole).length,
    blank: counted.filter(({ blank, shownAtMs }) => blank && shownAtMs !== undefined).length,
    gapsMs: times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)),
  };
}

/** Threads that a frame passes, by process and name. */
const places = new Map([
  ['renderer main', 'main thread'],
  ['renderer Compositor', 'compositor'],
  ['renderer ThreadPoolForeg', 'rasterizers'],
  ['renderer CompositorTileW', 'rasterizers'],
  ['GPU VizCompositorTh', 'display'],
]);

/** CPU that all threads of the browser's processes have used so far, by what they do. */
async function threadCpuMs(session: CDPSession): Promise<Map<string, number>> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const cpuMs = new Map<string, number>();
  for (const { type, id } of processInfo) {
    for (const thread of readdirSync(`/proc/${id}/task`)) {
      try {
        const at = `/proc/${id}/task/${thread}`;
        const name = thread === String(id) ? 'main' : readFileSync(`${at}/comm`, 'latin1').trim();
        const place = places.get(`${type} ${name}`) ?? 'all others';
        const [ns = '0'] = readFileSync(`${at}/schedstat`, 'latin1').split(' ');
        cpuMs.set(place, (cpuMs.get(place) ?? 0) + Number(ns) / 1e6);
      } catch {
        // The thread has ended meanwhile.
      }
    }
  }
  return cpuMs;
}
