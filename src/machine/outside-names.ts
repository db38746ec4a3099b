/**
 * What this machine answers when a program looks up a name outside the share, in words that two machines can compare:
 * what a file contains, that it is absent, which names a directory has. Equal answers: the same to the program.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { BoundedMap } from '../core/bounded-map.ts';
import type { OutsideLook, OutsideName, StampedName } from '../core/view/trace.ts';
import { fromBytes, toBytes } from '../wire/bytes.ts';
import type { FileIdentities } from './file-identity.ts';
import { isNoAnswer } from './no-answer.ts';
import { isStandIn } from './toolchain.ts';

interface Kept {
  answer: Promise<string>;
  /** Once it is there. */
  known: string | undefined;
  /** Taken before the answer was. */
  readonly stamp: string;
  /** When a look began that showed this stamp, the newest. */
  seenMs: number;
}

const maxKept = 100_000;
const absentAnswer = 'absent';

/** Answers, remembered as long as what they are about shows the same stamp. */
export class OutsideNames {
  readonly #identities: FileIdentities;
  readonly #kept = new BoundedMap<string, Kept>(maxKept);

  constructor(identities: FileIdentities) {
    this.#identities = identities;
  }

  /** Whether a name was looked at by a look that began at `sinceMs` or later. */
  isSeen({ look, path }: OutsideName, sinceMs: number): boolean {
    const kept = this.#kept.get(`${look}${path}`);
    return kept !== undefined && kept.seenMs >= sinceMs;
  }

  /**
   * At once where it is known, which is nearly always. Rejects where it cannot be told now.
   *
   * @param atMs - when the look that yielded the stamp began.
   */
  answer({ look, path, stamp }: StampedName, atMs: number): string | Promise<string> {
    const key = `${look}${path}`;
    let kept = this.#kept.get(key);
    if (kept?.stamp === stamp) kept.seenMs = Math.max(kept.seenMs, atMs);
    else {
      const fresh: Kept = { answer: this.#ask(look, path), known: undefined, stamp, seenMs: atMs };
      fresh.answer = fresh.answer.then(
        (answer) => {
          fresh.known = answer;
          return answer;
        },
        (error: unknown) => {
          if (this.#kept.get(key) === fresh) this.#kept.delete(key);
          throw error;
        },
      );
      fresh.answer.catch(() => undefined); // whoever waits for it hears of it
      kept = fresh;
      this.#kept.set(key, kept);
    }
    return kept.known ?? kept.answer;
  }

  /** Of a name that {@link isSeen}; undefined if it was forgotten since. */
  known({ look, path }: OutsideName): string | Promise<string> | undefined {
    const kept = this.#kept.get(`${look}${path}`);
    return kept?.known ?? kept?.answer;
  }

  /**
   * What cannot be looked at is not there, for a program that runs as this user.
   *
   * @throws Error where it cannot be told, as this machine is short of something.
   */
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
    } catch (error) {
      if (isNoAnswer(error)) throw error;
      return absentAnswer;
    }
  }

  async #contents(path: string): Promise<string> {
    const stats = await stat(toBytes(path));
    if (stats.isFile()) return (await this.#identities.of(path, { fresh: true })).identity;
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
