import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { absent } from '../../../src/core/fact.ts';
import { joinNul, splitNul } from '../../../src/wire/bytes.ts';
import { encodeShares, parseGossip, parseShares } from '../../../src/wire/control-messages.ts';
import { encodeFrame, FrameError, frameTypes } from '../../../src/wire/frame.ts';
import {
  encodeRefused,
  encodeResult,
  type JobEnd,
  parseRefused,
  parseResult,
} from '../../../src/wire/job-messages.ts';
import { encodeRunnerJob, parseRunnerExit } from '../../../src/wire/runner-messages.ts';
import { encodePairs } from '../../../src/wire/schema.ts';
import { parseWrapperJob } from '../../../src/wire/wrapper-messages.ts';
import { roundsOf } from '../../rig/effort.ts';
import { report } from '../../rig/load-report.ts';
import { arbitraryOf, type Field, jsonOf, tables, withField } from './protocol-page.ts';
import { type Message, messages, offered, withoutMessage } from './registry.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const bytesOf = (value: unknown) => Buffer.from(jsonOf(value) ?? '', 'utf8');

/** The payload that has this on it. */
function payloadOf({ pairs }: Message, held: object): Uint8Array {
  return pairs ? encodePairs(held as Record<string, string>) : bytesOf(held);
}

const listed = messages.flatMap((message) => {
  const fields = tables.get(message.table ?? '');
  return message.table === undefined || message.parse === undefined
    ? []
    : [{ message, name: message.table, parse: message.parse, fields: fields ?? [] }];
});

function describe(value: unknown): string {
  const text = jsonOf(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}

function isTaken(parse: (payload: Uint8Array) => unknown, payload: Uint8Array): boolean {
  try {
    parse(payload);
    return true;
  } catch (error) {
    assert.ok(error instanceof FrameError, String(error));
    assert.ok(error.message.length < 500, 'the sentence is short, whatever came');
    return false;
  }
}

test('every message is in the registry, and every table of the page is the one of a message or of a part of one', () => {
  const source = readFileSync(`${root}/test/unit/wire/registry.ts`, 'utf8');
  const missing = Object.keys(offered).filter(
    (name) => /^(?:encode|parse)/.test(name) && !new RegExp(`\\.${name}\\b`).test(source),
  );
  assert.deepEqual(missing, []);
  const frames = new Set([...messages.map(({ frame }) => frame), ...withoutMessage]);
  assert.deepEqual([...frames].toSorted(), Object.keys(frameTypes).toSorted());
  const parts = [
    'load report',
    'share',
    'program',
    'view',
    'below',
    'tool',
    'read',
    'outside',
    'served',
    'fault',
    'finding',
  ];
  const named = messages.flatMap(({ table }) => (table === undefined ? [] : [table]));
  assert.deepEqual([...new Set([...parts, ...named])].toSorted(), [...tables.keys()].toSorted());
});

for (const { message, name, parse, fields } of listed) {
  test(`${name}: each field is taken at its limits and refused beyond them, as PROTOCOL says`, () => {
    assert.ok(fields.length > 0, 'the page has a table');
    for (const field of fields) {
      for (const value of field.kind.good) {
        const said = payloadOf(message, withField(fields, field.name, value));
        // The words of a failure cost more than the test.
        if (!isTaken(parse, said)) assert.fail(`${field.name} is refused: ${describe(value)}`);
      }
      // In key=value strings all is text.
      const bad = field.kind.bad.filter((value) => !message.pairs || typeof value === 'string');
      for (const value of bad) {
        const said = payloadOf(message, withField(fields, field.name, value));
        if (isTaken(parse, said)) assert.fail(`${field.name} is taken: ${describe(value)}`);
      }
      const without = payloadOf(message, withField(fields, field.name, undefined));
      assert.equal(isTaken(parse, without), field.optional, `without ${field.name}`);
    }
  });

  test(`${name}: what is not known is dropped, and nothing else`, () => {
    const whole = withField(fields, '', undefined);
    const value = parse(payloadOf(message, whole));
    assert.deepEqual(parse(payloadOf(message, { ...whole, later: 1 })), value);
    if (message.pairs) return;
    assert.deepEqual(parse(bytesOf({ ...whole, ['__proto__']: { polluted: 1 } })), value);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });
}

/** Values of a message as its parser yields them. */
function valuesOf(message: Message, fields: readonly Field[]): fc.Arbitrary<unknown> {
  const { parse, values } = message;
  return (
    values ?? arbitraryOf(fields).map((held) => parse?.(payloadOf(message, held))) // what the page allows is taken
  );
}

for (const message of messages) {
  const { frame, table = frame, parse, encode } = message;
  if (parse === undefined || encode === undefined) continue;
  test(`${table} comes out as it went in, in a frame of its type`, () => {
    fc.assert(
      fc.property(valuesOf(message, tables.get(table) ?? []), (value) => {
        const payload = encode(value as never);
        assert.deepEqual(parse(payload), value);
        encodeFrame(frame, payload as never);
      }),
      { numRuns: roundsOf({ brief: 10, full: 100 }) },
    );
  });
}

test('random bytes, any JSON and damaged messages end in nothing but a FrameError', () => {
  const parsers = messages.flatMap(({ parse }) => (parse === undefined ? [] : [parse]));
  const valid = [
    ...listed.map(({ message, fields }) => payloadOf(message, withField(fields, '', undefined))),
    ...messages.flatMap(({ encode, values }) =>
      encode === undefined || values === undefined
        ? []
        : fc.sample(values, 3).map((value) => encode(value as never)),
    ),
  ];
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat())
      .map(([bytes, flips, cut]) => {
        const copy = Buffer.from(bytes);
        for (const [at, byte] of flips) if (copy.length > 0) copy[at % copy.length] = byte;
        return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy;
      }),
  );
  fc.assert(
    fc.property(payload, fc.constantFrom(...parsers), (bytes, parse) => {
      isTaken(parse, bytes);
    }),
    { numRuns: roundsOf({ brief: 300, full: 4_000 }) },
  );
});

test('the largest reports that are taken fit a gossip frame, all 256 of them', () => {
  const largest = report('i'.repeat(128), {
    name: '\u0001'.repeat(64),
    version: 'v'.repeat(64),
    addresses: Array.from({ length: 16 }, () => 'a'.repeat(128)),
    reasons: Array.from({ length: 16 }, () => 'r'.repeat(32)),
    incarnation: Number.MAX_SAFE_INTEGER,
    sequence: Number.MAX_SAFE_INTEGER,
    memoryFreeBytes: Number.MAX_SAFE_INTEGER,
    load: 65_534.123_456_789,
    speed: 0.123_456_789_012_345_6,
    running: 65_535,
    queued: 65_535,
    slots: 4_096,
    state: 'refusing',
  });
  const payload = bytesOf({ reports: Array.from({ length: 256 }, () => largest) });
  encodeFrame('GOSSIP', payload as never);
  assert.equal(parseGossip(payload).reports.length, 256);
});

test('of many shares with long names as many are told as fit into the frame, the last ones', () => {
  const shares = Array.from({ length: 80 }, (_, n) => ({
    root: `/${'\u0001'.repeat(n === 70 ? 4_000 : 100)}${n}`,
    cacheMaxMs: 0,
    timesOnly: false,
    member: absent,
    seen: true,
  }));
  const payload = encodeShares({ shares });
  encodeFrame('SHARES', payload);
  const { shares: told } = parseShares(payload);
  assert.ok(told.length > 40 && told.length < 64);
  assert.ok(told.at(-1)?.root.endsWith('79'));
});

test('a refusal tells as much as fits into its frame', () => {
  for (const name of ['a', 'x'.repeat(120), '\x01\xff'.repeat(1_000)]) {
    const stale = Array.from({ length: 20_000 }, (_, n) => ({ path: `/s/${name}${n}`, fact: absent }));
    const payload = encodeRefused({ code: 'stale-view', detail: '\u0001'.repeat(2_000), stale });
    encodeFrame('REFUSED', payload);
    const told = parseRefused(payload).stale ?? [];
    assert.ok(told.length > 0);
    assert.deepEqual(told, stale.slice(0, told.length));
    const few = encodeRefused({ code: 'stale-view', stale: stale.slice(0, 2) });
    assert.equal(parseRefused(few).stale?.length, 2);
  }
  const identity = `build-id:${'f'.repeat(64)}`;
  for (const name of ['/usr/lib/x', '\x01\xff'.repeat(2_000)]) {
    const parts = Array.from({ length: 900 }, (_, n) => ({ path: `${name}${n}`, identity }));
    const tool = { name, description: '\u{1f600}'.repeat(900), parts };
    const payload = encodeRefused({ code: 'toolchain', detail: '\x01'.repeat(1_024), tool });
    encodeFrame('REFUSED', payload);
    const told = parseRefused(payload).tool;
    assert.equal(told?.name, name);
    assert.ok(told.parts.length > 0);
    assert.deepEqual(told.parts, parts.slice(0, told.parts.length));
  }
});

test('numbers of files that were read come out as they went in, whatever runs they make', () => {
  const { parse } = listed.find(({ name }) => name.includes('that ended')) ?? {};
  const fields = tables.get('RESULT of a command that ended') ?? [];
  const end = parse?.(bytesOf(withField(fields, '', undefined))) as JobEnd;
  const numbers = fc.uniqueArray(fc.nat(40)).map((read) => read.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(numbers, (read) => {
      const result = { ...end, read: { read, added: [] } };
      assert.deepEqual(parseResult(encodeResult(result)), result);
    }),
  );
});

test('a long word of the runner is cut to what a result may hold', () => {
  const payload = encodeResult({ kind: 'spawn-failed', detail: 'x'.repeat(4_096), report: report('a') });
  assert.equal(parseResult(payload).kind, 'spawn-failed');
});

test('a job of a wrapper that has a field twice, is cut off or is no pairs, is a FrameError', () => {
  assert.throws(() => parseWrapperJob(joinNul(['version=1', 'version=1'])), /version twice/u);
  assert.throws(() => parseWrapperJob(Buffer.from('version=1')), /cut off/u);
  assert.throws(() => parseWrapperJob(joinNul(['version'])), FrameError);
  assert.throws(() => parseWrapperJob(joinNul(Array.from({ length: 65 }, (_, n) => `k${n}=`))), FrameError);
});

test('a job for the runner has the keys that PROTOCOL lists', () => {
  const page = readFileSync(`${root}/docs/PROTOCOL.md`, 'utf8');
  const table =
    /\*\*JOB for the runner\*\*\n\n\| key \| value \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(page)?.[1] ?? '';
  const keys = table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, key = '']) => key));
  const job = encodeRunnerJob({
    cwd: '/a=b',
    root: '/',
    umask: 0o27,
    nice: 5,
    limits: 'core:0:-',
    backgroundMs: 9000,
    leaseMs: 8000,
    stdin: 'null',
    stdout: 'pty',
    stderr: 'pipe',
    merged: true,
    blocked: '0',
    ignored: '4002',
    rows: 24,
    columns: 80,
  });
  const pairs = splitNul(job, 100).map((pair) => [
    pair.slice(0, pair.indexOf('=')),
    pair.slice(pair.indexOf('=') + 1),
  ]);
  const said = new Map(pairs as [string, string][]);
  assert.deepEqual([...said.keys()].toSorted(), keys.toSorted());
  assert.deepEqual([said.get('cwd'), said.get('umask'), said.get('merged')], ['/a=b', '27', '1']);
});

test('an end of a command under the runner is read as the page lays it out', () => {
  const payload = Buffer.alloc(20);
  payload.set([1, 9, 1, 3]);
  payload.writeUInt32LE(300, 4);
  payload.writeUInt32LE(20, 8);
  payload.writeUInt32LE(30, 12);
  payload.writeUInt32LE(4, 16);
  const exit = {
    ending: { kind: 'signaled', signal: 9, core: true },
    maxRssBytes: 300 * 1024,
    userMs: 20,
    systemMs: 30,
    left: 4,
    hasLapsed: true,
  };
  assert.deepEqual(parseRunnerExit(payload), { exit, stays: true });
  payload[3] = 0;
  assert.deepEqual(parseRunnerExit(payload), { exit: { ...exit, hasLapsed: false }, stays: false });
  assert.throws(() => parseRunnerExit(payload.subarray(1)), FrameError);
});

test('numbers and endings that have no meaning are FrameErrors', () => {
  for (const { frame, parse, values } of messages) {
    if (
      parse === undefined ||
      !['WANT', 'CREDIT', 'BEAT', 'BEAT_ACK', 'STDIN_TAKEN', 'STARTED'].includes(frame)
    )
      continue;
    for (const length of [0, 3, 5, 7, 9]) assert.ok(!isTaken(parse, new Uint8Array(length)), frame);
    if (values !== undefined) assert.ok(!isTaken(parse, Buffer.alloc(8, 0xff)), frame);
  }
  const [exit] = messages.filter(({ frame }) => frame === 'EXIT');
  for (const payload of [[], [0], [0, 1], [2, 1, 0], [1, 0, 0], [1, 65, 0], [1, 9, 2]])
    assert.throws(() => exit?.parse?.(Uint8Array.from(payload)), FrameError);
  const [signal] = messages.filter(({ frame }) => frame === 'SIGNAL');
  for (const payload of [[], [0, 0], [65, 0], [9], [9, 2], [9, 0, 0]])
    assert.throws(() => signal?.parse?.(Uint8Array.from(payload)), FrameError);
});
