/** Every message that is said by one end and understood by the other, each with its encoder and its parser. */
import * as fc from 'fast-check';
import type { Ending } from '../../../src/core/schedule/contract.ts';
import * as cli from '../../../src/wire/cli-messages.ts';
import * as control from '../../../src/wire/control-messages.ts';
import { FrameError, type FrameName } from '../../../src/wire/frame.ts';
import * as job from '../../../src/wire/job-messages.ts';
import * as runner from '../../../src/wire/runner-messages.ts';
import * as tree from '../../../src/wire/tree-messages.ts';
import * as stream from '../../../src/wire/tree-stream-messages.ts';
import * as wrapper from '../../../src/wire/wrapper-messages.ts';
import * as written from '../../../src/wire/written-messages.ts';

type Parse = (payload: Uint8Array) => unknown;

export interface Message {
  readonly frame: FrameName;
  /** Its table on docs/PROTOCOL.md: what it may hold is said there. */
  readonly table?: string;
  /** Key=value strings, not JSON. */
  readonly pairs?: true;
  /** Values of messages that have no table. */
  readonly values?: fc.Arbitrary<unknown>;
  /** Absent: a C program parses it. */
  readonly parse?: Parse;
  /** Absent: a C program says it. */
  readonly encode?: (value: never) => Uint8Array;
}

/** A parser and its encoder, typed by the same value. */
function message<Value>(
  frame: FrameName,
  parse: (payload: Uint8Array) => Value,
  encode: (value: Value) => Uint8Array,
  said: { readonly table: string; readonly pairs?: true } | { readonly values: fc.Arbitrary<Value> },
): Message {
  return { frame, parse, encode, ...said };
}

const u32 = fc.nat(0xffff_ffff);
const u64 = fc.nat(Number.MAX_SAFE_INTEGER);
const ending: fc.Arbitrary<Ending> = fc.oneof(
  fc.record({ kind: fc.constant('exited' as const), status: fc.nat(255) }, { noNullPrototype: true }),
  fc.record(
    { kind: fc.constant('signaled' as const), signal: fc.integer({ min: 1, max: 64 }), core: fc.boolean() },
    { noNullPrototype: true },
  ),
);
const latin1 = fc.uint8Array({ maxLength: 256 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Of the peer that says it; what it says must be of itself. */
function parseOwnHello(payload: Uint8Array): control.Hello {
  const id = /"id":"([^"]*)"/u.exec(Buffer.from(payload).toString('utf8'))?.[1] ?? '';
  const { hello } = control.parseHello(payload, id);
  if (hello === undefined) throw new FrameError('of another protocol');
  return hello;
}

const peer: cli.PeerStatus = {
  id: 'a',
  name: 'm1',
  addresses: ['/ip4/10.0.0.1/tcp/1'],
  slots: 4,
  running: 1,
  queued: 2,
  load: 0.5,
  memoryFreeBytes: 1,
  ageMs: 1,
  rttMs: 0.25,
  state: 'suspect',
  reasons: ['busy'],
  ways: ['served'],
  doneForMe: 2,
  doneByMe: 3,
};
const status: cli.Status = {
  version: '0.1.0',
  self: peer,
  peers: [peer],
  jobs: { running: 1, queued: 2, done: 3, remote: 4, inline: 5, failed: 6, retried: 7 },
  reasons: [{ reason: 'busy', count: 2, meaning: 'all is taken' }],
  warnings: ['no multicast'],
};
const explanation: cli.Explanation = {
  job: 1,
  command: 'g++',
  cwd: '/',
  place: 'inline',
  ending: 'exited 0',
  reasons: [{ reason: 'busy', meaning: 'all is taken', peer: 'a' }],
  details: ['all are busy'],
  startedAtMs: 1_700_000_000_000,
  outputs: ['/share/a.o'],
  steps: [
    { atMs: 0.1, kind: 'read', text: 'it may travel' },
    {
      atMs: 1,
      kind: 'offered',
      text: 'goes to a',
      peer: 'a',
      considered: [
        { peer: 'a', wait: 0.5 },
        { peer: 'b', wait: 1, because: 'busy' },
      ],
    },
  ],
};
const tally = { reason: 'busy', count: 2, meaning: 'all is taken', cure: 'wait', job: 7 };

function reply<Op extends Exclude<Parameters<typeof cli.encodeReply>[0], 'error'>>(
  op: Op,
  value: cli.Reply<Op>,
): Message {
  return message<cli.Reply<Op> | cli.Reply<'error'>>(
    'REPLY',
    (payload) => cli.parseReply(op, payload),
    (said) => ('error' in said ? cli.encodeReply('error', said) : cli.encodeReply(op, said)),
    { values: fc.constantFrom(value, { error: 'Start it anew.' }) },
  );
}

export const messages: readonly Message[] = [
  message('JOB', wrapper.parseWrapperJob, wrapper.encodeWrapperJob, {
    table: 'JOB of a wrapper',
    pairs: true,
  }),
  message('INLINE', wrapper.parseInline, wrapper.encodeInline, { values: latin1 }),
  message('SIGNAL', wrapper.parseSignal, wrapper.encodeSignal, {
    values: fc.record(
      { number: fc.integer({ min: 1, max: 64 }), toGroup: fc.boolean() },
      { noNullPrototype: true },
    ),
  }),
  message('STDIN_TAKEN', wrapper.parseStdinTaken, wrapper.encodeStdinTaken, { values: u64 }),
  message('EXIT', wrapper.parseExit, wrapper.encodeExit, { values: ending }),
  { frame: 'ARGV', parse: (payload) => wrapper.parseStrings('ARGV', payload) },
  { frame: 'ENV', parse: (payload) => wrapper.parseStrings('ENV', payload) },

  message<cli.Request | undefined>(
    'REQUEST',
    cli.parseRequest,
    (request) => (request === undefined ? Buffer.from('{"op":"brew"}') : cli.encodeRequest(request)),
    {
      values: fc.constantFrom<(cli.Request | undefined)[]>(
        { op: 'status' },
        { op: 'stop', now: true },
        { op: 'why' },
        { op: 'why', job: 7 },
        { op: 'why', path: '/share/a.o', last: 3, here: true },
        { op: 'why', from: 7, last: 3 },
        { op: 'build' },
        { op: 'doctor', directory: '/share' },
        { op: 'doctor', directory: '/share', peer: 'lab1' },
        { op: 'metrics' },
        { op: 'known' },
        { op: 'pair' },
        { op: 'pair', name: 'lab1' },
        { op: 'pair-confirm', digits: '123456' },
        undefined,
      ),
    },
  ),
  reply('status', status),
  reply('stop', { waiting: 3 }),
  reply('why', { jobs: [explanation] }),
  reply('build', {
    firstJob: 3,
    startedAtMs: 1_700_000_000_000,
    jobs: 9,
    elsewhere: 5,
    unfinished: 1,
    here: [tally],
    noted: [tally],
  }),
  reply('metrics', { text: 'buildswarm_jobs 1\n' }),
  reply('doctor', {
    findings: [
      { check: 'peer', state: 'ok', text: 'runs' },
      { check: 'share', state: 'fault', text: 'none', cure: 'make one' },
    ],
    shares: ['/share'],
  }),
  reply('known', {
    machines: [
      { name: 'lab1', peer: 'a', addresses: ['/ip4/10.0.0.1/tcp/1'] },
      { name: 'lab2', addresses: [] },
    ],
    faults: ['peers must be 0700'],
  }),

  reply('pair', { state: 'compare', digits: '123456', name: 'lab1' }),
  reply('pair', {
    state: 'paired',
    name: 'lab1',
    key: `${'A'.repeat(43)}=`,
    addresses: ['/ip4/10.0.0.1/tcp/1'],
  }),
  reply('pair', { state: 'failed', why: 'nobody came' }),
  reply('pair-confirm', { taken: true }),

  { frame: 'JOB', encode: runner.encodeRunnerJob },
  { frame: 'SPAWN_FAILED', parse: runner.parseSpawnFailed },
  { frame: 'STARTED', parse: runner.parseStarted },
  { frame: 'EXIT', parse: runner.parseRunnerExit },

  message('HELLO', parseOwnHello, control.encodeHello, { table: 'HELLO' }),
  message('BEAT', control.parseBeat, control.encodeBeat, { values: u64 }),
  message('BEAT_ACK', control.parseBeatAck, control.encodeBeatAck, { values: u64 }),
  message('GOSSIP', control.parseGossip, control.encodeGossip, { table: 'GOSSIP' }),
  message('WANT', control.parseWant, control.encodeWant, { values: u32 }),
  message('FREE', control.parseFree, control.encodeFree, { table: 'FREE' }),
  message('KNOWN', control.parseKnown, control.encodeKnown, { table: 'KNOWN' }),
  message('PAIR', control.parsePair, control.encodePair, { table: 'PAIR, first' }),
  message('PAIR', control.parsePair, control.encodePair, { table: 'PAIR, second' }),
  message('PAIR', control.parsePair, control.encodePair, { table: 'PAIR, last' }),
  message('EXAMINE', control.parseExamine, control.encodeExamine, { table: 'EXAMINE' }),
  message('EXAMINED', control.parseExamined, control.encodeExamined, { table: 'EXAMINED' }),
  message('SHARES', control.parseShares, control.encodeShares, { table: 'SHARES' }),

  message('OFFER', job.parseOffer, job.encodeOffer, { table: 'OFFER' }),
  message('ACCEPTED', job.parseAccepted, job.encodeAccepted, { table: 'ACCEPTED' }),
  message('REFUSED', job.parseRefused, job.encodeRefused, { table: 'REFUSED' }),
  message('RESULT', job.parseResult, job.encodeResult, { table: 'RESULT of a command that ended' }),
  message('RESULT', job.parseResult, job.encodeResult, {
    table: 'RESULT of a command that could not be started',
  }),
  message('CREDIT', job.parseCredit, job.encodeCredit, { values: u32 }),
  message('FETCH', job.parseFetch, job.encodeFetch, { table: 'FETCH' }),
  message('ACK', job.parseAck, job.encodeAck, { table: 'ACK before the bytes' }),
  message('ACK', job.parseAck, job.encodeAck, { table: 'ACK after the bytes' }),
  message('WRITTEN', written.parseWritten, written.encodeWritten, { table: 'WRITTEN' }),

  message('TREE_OPEN', stream.parseTreeOpen, stream.encodeTreeOpen, { table: 'TREE_OPEN' }),
  message('TREE_OPENED', stream.parseTreeOpened, stream.encodeTreeOpened, { table: 'TREE_OPENED: mounted' }),
  message('TREE_OPENED', stream.parseTreeOpened, stream.encodeTreeOpened, { table: 'TREE_OPENED: refused' }),
  ...(['TREE_LIST', 'TREE_LOOK', 'TREE_READ'] as const).map(
    (frame): Message => ({ frame, parse: (payload) => stream.parseTreeRequest(frame, payload) }),
  ),

  // The other end of each is a helper in C; see test/integration/tree-garbage.test.ts.
  { frame: 'TREE_START', encode: tree.encodeTreeStart },
  { frame: 'TREE_READY', parse: tree.parseTreeReady },
  { frame: 'TREE_BARRIER', encode: tree.encodeTreeBarrier },
  { frame: 'TREE_COMPARE', encode: tree.encodeTreeCompare },
  { frame: 'TREE_FORGET', encode: tree.encodeTreeForget },
  { frame: 'TREE_STATUS', encode: tree.encodeTreeStatus },
  { frame: 'TREE_LOOKS', encode: tree.encodeTreeLooks },
  { frame: 'TREE_LOOKED', parse: tree.parseTreeLooked },
  message('TREE_FAILED', tree.parseTreeFailed, tree.encodeTreeFailed, {
    values: fc.record({ id: u32, errno: u32 }, { noNullPrototype: true }),
  }),
  { frame: 'TREE_STORE', encode: tree.encodeTreeStore },
  { frame: 'TREE_DISCARD', encode: tree.encodeTreeDiscard },
  { frame: 'TREE_MANIFEST', parse: tree.parseTreeManifestHead },
  { frame: 'TREE_CHANGES', parse: tree.parseTreeChanges },
  { frame: 'TREE_APPLIED', parse: tree.parseTreeApplied },
  { frame: 'TREE_FAULT', parse: tree.parseTreeFault },
  { frame: 'TREE_DONE', parse: tree.parseTreeDone },
  { frame: 'TREE_FIGURES', parse: tree.parseTreeFigures },
  { frame: 'TREE_AHEAD', encode: (asks) => Buffer.concat(tree.encodeTreeAhead(asks)) },
];

/** Frames that are passed on as they are, or say all by their type. */
export const withoutMessage: readonly FrameName[] = [
  'STDIN',
  'STDIN_END',
  'STDOUT',
  'STDERR',
  'RECALL',
  'RETURNED',
  'BLOB',
  'JOB_END',
  'BYE',
  'TREE_NOTE',
  'TREE_CONTENT',
];

/** What the files of src/wire offer to say and to understand messages, by name. */
export const offered: Readonly<Record<string, unknown>> = {
  ...cli,
  ...control,
  ...job,
  ...runner,
  ...stream,
  ...wrapper,
  ...written,
};
