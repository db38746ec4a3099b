import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommitPlan, planCommit, type UpperEntry } from '../../../../src/core/tree/commit-plan.ts';

const of = (kind: UpperEntry['kind'], path: string, more: Partial<UpperEntry> = {}): UpperEntry => ({
  kind,
  path,
  opaque: false,
  sameAs: undefined,
  attributes: { mode: kind === 'special' ? 0o010644 : 0o100644, links: 1 },
  ...more,
});
const file = (path: string, sameAs?: number): UpperEntry => of('file', path, { sameAs });

function plan(entries: readonly UpperEntry[]): CommitPlan<UpperEntry> {
  const decision = planCommit(entries, ['/w', '/tmp']);
  return decision.kind === 'plan' ? decision.plan : assert.fail(JSON.stringify(decision));
}

const paths = (steps: readonly UpperEntry[]): string[] => steps.map(({ path }) => path);

test('dependency files are renamed after all objects', () => {
  assert.deepEqual(paths(plan([file('/w/a.o.d'), file('/w/a.o'), file('/w/b.d'), file('/w/b.o')]).entries), [
    '/w/a.o',
    '/w/b.o',
    '/w/a.o.d',
    '/w/b.d',
  ]);
});

test('parents are made before children and removed after them', () => {
  const { directories, removals } = plan([
    of('directory', '/w/x'),
    of('directory', '/w/x/y'),
    of('removed', '/w/old'),
    of('removed', '/w/x/inner'),
    of('removed', '/w/old2'),
  ]);
  assert.deepEqual(paths(directories), ['/w/x', '/w/x/y']);
  assert.deepEqual(paths(removals), ['/w/x/inner', '/w/old2', '/w/old']);
});

test('what lies below an emptied directory is emptied too', () => {
  const { emptied } = plan([
    of('directory', '/w/x', { opaque: true }),
    of('directory', '/w/x/y'),
    of('directory', '/w/z'),
  ]);
  assert.deepEqual([...emptied], ['/w/x', '/w/x/y']);
});

test('what no honest worker sends is told from what only this machine can do', () => {
  const malformed: readonly (readonly UpperEntry[])[] = [
    [file('/etc/passwd')],
    [file('/w')],
    [file('/ww/a')],
    [file('/tmp')],
    [file('/w/../etc/passwd')],
    [file('/w/./a')],
    [file('/w//a')],
    [file('/w/a/')],
    [file('w/a')],
    [file('/w/a\0b')],
    [file(`/w/${'x'.repeat(256)}`)],
    [file(`/w/${'x/'.repeat(2_050)}x`)],
    [file('/w/a'), file('/w/a')],
    [of('link', '/w/d'), file('/w/d/a')],
    [of('removed', '/w/d'), file('/w/d/a')],
    [file('/w/a', 0)],
    [file('/w/a', 1), file('/w/b')],
    [of('directory', '/w/a'), file('/w/b', 0)],
    [file('/w/a'), file('/w/b', 0), file('/w/c', 1)],
    [of('special', '/w/null', { attributes: { mode: 0o020666, links: 1 } })],
    [of('special', '/w/disk', { attributes: { mode: 0o060666, links: 1 } })],
  ];
  for (const entries of malformed)
    assert.equal(planCommit(entries, ['/w', '/tmp']).kind, 'malformed', JSON.stringify(entries));
  const refused: readonly UpperEntry[] = [
    file('/w/.buildswarm/peers/mine'),
    file('/w/d/.buildswarm-1-a.o'),
    of('removed', '/w/.buildswarm'),
    of('special', '/w/socket', { attributes: { mode: 0o140755, links: 1 } }),
    of('link', '/w/link', { attributes: { mode: 0o120777, links: 2 } }),
    of('file', '/w/su', { attributes: { mode: 0o104755, links: 1 } }),
    of('file', '/w/sg', { attributes: { mode: 0o102755, links: 1 } }),
  ];
  for (const entry of refused) {
    const decision = planCommit([entry], ['/w']);
    assert.equal(decision.kind, 'refused', entry.path);
    assert.equal(decision.kind === 'refused' && decision.path, entry.path);
  }
  for (const path of ['/w/a', '/tmp/a', `/w/${'x'.repeat(255)}`])
    assert.equal(planCommit([file(path)], ['/w', '/tmp']).kind, 'plan');
  assert.equal(
    planCommit([file('/.buildswarm/x/a')], ['/.buildswarm/x']).kind,
    'plan',
    'the area is not asked',
  );
});
