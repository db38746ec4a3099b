/** A compiler, seen from its file accesses: names searched in order through the caches of the machine that it runs on. */
import { nextRandom, type RandomState } from '../../../src/core/random.ts';
import type { NfsClient } from './client.ts';
import { join } from './server.ts';

/** Something that a source or header wants. */
export interface Include {
  readonly name: string;
  readonly quoted: boolean;
  /** `__has_include`: only asks, and reads it if it is there. */
  readonly optional?: boolean;
}

/** What one access saw: `absent`, or the number of a content. */
export interface Access {
  readonly path: string;
  readonly saw: string;
  readonly atMs: number;
}

export interface Run {
  readonly accesses: Access[];
  /** What its trace names: files that were read, and all names that were looked up. Undefined: it was not traced. */
  readonly trace: { readonly read: string[]; readonly lookedUp: string[] } | undefined;
  readonly succeeded: boolean;
}

export interface Compile {
  readonly source: string;
  readonly includeDirs: readonly string[];
  readonly byStat: boolean;
  /** What a file includes: fixed by its name, so that only the search matters. */
  readonly includes: (name: string) => readonly Include[];
  /** Headers of the machine itself, by name. */
  readonly system: ReadonlyMap<string, string>;
  /** 1: a few ms for an access. */
  readonly pace: number;
}

/** Yields how long it takes until its next access, ms. */
export function* compile(
  client: NfsClient,
  compile: Compile,
  random: RandomState,
  nowMs: () => number,
): Generator<number, Run> {
  const accesses: Access[] = [];
  const read: string[] = [];
  const lookedUp: string[] = [];
  const trace = { read, lookedUp };
  const pace = (nextRandom(random) < 0.2 ? 400 : 3) * compile.pace;
  const access = (path: string): string => {
    lookedUp.push(path);
    const saw = open(client, path, compile.byStat);
    accesses.push({ path: join('/', path), saw, atMs: nowMs() });
    return saw;
  };
  const queue: string[] = [];
  yield nextRandom(random) * pace;
  if (access(compile.source) === 'absent') return { accesses, trace, succeeded: false };
  read.push(compile.source);
  queue.push(compile.source);
  for (let at = 0; at < queue.length; at++) {
    const file = queue[at] ?? '';
    for (const include of compile.includes(file.slice(file.lastIndexOf('/') + 1))) {
      yield nextRandom(random) * pace;
      const here = include.quoted ? [file.slice(0, file.lastIndexOf('/'))] : [];
      let found: string | undefined;
      for (const directory of [...here, ...compile.includeDirs]) {
        const path = `${directory}/${include.name}`;
        if (access(path) === 'absent') continue;
        found = path;
        break;
      }
      if (found === undefined) {
        if (!compile.system.has(include.name) && include.optional !== true)
          return { accesses, trace, succeeded: false };
      } else if (!read.includes(found)) {
        read.push(found);
        queue.push(found);
      }
    }
  }
  return { accesses, trace, succeeded: nextRandom(random) > 0.05 };
}

function open(client: NfsClient, path: string, byStat: boolean): string {
  if (byStat) {
    const fact = client.stat(path, true);
    if (fact.kind === 'absent') return 'absent';
    const key = JSON.stringify(fact);
    const hashed = client.hashes.get(key);
    if (hashed !== undefined) return String(hashed);
    const opened = client.open(path);
    if (opened === undefined) return 'absent';
    // As ccache does: what just changed may change once more within the same tick.
    if (!client.isYoung(opened.fact)) client.hashes.set(JSON.stringify(opened.fact), opened.content);
    return String(opened.content);
  }
  return String(client.open(path)?.content ?? 'absent');
}
