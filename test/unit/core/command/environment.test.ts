import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  staysHome,
  travellingEnvironment,
  withTerminalWidth,
} from '../../../../src/core/command/environment.ts';

describe('travellingEnvironment', () => {
  it('keeps all entries as they are and in order, whatever their names', () => {
    const entries = [
      'PATH=/bin',
      'a-b.c=1',
      'A=',
      'no equals',
      'MAKEFLAGS',
      '=x',
      '',
      'A=2',
      'B=\xff\n',
      'BASH_FUNC_f%%=() { :; }',
    ];
    assert.deepEqual(travellingEnvironment(entries), entries);
  });
  for (const { name } of staysHome)
    it(`leaves ${name} at home`, () => {
      assert.deepEqual(travellingEnvironment([`${name.replace('*', 'X')}=1`, 'A=1']), ['A=1']);
    });
  for (const entry of [
    'HOSTNAME=h',
    'TERM=xterm',
    'HOME=/home/u',
    'PWD=/share',
    'LD_LIBRARY_PATH=/x',
    'XDG_CONFIG_HOME=/x',
    'XDG_RUNTIME_DIR=/run/user/7',
    'TMUXINATOR=1',
    'DISPLAYS=2',
    'BUILDSWARM_DEBUG=1',
    'CCACHE_DIR=/share/.ccache',
    'SOURCE_DATE_EPOCH=1',
    'MAKELEVEL=1',
    'SSH',
  ])
    it(`lets ${entry} travel`, () => assert.deepEqual(travellingEnvironment([entry]), [entry]));

  const flags: readonly (readonly [before: string, after: string])[] = [
    ['', ''],
    ['k', 'k'],
    [' -j4 --jobserver-auth=3,4', ''],
    ['ks -j --jobserver-auth=fifo:/tmp/GMfifo1', 'ks'],
    ['w --jobserver-fds=3,4 -j', 'w'],
    ['rR -j8 --jobserver-auth=3,4 --no-print-directory -- V=1 X=-j9', 'rR --no-print-directory -- V=1 X=-j9'],
    [' -- A=-j4', ' -- A=-j4'],
    [' -j2 --jobserver-style=pipe -l3', ' -l3'],
    ['--jobs=3 -k', '-k'],
    ['--no-silent  two', '--no-silent  two'],
  ];
  for (const [before, after] of flags)
    it(`makes of MAKEFLAGS=${before} MAKEFLAGS=${after}`, () => {
      assert.equal(
        travellingEnvironment([`MAKEFLAGS=${before}`])[0]?.trimEnd(),
        `MAKEFLAGS=${after}`.trimEnd(),
      );
    });
  it('does so for the other variables of make, and for no others', () => {
    assert.deepEqual(travellingEnvironment(['MFLAGS=-k -j4', 'XFLAGS=-k -j4']), [
      'MFLAGS=-k',
      'XFLAGS=-k -j4',
    ]);
  });
});

it('a compiler is told how wide the terminal is, unless it has been told', () => {
  assert.deepEqual(withTerminalWidth(['A=1'], 80), ['A=1', 'COLUMNS=80']);
  assert.deepEqual(withTerminalWidth(['COLUMNS=70', 'A=1'], 80), ['COLUMNS=70', 'A=1']);
  assert.deepEqual(withTerminalWidth(['A=1'], 0), ['A=1']);
});
