/**
 * `scripts/mutations [WORD]`: applies each of these changes (or those with WORD in their name) to a copy of this
 * checkout, and says whether `npm run test:unit`, its build included, notices. Fails if one goes unnoticed, or can no
 * longer be applied.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { copyCheckout } from '../test/rig/checkout-copy.ts';
import { type Ended, run, tell } from '../test/rig/child.ts';

interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** Limits of fields of OFFER: what stands before the limit, and the limit. */
const offerLimits = [
  ['refresh: v.pipe(v.array(path), ', 'maxSeen'],
  ['files: v.pipe(v.array(seenSchema), ', 'maxSeen'],
  ['fields: v.pipe(v.array(v.picklist(factFields)), ', 'factFields.length'],
  ['kind: v.pipe(byteString, ', 'maxKindBytes'],
  ['digest: v.pipe(v.string(), ', 'maxDigestLength'],
  ['cpu: v.optional(v.pipe(v.string(), ', 'maxDigestLength'],
  ['scan: v.pipe(v.array(path), ', 'maxScanned'],
  ['reopen: v.pipe(v.array(path), ', 'maxReopened'],
  ['outputs: v.pipe(v.array(path), ', 'maxOutputs'],
] as const;

const mutations: readonly Mutation[] = [
  ...offerLimits.map(([before, limit]) => ({
    name: `OFFER without the limit of ${before.split(':', 1)[0]}`,
    file: 'src/wire/job-messages.ts',
    from: `${before}v.maxLength(${limit})`,
    to: `${before}v.maxLength(Number.MAX_SAFE_INTEGER)`,
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
    from: 'maxRssBytes, userMs, systemMs, wallMs, report, ...facts',
    to: 'rssBytes: maxRssBytes, userMs, systemMs, wallMs, report, ...facts',
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
];

const timeoutMs = 300_000;
using copy = copyCheckout();

function test(): Promise<Ended> {
  return run(['npm', 'run', '--silent', 'test:unit'], { cwd: copy.root, timeoutMs });
}

/** What noticed a mutation, in words; undefined if nothing did. */
function noticedBy(ended: Ended): string | undefined {
  if (ended.status === 0) return undefined;
  const output = ended.stdout.toString();
  const error = /^.*: error TS.*$/m.exec(output)?.[0];
  if (error !== undefined) return `the build: ${error.slice(0, 120)}`;
  const failed = [...output.matchAll(/^✖ (.*) \([\d.]+ms\)$/gm)].map(([, name = '']) => name);
  if (failed.length === 0) throw new Error(`Neither the build nor a test failed, and yet: ${tell(ended)}`);
  return `${failed.length} tests, the first: ${failed[0]}`;
}

/** Applies it, tests, and takes it back. */
async function isNoticed({ name, file, from, to }: Mutation): Promise<boolean> {
  const target = path.join(copy.root, file);
  const text = readFileSync(target, 'utf8');
  if (text.split(from).length !== 2) {
    console.log(`GONE      ${name}: ${file} does not have this exactly once: ${from}`);
    return false;
  }
  writeFileSync(
    target,
    text.replace(from, () => to),
  );
  const noticed = noticedBy(await test());
  writeFileSync(target, text);
  console.log(noticed === undefined ? `SURVIVED  ${name}` : `noticed   ${name}, by ${noticed}`);
  return noticed !== undefined;
}

const unchanged = await test();
if (unchanged.status !== 0) throw new Error(`The unit tests fail without any mutation: ${tell(unchanged)}`);
const [, , word = ''] = process.argv;
const chosen = mutations.filter(({ name }) => name.includes(word));
let unnoticed = 0;
for (const mutation of chosen) if (!(await isNoticed(mutation))) unnoticed += 1;
console.log(`${chosen.length - unnoticed} of ${chosen.length} mutations were noticed`);
process.exitCode = unnoticed === 0 && chosen.length > 0 ? 0 : 1;
