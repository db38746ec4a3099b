/** A card a machine: its slots, load, memory and network. */
import type { PeerStatus } from '../../wire/cli-messages.ts';
import type { Moment } from '../messages.ts';
import { bytesText } from '../words.ts';
import { known, useKnown } from './store.ts';

export function Peers() {
  const { moment } = useKnown();
  if (moment === undefined) return null;
  const { self, peers } = moment.status;
  return (
    <section aria-labelledby="peers">
      <h2 id="peers">
        Machines <span class="count">{peers.length + 1}</span>
      </h2>
      <div class="cards">
        <Card peer={self} moment={moment} />
        {peers.map((peer) => (
          <Card key={peer.id} peer={peer} moment={moment} />
        ))}
      </div>
      {peers.length === 0 && (
        <p class="empty">
          No other machine is seen. Start a peer on another one with <code>buildswarm start</code>; the doctor
          below tells what may be in the way.
        </p>
      )}
    </section>
  );
}

function Card({ peer, moment }: { readonly peer: PeerStatus; readonly moment: Moment }) {
  const isSelf = peer.id === moment.status.self.id;
  const mine = runningThere(peer.id);
  const others = Math.max(0, peer.running - mine);
  return (
    <article class={`card ${peer.state}`}>
      <div class="card-head">
        <h3>{peer.name}</h3>
        <span class="tag">
          {isSelf ? 'this machine' : peer.state === 'ready' ? peer.ways.join(', ') : peer.state}
        </span>
      </div>
      <Slots slots={peer.slots} mine={mine} others={others} />
      <dl>
        <div>
          <dt>slots</dt>
          <dd>
            {peer.running}/{peer.slots}
            {peer.queued > 0 && ` +${peer.queued}`}
          </dd>
        </div>
        <div>
          <dt>load</dt>
          <dd>{peer.load.toFixed(1)}</dd>
        </div>
        <div>
          <dt>free</dt>
          <dd>{bytesText(peer.memoryFreeBytes)}</dd>
        </div>
        <div>
          <dt>{isSelf ? 'here' : 'network'}</dt>
          <dd>
            {isSelf ? `${moment.status.jobs.inline}` : `${peer.rttMs.toFixed(peer.rttMs < 10 ? 1 : 0)} ms`}
          </dd>
        </div>
      </dl>
      <p class="note">{isSelf ? hostedText(moment) : `${peer.doneForMe} for me, ${peer.doneByMe} by me`}</p>
      {peer.reasons.map((reason) => (
        <p class="because" key={reason}>
          {reason}
        </p>
      ))}
    </article>
  );
}

function hostedText({ hosted }: Moment): string {
  if (hosted.length === 0) return 'no job of another machine now';
  return hosted.map(({ submitter, jobs }) => `${jobs} for ${submitter}`).join(', ');
}

/** Own jobs that run on that machine. */
function runningThere(peer: string): number {
  let count = 0;
  for (const { bars } of known.rows.rowsOf(peer)) {
    const last = bars.at(-1)?.run;
    if (last?.outcome === 'running' && last.job !== undefined) count += 1;
  }
  return count;
}

const mostBoxes = 32;

/** A box a slot; where there are many, parts of one bar. */
function Slots({
  slots,
  mine,
  others,
}: {
  readonly slots: number;
  readonly mine: number;
  readonly others: number;
}) {
  const label = `${mine} of ${slots} slots run my jobs, ${others} those of others`;
  if (slots > mostBoxes)
    return (
      <div class="slots bar" role="img" aria-label={label}>
        <span class="mine" style={{ width: `${(100 * Math.min(mine, slots)) / slots}%` }} />
        <span class="others" style={{ width: `${(100 * Math.min(others, slots - mine)) / slots}%` }} />
      </div>
    );
  return (
    <div class="slots" role="img" aria-label={label}>
      {Array.from({ length: slots }, (_, slot) => (
        <span key={slot} class={slot < mine ? 'mine' : slot < mine + others ? 'others' : ''} />
      ))}
    </div>
  );
}
