import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { commitmentTo, sixDigits } from '../../../../src/pairing/six-digits.ts';
import { Pairing } from '../../../../src/peer/trust/pairing.ts';
import type { PairingState } from '../../../../src/wire/cli-messages.ts';
import { type Pair, parsePair } from '../../../../src/wire/control-messages.ts';

const keyOf = (name: string): string => Buffer.from(name.padEnd(32, '.')).toString('base64');

interface Machine {
  readonly pairing: Pairing;
  /** What its `buildswarm pair` was told. */
  readonly told: PairingState[];
  /** What it said to others. */
  readonly said: { readonly to: string; readonly pair: Pair }[];
  readonly timeOut: () => void;
  begin(wanted?: string): Promise<() => void>;
}

/** Machines that are connected with each other; what one says the other hears at once, in order. */
class Town {
  readonly #machines = new Map<string, Machine>();
  readonly #queue: (() => void)[] = [];
  #isDelivering = false;
  /** What may change on the way. */
  onTheWay = (_from: string, _to: string, pair: Pair): Pair | undefined => pair;

  add(name: string): Machine {
    const told: PairingState[] = [];
    const said: { to: string; pair: Pair }[] = [];
    let timeOut = (): void => undefined;
    const pairing = new Pairing({
      self: name,
      introduceSelf: async () => ({ name, key: keyOf(name) }),
      neighbours: () => [...this.#machines.keys()].filter((other) => other !== name),
      describe: (peer) => ({ name: peer, addresses: [`/ip4/${peer}`] }),
      send: (to, payload) => {
        const pair = parsePair(payload);
        said.push({ to, pair });
        this.say(name, to, pair);
      },
      startTimer: (_afterMs, due) => {
        timeOut = due;
        return () => {
          timeOut = () => undefined;
        };
      },
    });
    const begin = async (wanted?: string): Promise<() => void> =>
      await pairing.begin(wanted, (state) => told.push(state));
    const machine = { pairing, told, said, timeOut: () => timeOut(), begin };
    this.#machines.set(name, machine);
    return machine;
  }

  say(from: string, to: string, pair: Pair): void {
    this.#queue.push(() => {
      const heard = this.onTheWay(from, to, pair);
      if (heard !== undefined) this.#machines.get(to)?.pairing.hear(from, heard);
    });
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    this.#isDelivering = false;
  }
}

function digitsOf({ told }: Machine): string {
  const [state] = told;
  assert.equal(state?.state, 'compare');
  return state.digits;
}

const failed = ({ told }: Machine): string => {
  const last = told.at(-1);
  return last?.state === 'failed' ? last.why : '';
};

for (const [when, order] of [
  ['one after the other', ['a', 'b']],
  ['the other way round', ['b', 'a']],
] as const) {
  test(`two machines that pair ${when} show the same digits and learn each other's keys`, async () => {
    const town = new Town();
    const [a, b] = [town.add('a'), town.add('b')];
    for (const name of order) await { a, b }[name].begin();
    assert.match(digitsOf(a), /^\d{6}$/);
    assert.equal(digitsOf(a), digitsOf(b));
    assert.equal(a.pairing.confirm(digitsOf(a)), true);
    assert.deepEqual([a.told.length, b.told.length], [1, 1], 'one confirmation is not enough');
    assert.equal(b.pairing.confirm(digitsOf(b)), true);
    assert.deepEqual(a.told[1], { state: 'paired', name: 'b', key: keyOf('b'), addresses: ['/ip4/b'] });
    assert.deepEqual(b.told[1], { state: 'paired', name: 'a', key: keyOf('a'), addresses: ['/ip4/a'] });
    assert.equal(a.pairing.confirm(digitsOf(a)), false, 'it is over');
  });
}

test('a machine reveals nothing before the other has committed itself, and to no one else', async () => {
  const town = new Town();
  const [a, b, c] = [town.add('a'), town.add('b'), town.add('c')];
  await a.begin();
  assert.deepEqual(
    a.said.map(({ to, pair }) => `${pair.step} to ${to}`),
    ['commit to b', 'commit to c'],
  );
  const commitments = a.said.map(({ pair }) => (pair.step === 'commit' ? pair.commitment : ''));
  assert.equal(new Set(commitments).size, 2, 'each is shown another one');
  c.said.length = 0;
  town.say('c', 'a', { step: 'reveal', nonce: keyOf('x'), key: keyOf('c'), name: 'c' });
  await b.begin();
  assert.deepEqual(
    a.said.filter(({ pair }) => pair.step === 'reveal').map(({ to }) => to),
    ['b'],
  );
});

test('digits are confirmed that are shown, and no others', async () => {
  const town = new Town();
  const [a, b] = [town.add('a'), town.add('b')];
  assert.equal(a.pairing.confirm('123456'), false);
  await a.begin();
  await b.begin();
  const other = digitsOf(a) === '000000' ? '000001' : '000000';
  assert.equal(a.pairing.confirm(other), false);
  b.pairing.confirm(digitsOf(b));
  assert.equal(a.told.length, 1);
});

test('without both confirmations it comes to nothing, and both are told', async () => {
  for (const end of ['ended', 'late', 'gone'] as const) {
    const town = new Town();
    const [a, b] = [town.add('a'), town.add('b')];
    const endNow = await a.begin();
    await b.begin();
    b.pairing.confirm(digitsOf(b));
    if (end === 'ended') endNow();
    if (end === 'late') a.timeOut();
    if (end === 'gone') {
      town.onTheWay = () => undefined;
      b.pairing.gone('a');
      a.pairing.gone('b');
    }
    assert.match(failed(a), { ended: /ended here/, late: /within 120 s/, gone: /is gone/ }[end]);
    assert.match(failed(b), end === 'gone' ? /is gone/ : /not confirmed on the other machine/);
    assert.equal(a.pairing.confirm(digitsOf(a)), false);
  }
});

test('whoever stands between two machines makes them show different digits, whatever it reveals', async () => {
  for (let round = 0; round < 50; round += 1) {
    const town = new Town();
    const [a, b] = [town.add('a'), town.add('b')];
    // To a it is b and to b it is a, each time with a key of its own, chosen when it must be.
    const mine = (peer: string) => ({
      peer,
      key: keyOf('evil'),
      nonce: randomBytes(32).toString('base64'),
      name: peer,
    });
    const shown = { a: mine('b'), b: mine('a') };
    town.onTheWay = (_from, to, pair) => {
      const lie = shown[to as 'a' | 'b'];
      if (pair.step === 'commit') return { step: 'commit', commitment: commitmentTo(lie) };
      if (pair.step === 'reveal') return { step: 'reveal', nonce: lie.nonce, key: lie.key, name: lie.name };
      return pair;
    };
    await a.begin();
    await b.begin();
    // One in a million is the same by chance; 50 rounds would see that once in 20,000 runs.
    assert.notEqual(digitsOf(a), digitsOf(b));
  }
});

test('a machine that reveals something else than it has committed itself to is found out', async () => {
  for (const change of [{ nonce: keyOf('later') }, { key: keyOf('evil') }, { name: 'evil' }]) {
    const town = new Town();
    const [a, b] = [town.add('a'), town.add('b')];
    town.onTheWay = (from, _to, pair) =>
      from === 'b' && pair.step === 'reveal' ? { ...pair, ...change } : pair;
    await a.begin();
    await b.begin();
    assert.match(failed(a), /does not keep to what it had committed itself to/);
    assert.equal(a.pairing.confirm(b.told[0]?.state === 'compare' ? b.told[0].digits : ''), false);
  }
});

test('a machine is not paired with its own key', async () => {
  const town = new Town();
  const a = town.add('a');
  await a.begin();
  const own = { peer: 'b', key: keyOf('a'), nonce: keyOf('n'), name: 'b' };
  town.say('b', 'a', { step: 'commit', commitment: commitmentTo(own) });
  town.say('b', 'a', { step: 'reveal', nonce: own.nonce, key: own.key, name: own.name });
  assert.match(failed(a), /shows the key of this one/);
});

test('where several pair at once, a name says which; without one nobody waits in vain', async () => {
  const town = new Town();
  const [a, b, c] = [town.add('a'), town.add('b'), town.add('c')];
  await c.begin('b');
  await a.begin('b');
  await b.begin('a');
  assert.equal(digitsOf(a), digitsOf(b));
  assert.match(failed(c), /is being paired with another one/);
  await c.begin();
  assert.equal(c.told.length, 1, 'it waits for the next');
  a.pairing.confirm(digitsOf(a));
  b.pairing.confirm(digitsOf(b));
  assert.deepEqual([a.told[1]?.state, b.told[1]?.state], ['paired', 'paired']);
  await assert.doesNotReject(b.begin());
  assert.equal(b.told[2]?.state, 'compare');
});

test('one machine pairs once at a time', async () => {
  const town = new Town();
  const a = town.add('a');
  await a.begin();
  const again: PairingState[] = [];
  await a.pairing.begin(undefined, (state) => again.push(state));
  assert.deepEqual(again, [{ state: 'failed', why: 'Another `buildswarm pair` runs on this machine.' }]);
});

test('six digits depend on all that both reveal, and not on who asks', () => {
  const one = { peer: 'a', key: keyOf('a'), nonce: keyOf('n'), name: 'a' };
  const other = { peer: 'b', key: keyOf('b'), nonce: keyOf('m'), name: 'b' };
  const digits = sixDigits(one, other);
  assert.equal(sixDigits(other, one), digits);
  const changed = (['peer', 'key', 'nonce', 'name'] as const).map((field) =>
    sixDigits({ ...one, [field]: `${one[field]}x` }, other),
  );
  assert.equal(new Set([digits, ...changed]).size, 5);
});
