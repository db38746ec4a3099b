/**
 * `scripts/mutations [WORD]`: applies each of these changes (or those with WORD in their name) to a copy of this
 * checkout, and says whether `npm run test:unit`, its build included, notices. Fails if one goes unnoticed, or can no
 * longer be applied.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { copyCheckout } from '../test/rig/checkout-copy.ts';
import { type Ended, run, tell } from '../test/rig/child.ts';
import { type Mutation, mutations } from './mutation-table.ts';

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
