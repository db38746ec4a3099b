/**
 * What a command's environment means on this machine where it names what only one machine may have: its locale (quotes and
 * words of messages) and the name by which it calls its directory (which debug information holds). Equal answers: the
 * same to the command.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { toBytes } from '../wire/bytes.ts';

/** By rank: the first that is set and not empty counts. */
const categories = ['LC_CTYPE', 'LC_MESSAGES'] as const;
/** All that decides which locale is meant, and where it lies. */
const localeVariables = ['LC_ALL', ...categories, 'LANG', 'LANGUAGE', 'LOCPATH', 'NLSPATH'] as const;
const askTimeoutMs = 10_000;

/** Whether there is anything that another machine could take for something else. */
export function hasSurroundings(cwd: string, env: ReadonlyMap<string, string>): boolean {
  return !isPlainLocale(env) || namesOtherwise(cwd, env);
}

/** What this machine makes of it; equal on two machines if it is the same there. Never rejects. */
export async function surroundingsOf(cwd: string, env: ReadonlyMap<string, string>): Promise<string> {
  const [locale, leads] = await Promise.all([
    isPlainLocale(env) ? '' : localeOf(env),
    namesOtherwise(cwd, env) ? leadsTo(env.get('PWD') ?? '', cwd) : true,
  ]);
  return createHash('sha256').update(`${locale}\0${leads}`).digest('hex').slice(0, 32);
}

/** No locale, or those that the C library has built in. */
function isPlainLocale(env: ReadonlyMap<string, string>): boolean {
  return categories.every((category) => {
    const value = env.get('LC_ALL') || env.get(category) || env.get('LANG') || 'C';
    return /^(?:C|POSIX)$/.test(value);
  });
}

/** What the C library says of the locale: of one that is not there, that of C. */
function localeOf(env: ReadonlyMap<string, string>): Promise<string> {
  const variables = Object.fromEntries(
    localeVariables.flatMap((name) => (env.has(name) ? [[name, env.get(name)]] : [])),
  );
  return new Promise((done) => {
    const options = {
      env: { PATH: '/usr/bin:/bin', ...variables },
      timeout: askTimeoutMs,
      encoding: 'latin1',
    } as const;
    execFile('locale', ['-k', 'LC_CTYPE', 'LC_MESSAGES'], options, (_, stdout, stderr) =>
      // Where it cannot be asked, all machines that cannot are alike.
      done(`${stdout}\n${stderr}`),
    );
  });
}

/** The shell calls the directory by another name than its real one: a compiler takes that if it leads there. */
function namesOtherwise(cwd: string, env: ReadonlyMap<string, string>): boolean {
  const name = env.get('PWD');
  return name !== undefined && name.startsWith('/') && name !== cwd;
}

async function leadsTo(name: string, cwd: string): Promise<boolean> {
  try {
    const [one, other] = await Promise.all([realpath(toBytes(name)), realpath(toBytes(cwd))]);
    return one === other;
  } catch {
    return false; // what is not there does not lead anywhere
  }
}
