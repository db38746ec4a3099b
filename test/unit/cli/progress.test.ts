import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress } from '../../../src/cli/progress.ts';

test('a terminal is told what is waited for, in one line that goes away; nobody else is', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const follow = (isTTY: boolean): string[] => {
    const said: string[] = [];
    {
      using progress = new Progress('waiting for 3 jobs', {
        isTTY,
        columns: 40,
        write: (text) => said.push(text),
      });
      t.mock.timers.tick(499);
      assert.deepEqual(said, [], 'what is ready sooner needs no word');
      t.mock.timers.tick(1);
      progress.text = 'x'.repeat(99);
      t.mock.timers.tick(600);
    }
    t.mock.timers.tick(5_000);
    return said;
  };
  assert.deepEqual(follow(false), []);
  const said = follow(true);
  assert.equal((said[0] ?? '').replace(/\d+(?= s)/, '0'), '\rwaiting for 3 jobs 0 s\u001b[K');
  assert.equal(said[1], `\r${'x'.repeat(39)}\u001b[K`);
  assert.deepEqual(said.slice(2), ['\r\u001b[K']);
});
