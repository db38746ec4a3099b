/** The timeline with what moves it: mouse, keys, buttons; and what tells of the bar under the mouse. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Run, runKinds } from '../messages.ts';
import { TimelineRows } from '../timeline-rows.ts';
import { parseTraceFile } from '../trace-file.ts';
import { durationText } from '../words.ts';
import { known, useKnown } from './store.ts';
import { onTheme } from './theme.ts';
import { type OpenedTrace, TimelineControl } from './timeline-control.ts';
import { type ColourBy, submitterColour, type Tip } from './timeline-view.ts';

const outcomes = ['elsewhere', 'here', 'failed', 'lost'] as const;
const outcomeWords: Readonly<Record<Run['outcome'], string>> = {
  running: 'running',
  elsewhere: 'done elsewhere',
  here: 'here',
  failed: 'failed',
  lost: 'started again',
};

const modeWords = { build: 'This build', live: 'Last minute' } as const;
const colourWords: Readonly<Record<ColourBy, string>> = {
  kind: 'By kind',
  submitter: 'By submitter',
  outcome: 'By outcome',
};

export function Timeline() {
  const { moment, rows: live } = useKnown();
  const [opened, setOpened] = useState<OpenedTrace>();
  const rows = opened?.rows ?? live;
  const self = opened === undefined ? moment?.status.self.id : undefined;
  const submitters = useMemo(() => submittersOf(rows, self), [moment, opened]);
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
  useEffect(() => control.current?.update(moment, opened, submitters), [moment, opened]);
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
        <TraceButton opened={opened} open={setOpened} />
        <ul class="legend">
          {legendOf(colourBy, submitters).map(([colour, words]) => (
            <li key={words} class={`key-${colour}`}>
              {words}
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
      {tip !== undefined && <TipBox tip={tip} isOpened={opened !== undefined} />}
    </section>
  );
}

/** This machine first. */
function submittersOf(rows: TimelineRows, self: string | undefined): string[] {
  const all = new Set(self === undefined ? [] : [self]);
  for (const { submitter } of rows.runs()) all.add(submitter);
  return [...all];
}

/** What the colours mean: each with its words. */
function legendOf(by: ColourBy, submitters: readonly string[]): (readonly [colour: string, words: string])[] {
  if (by === 'kind') return runKinds.map((kind) => [kind, kind]);
  if (by === 'outcome') return outcomes.map((outcome) => [outcome, outcomeWords[outcome]]);
  return submitters.map((id, place) => [submitterColour(place), nameOf(id)]);
}

/** @param id - of a peer; in a trace that was opened it is the name of a machine already. */
function nameOf(id: string): string {
  const { moment } = known;
  const peers = moment === undefined ? [] : [moment.status.self, ...moment.status.peers];
  return peers.find((peer) => peer.id === id)?.name ?? id;
}

interface TraceButtonProps {
  readonly opened: OpenedTrace | undefined;
  readonly open: (trace: OpenedTrace | undefined) => void;
}

/** Opens what `buildswarm trace` has written, and closes it again. Nothing of it leaves the browser. */
function TraceButton({ opened, open }: TraceButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState('');
  const read = async (file: File | undefined) => {
    if (file === undefined) return;
    const trace = parseTraceFile(await file.text());
    setFault(typeof trace === 'string' ? trace : '');
    if (typeof trace === 'string') return;
    const rows = new TimelineRows(Number.POSITIVE_INFINITY);
    rows.take(trace.runs);
    open({ ...trace, name: file.name, rows });
  };
  if (opened !== undefined)
    return (
      <button type="button" class="quiet" onClick={() => open(undefined)}>
        Close {opened.name}
      </button>
    );
  return (
    <>
      <button type="button" class="quiet" onClick={() => input.current?.click()}>
        Open a trace…
      </button>
      <input
        ref={input}
        type="file"
        accept=".json,application/json"
        hidden
        onChange={({ currentTarget }) => {
          void read(currentTarget.files?.[0]);
          currentTarget.value = '';
        }}
      />
      {fault !== '' && (
        <p class="because" role="alert">
          {fault}
        </p>
      )}
    </>
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

/** @param isOpened - the bar is of a trace that was opened. */
function TipBox({ tip: { run, x, y }, isOpened }: { readonly tip: Tip; readonly isOpened: boolean }) {
  const { moment } = known;
  const name = nameOf(run.peer);
  const where = name === run.peer && !isOpened ? 'a machine that is gone' : name;
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
        in {run.cwd}; {run.job === undefined ? `for ${nameOf(run.submitter)}` : `job ${run.job}`}
      </p>
    </div>
  );
}
