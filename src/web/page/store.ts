/** What the page knows, and how it comes to know it. */
import { useEffect, useState } from 'preact/hooks';
import type { Moment, PageEvents, Sample } from '../messages.ts';
import { TimelineRows } from '../timeline-rows.ts';

const mostRuns = 10_000;
const mostSamples = 600;

interface Known {
  readonly rows: TimelineRows;
  samples: readonly Sample[];
  moment: Moment | undefined;
  doctor: PageEvents['doctor'] | undefined;
  /** Why there is nothing new. */
  silent: string | undefined;
}

export const known: Known = {
  rows: new TimelineRows(mostRuns),
  samples: [],
  moment: undefined,
  doctor: undefined,
  silent: undefined,
};

const listeners = new Set<() => void>();

let isDue = false;

/** Draws once for all events that came together. */
function changed(): void {
  if (isDue) return;
  isDue = true;
  // A timer, not a frame: a page that is out of sight has none, and would have all to do once it is shown.
  setTimeout(() => {
    isDue = false;
    for (const listener of listeners) listener();
  });
}

/** Draws a component again whenever something has changed. */
export function useKnown(): Known {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((count) => count + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return known;
}

const take: { readonly [Name in keyof PageEvents]: (data: PageEvents[Name]) => void } = {
  reset: ({ samples }) => {
    known.rows.clear();
    known.samples = samples;
  },
  moment: (moment) => {
    known.moment = moment;
    const { self, peers } = moment.status;
    known.rows.hasSlots(self.id, self.slots, true);
    // What others say of themselves counts if they work for this machine.
    for (const { id, slots, state } of peers) if (state === 'ready') known.rows.hasSlots(id, slots, false);
    known.silent = undefined;
    known.samples = [...known.samples.slice(1 - mostSamples), moment.sample];
  },
  runs: (runs) => known.rows.take(runs),
  doctor: (doctor) => {
    known.doctor = doctor;
  },
  silent: ({ why }) => {
    known.silent = why;
  },
};

/** Listens until the page is closed; a connection that is lost is made again by the browser. */
export function connect(): void {
  const source = new EventSource('events');
  for (const [name, taker] of Object.entries(take))
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      (taker as (data: unknown) => void)(JSON.parse(data));
      changed();
    });
  source.addEventListener('error', () => {
    known.silent = '`buildswarm web` has ended or cannot be reached; start it again and open its new URL.';
    changed();
  });
}
