/** The commands of `buildswarm`. */
import type { Command } from 'commander';
import { addCache } from './cache.ts';
import { addDaemon } from './daemon.ts';
import { addDoctor } from './doctor.ts';
import { addInvite } from './invite.ts';
import { addKnown } from './known.ts';
import { addLogs } from './logs.ts';
import { addMetrics } from './metrics.ts';
import { addPair } from './pair.ts';
import { addRun } from './run.ts';
import { addShare } from './share.ts';
import { addStart } from './start.ts';
import { addStatus } from './status.ts';
import { addStop } from './stop.ts';
import { addTop } from './top.ts';
import { addTrace } from './trace.ts';
import { addWeb } from './web.ts';
import { addWhy } from './why.ts';

/** Adds all commands, each with its flags. */
export function addCommands(program: Command): void {
  for (const add of [
    addStart,
    addDaemon,
    addStop,
    addStatus,
    addCache,
    addShare,
    addInvite,
    addKnown,
    addPair,
    addRun,
    addWhy,
    addDoctor,
    addLogs,
    addMetrics,
    addTrace,
    addTop,
    addWeb,
  ])
    add(program);
}
