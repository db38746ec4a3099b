import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  askNamed,
  OtherDoctors,
  type OtherDoctorsInit,
} from '../../../../../src/peer/explain/doctor/other-doctors.ts';
import type { Finding } from '../../../../../src/wire/cli-messages.ts';
import { parseExamine, parseExamined } from '../../../../../src/wire/control-messages.ts';

const found: readonly Finding[] = [
  { check: 'memory', state: 'fault', text: '3 MiB free', cure: 'end something' },
];

/** Two that hear each other; `there` is asked. */
function pair(here: Partial<OtherDoctorsInit> = {}, there: Partial<OtherDoctorsInit> = {}) {
  const directories: string[] = [];
  const ends: Record<string, OtherDoctors> = {};
  const make = (name: string, other: string, init: Partial<OtherDoctorsInit>): void => {
    ends[name] = new OtherDoctors({
      isProven: () => true,
      isAskable: () => true,
      nameOf: (peer) => peer,
      sendQuestion: (_, payload) => ends[other]?.hear(name, { asks: parseExamine(payload) }),
      sendAnswer: (_, payload) => ends[other]?.hear(name, { answers: parseExamined(payload) }),
      examine: async (directory) => {
        directories.push(directory);
        return found;
      },
      timeoutMs: 60_000,
      ...init,
    });
  };
  make('here', 'there', here);
  make('there', 'here', there);
  return { here: ends['here'] as OtherDoctors, there: ends['there'] as OtherDoctors, directories };
}

test('a peer is asked, and what it finds comes back', async () => {
  const { here, directories } = pair();
  assert.deepEqual(await here.ask('there', '/share'), found);
  assert.deepEqual(directories, ['/share']);
});

test('for a stranger nothing is looked at, and it is told so', async () => {
  const asked = pair({}, { isProven: () => false });
  const [line] = await asked.here.ask('there', '/');
  assert.match(line?.text ?? '', /does not tell: .*do not trust each other/);
  assert.deepEqual(asked.directories, []);
  const asking = pair({ isProven: () => false, sendQuestion: () => assert.fail('said to a stranger') });
  assert.match((await asking.here.ask('there', '/'))[0]?.text ?? '', /cannot be asked: .*trust/);
});

test('a peer that would take the question for garbage is not asked', async () => {
  const { here } = pair({
    isAskable: () => false,
    sendQuestion: () => assert.fail('said to an older version'),
  });
  const [line] = await here.ask('there', '/');
  assert.match(line?.text ?? '', /of a version that cannot be asked/);
  assert.match(line?.cure ?? '', /install the same version/);
});

test('a peer that says nothing, or is lost, is told of instead', async () => {
  const silent = pair({ timeoutMs: 1 }, { sendAnswer: () => undefined });
  const late = silent.here.ask('there', '/');
  const awake = setInterval(() => undefined, 1_000); // its own timer keeps no process alive
  assert.match((await late)[0]?.text ?? '', /has not answered within 0.001 s/);
  clearInterval(awake);
  const lost = pair({}, { sendAnswer: () => undefined });
  const asked = lost.here.ask('there', '/');
  lost.here.gone('another');
  assert.equal(await Promise.race([asked, setImmediate('waits')]), 'waits');
  lost.here.gone('there');
  assert.match((await asked)[0]?.text ?? '', /was lost meanwhile/);
});

test('of a peer only its answer to what it was asked is taken, and one question at a time is answered', async () => {
  let examined = 0;
  let finish: () => void = () => undefined;
  const examine = (): Promise<readonly Finding[]> => {
    examined += 1;
    return new Promise((resolve) => {
      finish = () => resolve(found);
    });
  };
  const { here, there } = pair({}, { examine });
  const asked = here.ask('there', '/');
  const forged = {
    answers: { question: 1, findings: [{ check: 'peer', state: 'ok' as const, text: 'forged' }] },
  };
  here.hear('stranger', forged);
  here.hear('there', { answers: { ...forged.answers, question: 2 } });
  for (let again = 0; again < 100; again += 1) there.hear('here', { asks: { question: 9, directory: '/' } });
  assert.equal(examined, 1);
  finish();
  assert.deepEqual(await asked, found);
});

test('a name that no connected peer has is told with those that there are', async () => {
  const { here } = pair();
  const peer = { name: 'lab1', id: 'there' };
  const status = { self: { name: 'me' }, peers: [peer] } as unknown as Parameters<typeof askNamed>[1];
  assert.deepEqual((await askNamed(here, status, 'lab1', '/')).findings, found);
  const unknown = await askNamed(here, status, 'lab2', '/');
  assert.deepEqual(unknown.findings, [
    { check: 'peer lab2', state: 'fault', text: 'is not connected', cure: 'name one of lab1' },
  ]);
  assert.match((await askNamed(here, status, 'me', '/')).findings[0]?.text ?? '', /is this machine/);
});
