/** Finds and starts the command that the wrapper runs itself, in the manner of execvp, with any bytes in its arguments. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, lstatSync, realpathSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { type ByteString, joinNul, toBytes, toText } from '../wire/bytes.ts';

export interface FoundProgram {
  readonly path: ByteString;
  /**
   * What it is to be told as argv[0]: the name as given, or its whole path where a stand-in was passed over. gcc looks for its
   * back ends beside the first program of its name in PATH.
   */
  readonly name: ByteString;
}

/** As execvp searches, but never a swarmrun that stands in for a compiler. */
export function findProgram(name: ByteString, environment: readonly ByteString[]): FoundProgram | undefined {
  let passedOver = name.includes('/');
  if (passedOver && !isSwarmrun(name)) return { path: name, name };
  const wanted = name.slice(name.lastIndexOf('/') + 1);
  if (wanted === '') return undefined;
  const search = environment.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? '/bin:/usr/bin';
  for (const directory of search.split(':')) {
    const path = directory === '' ? wanted : `${directory}/${wanted}`;
    if (!isExecutable(path)) continue;
    if (!isSwarmrun(path)) return { path, name: passedOver ? path : name };
    passedOver = true;
  }
  return undefined;
}

function isExecutable(path: ByteString): boolean {
  try {
    accessSync(toBytes(path), constants.X_OK);
    return statSync(toBytes(path)).isFile();
  } catch {
    return false; // not there, or not to be executed
  }
}

function isSwarmrun(path: ByteString): boolean {
  try {
    return (
      realpathSync.native(toBytes(path)) === realpathSync.native(process.argv[1] ?? '') ||
      (lstatSync(toBytes(path)).isSymbolicLink() &&
        basename(realpathSync.native(toBytes(path))) === 'swarmrun')
    );
  } catch {
    return false; // not there
  }
}

function isText(text: ByteString): boolean {
  return Buffer.from(toText(text), 'utf8').equals(toBytes(text));
}

/**
 * Starts a program with our own descriptors and environment. Node can only pass text; what is not UTF-8 goes by way of Perl, which passes bytes.
 */
export function startProgram(
  path: ByteString,
  argv: readonly ByteString[],
  environment: readonly ByteString[],
): ChildProcess {
  const [name = '', ...rest] = argv;
  if ([...argv, ...environment, path].every(isText)) {
    const env = Object.fromEntries(environment.map(variableOf));
    return spawn(toText(path), rest.map(toText), { argv0: toText(name), stdio: 'inherit', env });
  }
  // Reads `path`, then argv, then the environment from descriptor 3, and becomes the command.
  const become =
    'open my $h, "<&=3"; local $/; my ($p, $n, @s) = split /\\0/, <$h>, -1; close $h; my @a = splice @s, 0, $n; pop @s;' +
    '%ENV = map { /^([^=]*)=(.*)$/s ? ($1, $2) : () } @s; exec { $p } @a; exit 126;';
  const child = spawn('perl', ['-e', become], { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
  const pipe = child.stdio[3] as Socket;
  pipe.on('error', () => pipe.destroy()); // Perl is not there or has ended, which the child's own events tell
  pipe.end(joinNul([path, String(argv.length), ...argv, ...environment]));
  return child;
}

function variableOf(setting: ByteString): [name: string, value: string] {
  const [name = '', ...value] = toText(setting).split('=');
  return [name, value.join('=')];
}
