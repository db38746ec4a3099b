/** Checks of how build tools find the wrapper: is it native, is it in PATH, and do links of compilers' names lead to it. */
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Finding } from '../../wire/cli-messages.ts';
import { fault, well } from './check.ts';

const compilers = ['cc', 'c++', 'gcc', 'g++', 'clang', 'clang++'];

export interface WrapperPlace {
  /** bin/swarmrun of this package. */
  readonly wrapper: string;
  /** As in PATH. */
  readonly directories: readonly string[];
}

export function wrapperFindings(place: WrapperPlace): Finding[] {
  return [native(place), first(place), ...compilers.flatMap((name) => masquerade(name, place))];
}

function native({ wrapper }: WrapperPlace): Finding {
  return isElf(wrapper)
    ? well('wrapper', `${wrapper} is native`)
    : fault(
        'wrapper',
        `${wrapper} is not the native program, so that each job costs some 50 ms more`,
        'install gcc or clang and run `npm run build`',
      );
}

function first({ wrapper, directories }: WrapperPlace): Finding {
  const [found] = programs('swarmrun', directories);
  if (found === undefined) return fault('swarmrun', 'is not in PATH', `put ${dirname(wrapper)} into PATH`);
  if (real(found) === real(wrapper)) return well('swarmrun', `in PATH: ${found}`);
  return fault(
    'swarmrun',
    `the first in PATH is ${found}, of another installation than this buildswarm (${wrapper})`,
    `put ${dirname(wrapper)} first into PATH, or remove the other one`,
  );
}

/** Links of a compiler's name to the wrapper work only where they come first in PATH. */
function masquerade(name: string, { wrapper, directories }: WrapperPlace): Finding[] {
  const found = programs(name, directories);
  const links = found.filter((path) => real(path) === real(wrapper) || basename(real(path)) === 'swarmrun');
  const [link] = links;
  if (link === undefined) return [];
  if (found[0] === link) return [well(`masquerade ${name}`, link)];
  return [
    fault(
      `masquerade ${name}`,
      `${found[0]} comes before ${link} in PATH, so the link is never used`,
      `put ${dirname(link)} before ${dirname(found[0] ?? '')} in PATH`,
    ),
  ];
}

/** The program behind a link of a compiler's name to the wrapper. */
export function behindMasquerade({ wrapper, directories }: WrapperPlace): string | undefined {
  for (const name of compilers) {
    const found = programs(name, directories);
    if (found[0] === undefined || real(found[0]) !== real(wrapper)) continue;
    return found.find((path) => real(path) !== real(wrapper));
  }
  return undefined;
}

/** Programs of a name in PATH, in order. */
export function programs(name: string, directories: readonly string[]): string[] {
  return directories.map((directory) => join(directory, name)).filter(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not ours to run
  }
}

export function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it leads nowhere
  }
}

function isElf(path: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return false; // not there
  }
  try {
    const head = Buffer.alloc(4);
    readSync(descriptor, head, 0, 4, 0);
    return head.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(descriptor);
  }
}
