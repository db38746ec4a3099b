/** Charts of the last minutes: jobs a second, slots used, queue. */
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import type { Sample } from '../messages.ts';
import { useKnown } from './store.ts';
import { colour, onTheme } from './theme.ts';

const heightPx = 120;

interface Chart {
  readonly title: string;
  readonly of: (sample: Sample) => number;
  readonly line: string;
  /** A line that the figure cannot cross. */
  readonly limit?: (sample: Sample) => number;
}

const charts: readonly Chart[] = [
  { title: 'Jobs a second', of: ({ jobsPerSecond }) => jobsPerSecond, line: 'compile' },
  {
    title: 'Slots used',
    of: ({ slotsUsed }) => slotsUsed,
    line: 'archive',
    limit: ({ slots }) => slots,
  },
  { title: 'Queue', of: ({ queued }) => queued, line: 'link' },
];

export function Charts() {
  const { samples } = useKnown();
  return (
    <div class="charts">
      {charts.map((chart) => (
        <ChartBox key={chart.title} chart={chart} samples={samples} />
      ))}
    </div>
  );
}

function ChartBox({ chart, samples }: { readonly chart: Chart; readonly samples: readonly Sample[] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  useEffect(() => {
    const box = place.current;
    if (box === null) return undefined;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new UPlot(
        optionsOf(chart, box.clientWidth),
        chart.limit === undefined ? [[], []] : [[], [], []],
        box,
      );
    };
    draw();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: box.clientWidth, height: heightPx }),
    );
    resized.observe(box);
    const endTheme = onTheme(draw);
    return () => {
      resized.disconnect();
      endTheme();
      plot.current?.destroy();
    };
  }, [chart]);
  useEffect(() => {
    plot.current?.setData([
      samples.map(({ atMs }) => atMs / 1_000),
      samples.map(chart.of),
      ...(chart.limit === undefined ? [] : [samples.map(chart.limit)]),
    ]);
  });
  const last = samples.at(-1);
  return (
    <section class="chart" aria-label={chart.title}>
      <h2>
        {chart.title}{' '}
        <span class="count">{last === undefined ? '' : Math.round(chart.of(last) * 10) / 10}</span>
      </h2>
      <div class="plot" ref={place} />
    </section>
  );
}

function optionsOf({ line, title, limit }: Chart, width: number): UPlot.Options {
  const axis = {
    stroke: colour('faint'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: heightPx,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 70,
        values: (_plot, marks) => marks.map((mark) => new Date(mark * 1_000).toTimeString().slice(0, 8)),
      },
      { ...axis, size: 36, space: 30 },
    ],
    series: [
      {},
      { label: title, stroke: colour(line), fill: `${colour(line)}33`, width: 1.5, points: { show: false } },
      ...(limit === undefined
        ? []
        : [{ label: 'limit', stroke: colour('faint'), width: 1, dash: [4, 4], points: { show: false } }]),
    ],
  };
}
