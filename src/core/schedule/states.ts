/**
 * The states of scheduling: of a job at its submitter, of a worker as a submitter sees it, and of a job at its worker.
 * A stage changes by a row of these tables and in no other way. What another peer says and no row provides for
 * came late, and changes nothing.
 */

/** `unplaced` lasts no longer than the step that routes the job. */
export type JobStage =
  | 'unplaced'
  | 'queued'
  | 'waiting'
  | 'offered'
  | 'accepted'
  | 'started'
  | 'fenced'
  | 'inline'
  | 'over';

export type JobEvent =
  | 'queue'
  | 'bind'
  | 'run-here'
  | 'offer'
  | 'recall'
  | 'stop'
  | 'accept'
  | 'refuse'
  | 'start'
  | 'return'
  | 'finish'
  | 'disbelieve'
  | 'unprovable'
  | 'fail'
  | 'lose'
  | 'doubt'
  | 'expire'
  | 'release'
  | 'cancel';

/** `granted` lasts no longer than the step that answers. */
export type PeerStage = 'open' | 'asked' | 'closed' | 'granted' | 'suspect' | 'gone';

export type PeerEvent =
  | 'ask'
  | 'refuse'
  | 'free'
  | 'use'
  | 'rest'
  | 'room'
  | 'lapse'
  | 'silence'
  | 'word'
  | 'lose';

export type HostedStage = 'new' | 'queued' | 'running' | 'killed' | 'over';

export type HostedEvent = 'accept' | 'start' | 'return' | 'cancel' | 'end';

/** Who makes it happen. */
type Who = 'wrapper' | 'dispatcher' | 'worker' | 'connection' | 'clock' | 'runner';

/** A row: in this stage, when this happens, the next stage is that; who makes it happen, and what it means. */
export type StateRow<Stage extends string = string, Happens extends string = string> = readonly [
  stage: Stage,
  event: Happens,
  next: Stage,
  who: Who,
  what: string,
];

/** A job at its submitter. */
export const jobRows: readonly StateRow<JobStage, JobEvent>[] = [
  ['unplaced', 'queue', 'queued', 'dispatcher', 'it may run anywhere'],
  ['unplaced', 'bind', 'waiting', 'dispatcher', 'it runs here only, and needs a slot'],
  ['unplaced', 'run-here', 'inline', 'dispatcher', 'it runs here only, and needs no slot'],
  ['unplaced', 'offer', 'offered', 'dispatcher', 'it is nested, and a slot is free elsewhere'],
  ['queued', 'offer', 'offered', 'dispatcher', 'a worker is expected to have room'],
  ['queued', 'run-here', 'inline', 'dispatcher', 'no slot is free elsewhere, and one is here'],
  ['queued', 'stop', 'unplaced', 'dispatcher', 'this peer stops: it runs here only'],
  ['queued', 'cancel', 'over', 'wrapper', 'nobody wants it any more'],
  ['waiting', 'run-here', 'inline', 'dispatcher', 'a slot is free here'],
  ['waiting', 'cancel', 'over', 'wrapper', 'nobody wants it any more'],
  ['offered', 'accept', 'accepted', 'worker', 'it has a place there'],
  ['offered', 'refuse', 'unplaced', 'worker', 'not there, or not now'],
  ['offered', 'unprovable', 'unplaced', 'dispatcher', 'its view can be proven nowhere: it runs here only'],
  ['offered', 'fail', 'unplaced', 'worker', 'the offer came to nothing'],
  ['offered', 'lose', 'unplaced', 'connection', 'no word for too long, and it can be started twice'],
  ['offered', 'doubt', 'fenced', 'connection', 'no word for too long, and it may write in place'],
  ['offered', 'cancel', 'over', 'wrapper', 'nobody wants it any more'],
  ['accepted', 'start', 'started', 'worker', 'its command runs'],
  ['accepted', 'recall', 'accepted', 'dispatcher', 'a slot is idle elsewhere: it is asked back'],
  ['accepted', 'return', 'unplaced', 'worker', 'it had not started and is given back'],
  ['accepted', 'fail', 'unplaced', 'worker', 'its command could not be started'],
  ['accepted', 'unprovable', 'unplaced', 'dispatcher', 'its command may not be started: it fails here too'],
  ['accepted', 'lose', 'unplaced', 'connection', 'the worker is lost, and it can be started twice'],
  ['accepted', 'doubt', 'fenced', 'connection', 'the worker is lost, and it may write in place'],
  ['accepted', 'cancel', 'over', 'wrapper', 'nobody wants it any more'],
  ['started', 'finish', 'over', 'worker', 'its result is the result of the job'],
  [
    'started',
    'disbelieve',
    'unplaced',
    'dispatcher',
    'it failed and its view is not proven: it runs here only',
  ],
  ['started', 'unprovable', 'unplaced', 'dispatcher', 'no result can be proven: it runs here only'],
  [
    'started',
    'refuse',
    'unplaced',
    'dispatcher',
    'the worker turned out to be another machine than it has to be',
  ],
  ['started', 'fail', 'unplaced', 'worker', 'it came to nothing: another attempt'],
  ['started', 'lose', 'unplaced', 'connection', 'the worker is lost, and it can be started twice'],
  ['started', 'doubt', 'fenced', 'connection', 'the worker is lost, and it may write in place'],
  ['started', 'cancel', 'over', 'wrapper', 'nobody wants it any more'],
  ['fenced', 'expire', 'unplaced', 'clock', 'its lease is over: it writes no more'],
  ['fenced', 'finish', 'over', 'worker', 'its result had come before the worker was lost'],
  ['fenced', 'disbelieve', 'unplaced', 'dispatcher', 'as above, and it failed unproven'],
  ['fenced', 'unprovable', 'unplaced', 'dispatcher', 'as above, and no result can be proven'],
  ['fenced', 'refuse', 'unplaced', 'dispatcher', 'as above, and it was another machine'],
  ['fenced', 'fail', 'unplaced', 'worker', 'as above, and it came to nothing'],
  ['fenced', 'cancel', 'over', 'wrapper', 'nobody wants it any more'],
  ['inline', 'release', 'over', 'wrapper', 'its command has ended here, or its wrapper is gone'],
];

/** A worker, as a submitter sees it. */
export const peerRows: readonly StateRow<PeerStage, PeerEvent>[] = [
  [
    'open',
    'ask',
    'asked',
    'dispatcher',
    'full by its report, and jobs wait: it shall say when a slot falls free',
  ],
  ['open', 'refuse', 'closed', 'worker', 'it is full after all'],
  ['open', 'free', 'granted', 'worker', 'a slot is kept for us'],
  ['open', 'silence', 'suspect', 'connection', 'nothing new goes there'],
  ['open', 'lose', 'gone', 'connection', 'it is no neighbour any more'],
  ['asked', 'refuse', 'closed', 'worker', 'it is full after all'],
  ['asked', 'free', 'granted', 'worker', 'a slot is kept for us'],
  ['asked', 'lapse', 'open', 'clock', 'it has said nothing for long: it may be asked again'],
  ['asked', 'silence', 'suspect', 'connection', 'nothing new goes there'],
  ['asked', 'lose', 'gone', 'connection', 'it is no neighbour any more'],
  ['closed', 'ask', 'closed', 'dispatcher', 'it hears how many jobs wait'],
  ['closed', 'refuse', 'closed', 'worker', 'another offer came too late as well'],
  ['closed', 'free', 'granted', 'worker', 'a slot is kept for us'],
  ['closed', 'room', 'asked', 'worker', 'a newer report shows room'],
  ['closed', 'rest', 'open', 'dispatcher', 'the slot that was kept is used, and no job waits'],
  ['closed', 'lapse', 'open', 'clock', 'a refusal has an end'],
  ['closed', 'silence', 'suspect', 'connection', 'nothing new goes there'],
  ['closed', 'lose', 'gone', 'connection', 'it is no neighbour any more'],
  [
    'granted',
    'use',
    'closed',
    'dispatcher',
    'a job goes there; whether there is room for more, its answer shows',
  ],
  ['granted', 'rest', 'open', 'dispatcher', 'no job that fits waits: the slot is anybody’s'],
  ['suspect', 'word', 'open', 'connection', 'it is heard again'],
  ['suspect', 'lose', 'gone', 'connection', 'it is no neighbour any more'],
];

/** A job at its worker. */
export const hostedRows: readonly StateRow<HostedStage, HostedEvent>[] = [
  ['new', 'accept', 'queued', 'worker', 'it has a place'],
  ['queued', 'start', 'running', 'worker', 'a slot is free for it'],
  ['queued', 'return', 'over', 'worker', 'it was called back, or this worker leaves'],
  ['queued', 'cancel', 'over', 'connection', 'its submitter wants it no more, or is lost'],
  ['running', 'cancel', 'killed', 'connection', 'its submitter wants it no more, or is lost'],
  ['running', 'end', 'over', 'runner', 'its process tree is gone'],
  ['killed', 'end', 'over', 'runner', 'its process tree is gone'],
];

/** The rows of one table, to be found by stage and event. */
export class StateTable<Stage extends string, Happens extends string> {
  readonly #rows = new Map<string, StateRow<Stage, Happens>>();

  constructor(rows: readonly StateRow<Stage, Happens>[]) {
    for (const row of rows) this.#rows.set(`${row[0]} ${row[1]}`, row);
  }

  /** Undefined: this cannot happen, or came late. */
  find(stage: Stage, event: Happens): StateRow<Stage, Happens> | undefined {
    return this.#rows.get(`${stage} ${event}`);
  }

  /** @throws Error if there is none: a decision of this machine itself must have a row. */
  row(stage: Stage, event: Happens): StateRow<Stage, Happens> {
    const row = this.find(stage, event);
    if (row === undefined) throw new Error(`internal: no row for what is ${stage} and is to ${event}`);
    return row;
  }
}

export const jobTable = new StateTable(jobRows);
export const peerTable = new StateTable(peerRows);
export const hostedTable = new StateTable(hostedRows);
