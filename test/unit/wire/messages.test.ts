import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { retryCodes } from '../../../src/core/reason.ts';
import { joinNul } from '../../../src/wire/bytes.ts';
import { encodeJson, FrameError, headerBytes } from '../../../src/wire/frame.ts';
import * as messages from '../../../src/wire/messages.ts';
import { report } from '../core/schedule/report.ts';

const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value), 'utf8');

const offer = {
  job: 7,
  attempt: 1,
  cwd: '/home/u/a\u00e9b',
  umask: 0o22,
  stdin: 'null',
  stdout: 'pipe',
  stderr: 'pipe',
  merged: false,
  blocked: '0',
  ignored: 'ffffffffffffffff',
  rows: 0,
  columns: 0,
  memoryBytes: 0,
  kind: '/home/u',
  outputs: ['/home/u/a.o'],
};
const result = {
  ending: { kind: 'signaled', signal: 9, core: false },
  report: report('a'),
  maxRssBytes: 1,
  userMs: 2,
  systemMs: 3,
};

/** Each parser with something that it takes. */
const corpus: [string, (payload: Uint8Array) => unknown, unknown][] = [
  ['load report', messages.parseLoadReport, report('12D3KooW', { addresses: ['/ip4/10.0.0.1/tcp/4001'] })],
  ['HELLO', messages.parseHello, { version: '1', report: report('a'), shares: ['/home/u'] }],
  ['GOSSIP', messages.parseGossip, { reports: [report('a'), report('b')] }],
  ['FREE', messages.parseFree, { report: report('a') }],
  ['ACCEPTED', messages.parseAccepted, { report: report('a') }],
  ['REFUSED', messages.parseRefused, { code: 'busy', report: report('a'), detail: 'full' }],
  ['OFFER', messages.parseOffer, offer],
  ['RESULT', messages.parseResult, result],
];

const jobKeys = {
  version: '1',
  pid: '4242',
  cwd: '/home/u/\u00ff dir=x',
  umask: '0022',
  stdin: 'tty',
  stdout: 'pipe',
  stderr: 'pipe',
  merged: '1',
  descriptors: '0',
  blocked: '0',
  ignored: '4002',
  rows: '24',
  columns: '80',
  force: '',
};
const jobPayload = (keys: Record<string, string>) =>
  joinNul(Object.entries(keys).map(([key, value]) => `${key}=${value}`));

/** Runs a parser on anything: a value or a FrameError. */
function onlyFrameErrors(parse: (payload: Uint8Array) => unknown, payload: Uint8Array): void {
  try {
    parse(payload);
  } catch (error) {
    assert.ok(error instanceof FrameError, String(error));
    assert.ok(error.message.length < 500, 'the sentence is short, whatever came');
  }
}

for (const [name, parse, value] of corpus) {
  test(`${name} comes out as it went in, and fields that are not known are dropped`, () => {
    assert.deepEqual(parse(bytesOf(value)), value);
    assert.deepEqual(
      parse(bytesOf({ ...(value as object), later: 1, ['__proto__']: { polluted: 1 } })),
      value,
    );
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });

  test(`${name} without any one of its fields, or with another type there, is a FrameError`, () => {
    for (const key of Object.keys(value as object)) {
      if (['report', 'detail'].includes(key) && name === 'REFUSED') continue;
      const rest: Record<string, unknown> = { ...(value as object) };
      delete rest[key];
      assert.throws(() => parse(bytesOf(rest)), FrameError, key);
      assert.throws(() => parse(bytesOf({ ...rest, [key]: { odd: [] } })), FrameError, key);
    }
  });
}

test('random bytes, any JSON and damaged messages end in nothing but a FrameError', () => {
  const parsers = [
    ...corpus.map(([, parse]) => parse),
    messages.parseJob,
    messages.decodeExit,
    messages.decodeRunnerExit,
  ];
  const valid = [...corpus.map(([, , value]) => bytesOf(value)), jobPayload(jobKeys)];
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat())
      .map(([bytes, flips, cut]) => {
        const copy = Buffer.from(bytes);
        for (const [at, byte] of flips) copy[at % copy.length] = byte;
        return cut % 3 === 0 ? copy.subarray(0, cut % copy.length) : copy;
      }),
  );
  fc.assert(
    fc.property(payload, fc.constantFrom(...parsers), (bytes, parse) => onlyFrameErrors(parse, bytes)),
    { numRuns: 3_000 },
  );
});

test('strings and lists have limits, and paths have no NUL and no characters beyond a byte', () => {
  const bad: unknown[] = [
    { ...offer, cwd: 'x'.repeat(4_097) },
    { ...offer, cwd: '/a\0b' },
    { ...offer, cwd: '/\u0100' },
    { ...offer, outputs: Array.from({ length: 257 }, () => '/a') },
    { ...offer, attempt: 0 },
    { ...offer, umask: 0o1000 },
    { ...offer, blocked: 'g' },
    { ...offer, job: 2 ** 53 },
  ];
  for (const value of bad)
    assert.throws(() => messages.parseOffer(bytesOf(value)), FrameError, JSON.stringify(value));
  const crowd = { reports: Array.from({ length: 257 }, () => report('a')) };
  assert.throws(() => messages.parseGossip(bytesOf(crowd)), FrameError);
  for (const ending of [
    { kind: 'exited', status: 256 },
    { kind: 'signaled', signal: 0, core: false },
  ]) {
    assert.throws(() => messages.parseResult(bytesOf({ ...result, ending })), FrameError);
  }
  for (const code of retryCodes.filter((code) => code !== 'stale-view')) {
    assert.throws(() => messages.parseRefused(bytesOf({ code })), FrameError);
  }
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
  const frame = encodeJson('GOSSIP', { reports: Array.from({ length: 256 }, () => largest) });
  assert.equal(messages.parseGossip(frame.subarray(headerBytes)).reports.length, 256);
});

test('a job of a wrapper is read with every field', () => {
  assert.deepEqual(messages.parseJob(jobPayload({ ...jobKeys, future: 'x' })), {
    version: 1,
    pid: 4242,
    cwd: '/home/u/\u00ff dir=x',
    umask: 0o22,
    stdin: 'tty',
    stdout: 'pipe',
    stderr: 'pipe',
    merged: true,
    descriptors: 0,
    blocked: '0',
    ignored: '4002',
    rows: 24,
    columns: 80,
    force: '',
  });
  assert.equal(messages.parseJob(jobPayload({ ...jobKeys, cwd: '' })).cwd, '');
});

test('a job of a wrapper that lacks a field, has one twice, or one without meaning, is a FrameError', () => {
  for (const key of Object.keys(jobKeys)) {
    const rest: Record<string, string> = { ...jobKeys };
    delete rest[key];
    assert.throws(() => messages.parseJob(jobPayload(rest)), FrameError, key);
    if (key !== 'cwd')
      assert.throws(() => messages.parseJob(jobPayload({ ...rest, [key]: 'odd' })), FrameError, key);
  }
  assert.throws(() => messages.parseJob(jobPayload({ ...jobKeys, cwd: 'relative' })), FrameError);
  assert.throws(() => messages.parseJob(jobPayload({ ...jobKeys, umask: '0999' })), FrameError);
  assert.throws(() => messages.parseJob(jobPayload({ ...jobKeys, pid: '99999999999' })), FrameError);
  assert.throws(() => messages.parseJob(joinNul(['version=1', 'version=1'])), /version twice/u);
  assert.throws(() => messages.parseJob(Buffer.from('version=1')), /cut off/u);
  assert.throws(() => messages.parseJob(joinNul(['version'])), FrameError);
});

test('ends of commands come out as they went in', () => {
  const plain = { noNullPrototype: true };
  const ending = fc.oneof(
    fc.record({ kind: fc.constant('exited' as const), status: fc.nat(255) }, plain),
    fc.record(
      {
        kind: fc.constant('signaled' as const),
        signal: fc.integer({ min: 1, max: 64 }),
        core: fc.boolean(),
      },
      plain,
    ),
  );
  const u32 = fc.nat(0x7fff_ffff);
  fc.assert(
    fc.property(ending, u32, u32, u32, u32, (ending, kib, userMs, systemMs, left) => {
      assert.deepEqual(messages.decodeExit(messages.encodeExit(ending)), ending);
      const exit = { ending, maxRssBytes: kib * 1024, userMs, systemMs, left };
      assert.deepEqual(messages.decodeRunnerExit(messages.encodeRunnerExit(exit)), exit);
    }),
  );
  for (const payload of [[], [0], [0, 1], [2, 1, 0], [1, 0, 0], [1, 65, 0], [1, 9, 2]]) {
    assert.throws(() => messages.decodeExit(Uint8Array.from(payload)), FrameError);
  }
});
