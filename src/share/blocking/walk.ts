/** A walk as swarmlook (C) does it, where that could not be compiled. Synchronous: runs in a disk thread. */
import { accessSync, closeSync, constants, lstatSync, openSync, readdirSync } from 'node:fs';
import { absent, type Fact } from '../../core/fact.ts';
import { joinPath } from '../../core/paths.ts';
import { isOwnName } from '../../core/share-layout.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';
import { sinceNs, type WalkCut, type Walked, type WalkRequest, walkedOf } from '../walk-answer.ts';
import { errorCode, meansAbsent, refreshDirectory, toFact } from './look.ts';

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, W_OK, X_OK } = constants;
/** Of what cannot be opened by this user, and so is not read by commands. */
const closed: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ELOOP', 'ENXIO']);

/** See {@link WalkRequest}. */
export function walk(request: WalkRequest): Walked {
  const { purpose, directories, maxLooks, maxChanged, timeoutMs } = request;
  const untilMs = performance.now() + timeoutMs;
  const since = sinceNs(request);
  const roots = new Set(directories);
  const waiting = [...roots].toSorted().toReversed();
  const changed: NamedFact[] = [];
  let cut: WalkCut = 'whole';
  let looks = 0;
  const mayLook = (): boolean => {
    if (looks >= maxLooks) cut = 'looks';
    else if (performance.now() > untilMs) cut = 'time';
    else looks += 1;
    return cut === 'whole';
  };
  const tellIfChanged = (path: string, fact: Fact): void => {
    if (purpose === 'anew' || fact.kind === 'absent' || BigInt(fact.ctimeNs) < since) return;
    if (changed.length >= maxChanged) cut = 'changes';
    else changed.push({ path, fact });
  };
  let directory = '';
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    directory = next;
    if (!mayLook()) break;
    const own = plainFact(directory);
    if (purpose === 'anew') refreshDirectory(directory);
    if (own.kind === 'directory') tellIfChanged(directory, own);
    const names = own.kind === 'directory' || roots.has(directory) ? namesIn(directory) : [];
    if (names === undefined && purpose === 'changed') cut = 'unreadable';
    for (const name of names ?? []) {
      if (cut !== 'whole') break;
      if (isOwnName(name)) continue;
      if (!mayLook()) break;
      const path = joinPath(directory, name);
      const fact = plainFact(path);
      if (fact.kind !== 'directory') {
        if (purpose === 'anew' && fact.kind === 'file') openAnew(path);
        tellIfChanged(path, fact);
      } else if (!roots.has(path)) waiting.push(path);
    }
    if (cut !== 'whole') break;
  }
  return walkedOf(changed, cut, looks, directory);
}

export function plainFact(path: string): Fact {
  try {
    const stats = lstatSync(toBytes(path), { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? absent : toFact(stats);
  } catch (error) {
    if (meansAbsent(error)) return absent;
    throw error;
  }
}

/** @returns undefined where a command may have made something that cannot be seen. */
function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(toBytes(directory), { encoding: 'buffer' }).map((name) => fromBytes(name));
  } catch (error) {
    if (meansAbsent(error)) return [];
    if (errorCode(error) !== 'EACCES') throw error;
  }
  try {
    accessSync(toBytes(directory), W_OK | X_OK);
    return undefined;
  } catch {
    return []; // it cannot be written to either
  }
}

function openAnew(path: string): void {
  try {
    closeSync(openSync(toBytes(path), O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  } catch (error) {
    if (!meansAbsent(error) && !closed.has(errorCode(error))) throw error;
  }
}
