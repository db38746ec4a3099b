/**
 * What this machine answers when a program looks up a name outside the share, in words that two machines can compare:
 * what a file contains, that it is absent, which names a directory has. Equal answers: the same to the program.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { BoundedMap } from '../core/bounded-map.ts';
import type { OutsideLook, OutsideName } from '../core/view/trace.ts';
import { fromBytes, toBytes } from '../wire/bytes.ts';
import type { FileIdentities } from './file-identity.ts';
import { isStandIn } from './toolchain.ts';

interface Kept {
  answer: Promise<string>;
  /** Once it is there. */
  known: string | undefined;
  askedMs: number;
}

const maxKept = 100_000;
const absentAnswer = 'absent';

/** Answers, remembered for a while. */
export class OutsideNames {
  readonly #identities: FileIdentities;
  readonly #believedMs: number;
  readonly #kept = new BoundedMap<string, Kept>(maxKept);

  /** @param believedMs - how long an answer is believed to hold: system files change when packages are installed. */
  constructor(identities: FileIdentities, believedMs: number) {
    this.#identities = identities;
    this.#believedMs = believedMs;
  }

  /** At once where it is known, which is nearly always. */
  answer({ look, path }: OutsideName): string | Promise<string> {
    const key = `${look}${path}`;
    const nowMs = performance.now();
    let kept = this.#kept.get(key);
    if (kept === undefined || nowMs - kept.askedMs > this.#believedMs) {
      const fresh: Kept = { answer: this.#ask(look, path), known: undefined, askedMs: nowMs };
      fresh.answer = fresh.answer.then((answer) => {
        fresh.known = answer;
        return answer;
      });
      kept = fresh;
      this.#kept.set(key, kept);
    }
    return kept.known ?? kept.answer;
  }

  /** Never rejects: what cannot be looked at is not there, for a program that runs as this user. */
  async #ask(look: OutsideLook, path: string): Promise<string> {
    const bytes = toBytes(path);
    try {
      // A program passes over links to swarmrun as the wrapper does: to it they are not there.
      if (await isStandIn(path)) return absentAnswer;
      switch (look) {
        case 'names':
          return namesOf(await readdir(bytes, { encoding: 'buffer' }));
        case 'place':
          return `at ${digestOf(await realpath(bytes, { encoding: 'buffer' }))}`;
        case 'link':
          if ((await lstat(bytes)).isSymbolicLink())
            return `link ${digestOf(await readlink(bytes, { encoding: 'buffer' }))}`;
          return await this.#contents(path);
        default:
          return await this.#contents(path);
      }
    } catch {
      return absentAnswer;
    }
  }

  async #contents(path: string): Promise<string> {
    const stats = await stat(toBytes(path));
    if (stats.isFile()) return (await this.#identities.of(path)).identity;
    if (!stats.isDirectory()) return `device ${stats.rdev}`;
    return `directory ${digestOf(await realpath(toBytes(path), { encoding: 'buffer' }))}`;
  }
}

function namesOf(names: readonly Uint8Array[]): string {
  const sorted = names.map(fromBytes).toSorted();
  return `names ${digestOf(toBytes(sorted.join('\0')))}`;
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
