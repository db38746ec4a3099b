/** The page as a whole: the head with its figures, then a section a theme. */
import { useEffect, useState } from 'preact/hooks';
import { rateText } from '../words.ts';
import { Charts } from './charts.tsx';
import { Doctor, Reasons, Slowest } from './lists.tsx';
import { Peers } from './peers.tsx';
import { useKnown } from './store.ts';
import { onTheme, theme, toggleTheme } from './theme.ts';
import { Timeline } from './timeline.tsx';

export function Page() {
  const { moment, silent } = useKnown();
  return (
    <>
      <Head />
      {silent !== undefined && (
        <p class="silent" role="alert">
          {silent}
        </p>
      )}
      <main aria-busy={moment === undefined}>
        <Figures />
        <Timeline />
        <Charts />
        <Peers />
        <div class="columns">
          <Slowest />
          <Reasons />
          <Doctor />
        </div>
      </main>
    </>
  );
}

function Head() {
  const { moment, silent } = useKnown();
  const [current, setCurrent] = useState(theme());
  useEffect(() => onTheme(() => setCurrent(theme())), []);
  const state = silent !== undefined ? 'silent' : moment === undefined ? 'connecting' : 'live';
  return (
    <header>
      <img src="icon.svg" alt="" width="28" height="28" />
      <h1>buildswarm</h1>
      {moment !== undefined && <span class="machine">{moment.status.self.name}</span>}
      <span class={`state state-${state}`}>{state}</span>
      <button type="button" class="quiet" onClick={toggleTheme}>
        {current === 'dark' ? 'Light' : 'Dark'}
      </button>
    </header>
  );
}

function Figures() {
  const { moment } = useKnown();
  if (moment === undefined) return <section class="figures" aria-label="Figures" />;
  const { sample, build, gain, advisedJobs, status } = moment;
  const here = build.here.reduce((total, { count }) => total + count, 0);
  const figures: readonly (readonly [label: string, value: string, note: string])[] = [
    ['Jobs a second', rateText(sample.jobsPerSecond), `${status.jobs.done} since the start`],
    ['Slots used', String(sample.slotsUsed), `of ${sample.slots}; build with -j${advisedJobs}`],
    ['Queue', String(sample.queued), `${status.jobs.running} running`],
    [
      'This build',
      String(build.jobs),
      build.jobs === 0 ? 'no job so far' : `${build.elsewhere} elsewhere, ${here} here`,
    ],
    [
      'Gain',
      gain === undefined ? '–' : `${gain.toFixed(1)}×`,
      gain === undefined ? 'no build so far' : 'jobs at once, against own slots',
    ],
    ['Retries', String(status.jobs.retried), `${status.jobs.failed} jobs failed`],
  ];
  return (
    <section class="figures" aria-label="Figures">
      {figures.map(([label, value, note]) => (
        <div class="figure" key={label}>
          <span class="label">{label}</span>
          <span class="value">{value}</span>
          <span class="note">{note}</span>
        </div>
      ))}
    </section>
  );
}
