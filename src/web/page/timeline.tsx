/** The timeline with what moves it: mouse, keys, buttons; and what tells of the bar under the mouse. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Run, runKinds } from '../messages.ts';
import { durationText } from '../words.ts';
import { known, useKnown } from './store.ts';
import { onTheme } from './theme.ts';
import { TimelineControl } from './timeline-control.ts';
import type { ColourBy, Tip } from './timeline-view.ts';

const outcomes = ['elsewhere', 'here', 'failed', 'lost'] as const;
const outcomeWords: Readonly<Record<Run['outcome'], string>> = {
  running: 'running',
  elsewhere: 'done elsewhere',
  here: 'here',
  failed: 'failed',
  lost: 'started again',
};

const modeWords = { build: 'This build', live: 'Last minute' } as const;
const colourWords: Readonly<Record<ColourBy, string>> = { kind: 'By kind', outcome: 'By outcome' };

export function Timeline() {
  const { moment, rows } = useKnown();
  const scroll = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const space = useRef<HTMLDivElement>(null);
  const control = useRef<TimelineControl | undefined>(undefined);
  const [tip, setTip] = useState<Tip>();
  const [colourBy, setColourBy] = useState<ColourBy>('kind');
  const [mode, setMode] = useState<TimelineControl['mode']>('build');
  useEffect(() => {
    if (scroll.current === null || canvas.current === null || space.current === null) return undefined;
    const made = new TimelineControl(scroll.current, canvas.current, space.current, setTip, setMode);
    control.current = made;
    const endTheme = onTheme(() => made.restyle());
    return () => {
      endTheme();
      made.end();
    };
  }, []);
  useEffect(() => control.current?.update(moment), [moment]);
  const paint = (by: ColourBy) => {
    setColourBy(by);
    control.current?.colour(by);
  };
  return (
    <section class="timeline" aria-labelledby="timeline">
      <div class="bar-head">
        <h2 id="timeline">Timeline</h2>
        <Choices
          label="Show"
          names={modeWords}
          chosen={mode}
          choose={(one) => control.current?.follow(one)}
        />
        <Choices label="Colours" names={colourWords} chosen={colourBy} choose={paint} />
        <ul class="legend">
          {(colourBy === 'kind' ? runKinds : outcomes).map((name) => (
            <li key={name} class={`key-${name}`}>
              {colourBy === 'kind' ? name : outcomeWords[name as Run['outcome']]}
            </li>
          ))}
        </ul>
      </div>
      <div class="scroll" ref={scroll}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label="Jobs over time, a row a slot. Arrow keys go from job to job, plus and minus zoom, 0 shows this build, l the last minute."
        />
        <div ref={space} />
        {rows.size === 0 && (
          <p class="empty over">No job has run so far: build with swarmrun, and its jobs appear here.</p>
        )}
      </div>
      {tip !== undefined && <TipBox tip={tip} />}
    </section>
  );
}

interface ChoicesProps<Name extends string> {
  readonly label: string;
  readonly names: Readonly<Record<Name, string>>;
  readonly chosen: string;
  readonly choose: (name: Name) => void;
}

/** Buttons of which one is pressed. */
function Choices<Name extends string>({ label, names, chosen, choose }: ChoicesProps<Name>) {
  return (
    <fieldset class="switch" aria-label={label}>
      {(Object.keys(names) as Name[]).map((name) => (
        <button type="button" key={name} aria-pressed={chosen === name} onClick={() => choose(name)}>
          {names[name]}
        </button>
      ))}
    </fieldset>
  );
}

function TipBox({ tip: { run, x, y } }: { readonly tip: Tip }) {
  const { moment } = known;
  const peers = moment === undefined ? [] : [moment.status.self, ...moment.status.peers];
  const where = peers.find(({ id }) => id === run.peer)?.name ?? 'a machine that is gone';
  const meanings = new Map(
    [...(moment?.build.here ?? []), ...(moment?.build.noted ?? []), ...(moment?.status.reasons ?? [])].map(
      ({ reason, meaning }) => [reason, meaning],
    ),
  );
  const width = Math.min(360, innerWidth - 16);
  return (
    <div
      class="tip"
      role="status"
      style={{
        left: `${Math.max(8, Math.min(x + 12, innerWidth - width - 8))}px`,
        top: `${y + 18}px`,
        width: `${width}px`,
      }}
    >
      <strong>{run.title}</strong>
      <p>
        {outcomeWords[run.outcome]} on {where}
        {run.ending !== '' && run.outcome === 'failed' && ` (${run.ending})`}:{' '}
        {durationText((run.toMs ?? Date.now()) - run.fromMs)}, after {durationText(run.waitedMs)} of waiting
      </p>
      {run.reasons.map((reason) => (
        <p key={reason} class="because">
          {reason}
          {meanings.has(reason) && `: ${meanings.get(reason)}`}
        </p>
      ))}
      <p class="note">{run.command}</p>
      <p class="note">
        in {run.cwd}; job {run.job}
      </p>
    </div>
  );
}
