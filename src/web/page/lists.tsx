/** What is read rather than looked at: slow files, reasons with cures, and what the doctor found. */
import type { Build } from '../../wire/cli-messages.ts';
import type { Run } from '../messages.ts';
import { durationText, timeOfDay } from '../words.ts';
import { useKnown } from './store.ts';

const listed = 10;

export function Slowest() {
  const { moment, rows } = useKnown();
  const sinceMs = moment?.build.startedAtMs ?? 0;
  const nowMs = Date.now();
  const took = ({ fromMs, toMs = nowMs }: Run): number => toMs - fromMs;
  const names = new Map(
    [moment?.status.self, ...(moment?.status.peers ?? [])].flatMap((peer) =>
      peer === undefined ? [] : [[peer.id, peer.name] as const],
    ),
  );
  const slowest = longestOf(
    rows
      .runs()
      .filter(({ fromMs, outcome, job }) => fromMs >= sinceMs && outcome !== 'lost' && job !== undefined),
    took,
  );
  const [longest] = slowest;
  return (
    <section aria-labelledby="slowest">
      <h2 id="slowest">Slowest files of this build</h2>
      {longest === undefined ? (
        <p class="empty">No job has run so far.</p>
      ) : (
        <ol class="slowest">
          {slowest.map((run) => (
            <li key={run.key}>
              <span class="title" title={`${run.cwd}\n${run.command}`}>
                {run.title}
              </span>
              <span class="where">{names.get(run.peer) ?? 'gone'}</span>
              <span class="took">{durationText(took(run))}</span>
              <meter min={0} max={Math.max(1, took(longest))} value={took(run)} aria-label="time" />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** The first of all in the order of their lengths, without sorting all. */
function longestOf(runs: readonly Run[], took: (run: Run) => number): Run[] {
  const found: Run[] = [];
  for (const run of runs) {
    const last = found[listed - 1];
    if (last !== undefined && took(run) <= took(last)) continue;
    const place = found.findIndex((one) => took(one) < took(run));
    found.splice(place < 0 ? found.length : place, 0, run);
    if (found.length > listed) found.pop();
  }
  return found;
}

export function Reasons() {
  const build = useKnown().moment?.build;
  return (
    <section aria-labelledby="reasons">
      <h2 id="reasons">Why jobs ran here</h2>
      {build === undefined || build.here.length === 0 ? (
        <p class="empty">
          {build === undefined || build.jobs === 0
            ? 'No job has run so far.'
            : 'No job of this build ran here.'}
        </p>
      ) : (
        <Tallies tallies={build.here} />
      )}
      {build !== undefined && build.noted.length > 0 && (
        <>
          <h3>Besides</h3>
          <Tallies tallies={build.noted} />
        </>
      )}
    </section>
  );
}

function Tallies({ tallies }: { readonly tallies: Build['here'] }) {
  return (
    <ul class="tallies">
      {tallies.map(({ reason, count, meaning, cure, job }) => (
        <li key={reason}>
          <span class="times">{count}</span>
          <div>
            <strong>{reason}</strong> {meaning}
            {cure !== undefined && <p class="cure">{cure}</p>}
            <p class="note">
              as <code>buildswarm why {job}</code>
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

const order = { fault: 0, note: 1, ok: 2 } as const;

export function Doctor() {
  const { doctor } = useKnown();
  const findings = (doctor?.findings ?? []).toSorted((a, b) => order[a.state] - order[b.state]);
  const well = findings.filter(({ state }) => state === 'ok');
  return (
    <section aria-labelledby="doctor">
      <h2 id="doctor">
        Doctor
        <button type="button" class="quiet" onClick={() => void fetch('doctor', { method: 'POST' })}>
          Check again
        </button>
      </h2>
      {doctor === undefined ? (
        <p class="empty">Looking…</p>
      ) : (
        <>
          <ul class="findings">
            {findings
              .filter(({ state }) => state !== 'ok')
              .map((finding) => (
                <Found key={`${finding.check} ${finding.text}`} {...finding} />
              ))}
          </ul>
          <details open={well.length === findings.length}>
            <summary>{well.length} checks found nothing wrong</summary>
            <ul class="findings">
              {well.map((finding) => (
                <Found key={`${finding.check} ${finding.text}`} {...finding} />
              ))}
            </ul>
          </details>
          <p class="note">looked at {timeOfDay(doctor.atMs)}</p>
        </>
      )}
    </section>
  );
}

function Found({
  check,
  state,
  text,
  cure,
}: {
  check: string;
  state: string;
  text: string;
  cure?: string | undefined;
}) {
  return (
    <li class={state}>
      <strong>{check}</strong> {text}
      {cure !== undefined && <p class="cure">{cure}</p>}
    </li>
  );
}
