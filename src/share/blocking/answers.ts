/** Answers questions about single names, as swarmlook (C) does where it could be compiled. Synchronous: runs in a disk thread. */
import { lstatSync, statSync } from 'node:fs';
import { absent, type Fact } from '../../core/fact.ts';
import { toBytes } from '../../wire/bytes.ts';
import type { Answers, Questions } from '../question-answer.ts';
import { look, meansAbsent, toFact } from './look.ts';
import { outsideStamps } from './stamps.ts';

export function answers({ fresh, behind, plain, stamped }: Questions): Answers {
  return {
    fresh: fresh.map((path) => look(path, true)),
    behind: behind.map((path) => factBy(statSync, path)),
    plain: plain.map((path) => factBy(lstatSync, path)),
    stamped: outsideStamps(stamped),
  };
}

function factBy(stat: typeof statSync, path: string): Fact {
  try {
    const stats = stat(toBytes(path), { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? absent : toFact(stats);
  } catch (error) {
    if (meansAbsent(error)) return absent;
    throw error;
  }
}
