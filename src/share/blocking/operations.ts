/** What a disk thread can do, by name. Inputs and outputs are plain data: they are copied between threads. */
import { answers } from './answers.ts';
import { sweepJournal } from './hidden-journal.ts';
import { identities, outsideAnswers } from './identities.ts';
import { lookAll, refreshAll } from './look.ts';
import { clockOf, listMembers, readMember, removeMember, sweepMembers, writeMember } from './member.ts';
import { isRegular, obstacles } from './named.ts';
import {
  listHidden,
  lookOtherwise,
  readPiece,
  removeAll,
  renameIfSeen,
  touchAll,
  writePiece,
} from './output.ts';
import { deviceOf, findRoot, makeRoot, realPathsBelow, topmostOwn, workingPlace } from './root.ts';
import { bumpAll, modeOf, takeLooks } from './view-steps.ts';
import { walk } from './walk.ts';
import { firstSight } from './way.ts';
import { putWritten } from './written.ts';
import { dropStaged } from './written-stage.ts';

export const operations = {
  lookAll,
  refreshAll,
  lookOtherwise,
  findRoot,
  makeRoot,
  topmostOwn,
  workingPlace,
  deviceOf,
  realPathsBelow,
  firstSight,
  readMember,
  writeMember,
  removeMember,
  listMembers,
  sweepMembers,
  clockOf,
  obstacles,
  isRegular,
  renameIfSeen,
  removeAll,
  listHidden,
  readPiece,
  writePiece,
  touchAll,
  takeLooks,
  modeOf,
  bumpAll,
  walk,
  putWritten,
  dropStaged,
  sweepJournal,
  answers,
  outsideAnswers,
  identities,
} as const;

export type Operations = typeof operations;
export type OperationName = keyof Operations;
