/** Changes that break what ships, each in one place: `scripts/mutations` shows that the unit tests notice them. */

export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** Limits of fields of OFFER: what stands before the limit, the limit, and what follows it. */
const offerLimits = [
  ['refresh: listOf(path, ', 'maxSeen', ')'],
  ['files: listOf(seenSchema, ', 'maxSeen', ')'],
  ['fields: listOf(v.picklist(factFields), ', 'factFields.length', ')'],
  ['kind: v.pipe(byteString, v.maxLength(', 'maxKindBytes', '))'],
  ['digest: v.pipe(v.string(), v.maxLength(', 'maxDigestLength', '))'],
  ['cpu: v.optional(v.pipe(v.string(), v.maxLength(', 'maxDigestLength', ')))'],
  ['scan: listOf(path, ', 'maxScanned', ')'],
  ['reopen: listOf(path, ', 'maxReopened', ')'],
  ['outputs: listOf(path, ', 'maxOutputs', ')'],
] as const;

export const mutations: readonly Mutation[] = [
  ...offerLimits.map(([before, limit, after]) => ({
    name: `OFFER without the limit of ${before.split(':', 1)[0]}`,
    file: 'src/wire/job-messages.ts',
    from: `${before}${limit}${after}`,
    to: `${before}Number.MAX_SAFE_INTEGER${after}`,
  })),
  {
    name: 'sameFact compares no field',
    file: 'src/core/view/facts.ts',
    from: 'if (!agrees(mine, theirs, field)) return false;',
    to: 'if (!agrees(mine, theirs, field)) return true;',
  },
  {
    name: 'sameFact takes a file for a directory',
    file: 'src/core/view/facts.ts',
    from: 'if (mine.kind !== theirs.kind) return false;',
    to: '',
  },
  {
    name: 'RESULT: the worker gives a field another name',
    file: 'src/peer/serve/hosted-job.ts',
    from: '        maxRssBytes,\n        userMs,',
    to: '        rssBytes: maxRssBytes,\n        userMs,',
  },
  {
    name: 'RESULT: the submitter asks for a field by another name',
    file: 'src/peer/submit/attempts.ts',
    from: 'result.maxRssBytes',
    to: 'result.rssBytes',
  },
  {
    name: 'a worker pauses twice as long between looks',
    file: 'src/core/view/worker.ts',
    from: 'untilMs: nowMs + pauseMs',
    to: 'untilMs: nowMs + 2 * pauseMs',
  },
  {
    name: 'the submitter pauses twice as long between looks for an output',
    file: 'src/core/view/outputs.ts',
    from: 'firstPauseMs * 2 ** (looks - 1)',
    to: '2 * firstPauseMs * 2 ** (looks - 1)',
  },
  {
    name: 'the table of states without the end of a lease',
    file: 'src/core/schedule/states.ts',
    from: "  ['fenced', 'expire', 'unplaced', 'clock', 'its lease is over: it writes no more'],\n",
    to: '',
  },
  {
    name: 'the table of states without a recall of an accepted job',
    file: 'src/core/schedule/states.ts',
    from: "  ['accepted', 'recall', 'accepted', 'dispatcher', 'a slot is idle elsewhere: it is asked back'],\n",
    to: '',
  },
  {
    name: 'the submitter treats an attempt that was lost as ended for certain',
    file: 'src/peer/submit/attempts.ts',
    from: "reason: 'lost-peer', confirmed: false,",
    to: "reason: 'lost-peer', confirmed: true,",
  },
  {
    name: 'the submitter keeps the output of an earlier attempt',
    file: 'src/peer/submit/submission.ts',
    from: 'this.#hasEnded = false;\n    this.#hold.restart();',
    to: 'this.#hasEnded = false;',
  },
  {
    name: 'the submitter does not end the stream of an attempt that it gives up',
    file: 'src/peer/submit/attempts.ts',
    from: "record.state = 'abandoned';\n    record.stream?.abandon();",
    to: "record.state = 'abandoned';",
  },
  {
    name: 'the worker lets a job live whose submitter wants it no more',
    file: 'src/peer/serve/job-host.ts',
    from: '    // The state machine waits for `ended`, which comes when the tree is gone.\n    job.kill();\n',
    to: '',
  },
];
