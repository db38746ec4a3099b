/** When the clock of a share is compared again, and which comparison is believed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk } from '../../../src/share/disk.ts';
import { ShareClock } from '../../../src/share/share-clock.ts';

/** A share whose clock is so far ahead, and looks at it that take so long. */
class Share {
  aheadMs = 5_000;
  lookMs = 1;
  nowMs = 0;
  looks = 0;
  readonly clock: ShareClock;

  constructor() {
    const run = async (): Promise<number> => {
      this.looks += 1;
      this.nowMs += this.lookMs / 2;
      const shareMs = this.nowMs + this.aheadMs;
      this.nowMs += this.lookMs / 2;
      return shareMs;
    };
    const disk = { run } as unknown as Pick<Disk, 'run'>;
    this.clock = new ShareClock({ disk, root: '/share', now: () => this.nowMs, believedMs: 60_000 });
  }

  /** @returns what is known after some time, and whether it was compared for that. */
  async after(ms: number) {
    this.nowMs += ms;
    const before = this.looks;
    const { aheadMs, uncertaintyMs } = await this.clock.lead();
    return { aheadMs, uncertaintyMs, compared: this.looks > before };
  }
}

test('a good comparison is believed for long, and made once for all who ask at a time', async () => {
  const share = new Share();
  const leads = await Promise.all([share.clock.lead(), share.clock.lead()]);
  assert.deepEqual([leads[0] === leads[1], share.looks], [true, 1]);
  assert.deepEqual(await share.after(59_000), { aheadMs: 5_000, uncertaintyMs: 0.5, compared: false });
  assert.equal((await share.after(2_000)).compared, true);
});

test('one that went badly is made again soon, then ever later', async () => {
  const share = new Share();
  share.lookMs = 100;
  assert.equal((await share.after(0)).uncertaintyMs, 50);
  const compared: number[] = [];
  for (let s = 1; s <= 40; s += 1) if ((await share.after(1_000)).compared) compared.push(s);
  assert.deepEqual(compared, [1, 3, 7, 15, 31]);
  share.lookMs = 1;
  assert.equal((await share.after(60_000)).uncertaintyMs, 0.5);
  share.lookMs = 100;
  assert.equal((await share.after(61_000)).compared, true, 'it is not believed for ever');
  assert.equal((await share.after(1_000)).compared, true, 'soon again');
});

test('the best of late is believed, unless another one tells of something else', async () => {
  const share = new Share();
  share.lookMs = 20;
  await share.after(0);
  share.lookMs = 100;
  share.aheadMs = 5_030;
  assert.deepEqual(await share.after(1_000), { aheadMs: 5_000, uncertaintyMs: 10, compared: true });
  share.aheadMs = 4_000;
  assert.deepEqual(await share.after(2_000), { aheadMs: 4_000, uncertaintyMs: 50, compared: true });
});

test('a clock that was seen to be set is compared anew, but not twice in a moment', async () => {
  const share = new Share();
  await share.after(0);
  share.clock.doubt();
  assert.equal((await share.after(500)).compared, false);
  share.lookMs = 100;
  share.clock.doubt();
  assert.deepEqual(await share.after(600), { aheadMs: 5_000, uncertaintyMs: 50, compared: true });
});
