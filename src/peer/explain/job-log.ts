/** A line of the log for each job that has ended, where debugging is on. It never tells a command line. */
import type { Logger } from 'pino';
import type { JobRecord, LedgerOptions } from './ledger.ts';

export function jobLog(log: Logger): LedgerOptions {
  if (!log.isLevelEnabled('debug')) return {};
  return {
    onEnd: ({ job, place, ending, startedAtMs, endedAtMs = startedAtMs, steps }: JobRecord) => {
      const reasons = steps.flatMap(({ reason }) => reason ?? []);
      log.debug({ job, place, ending, ms: Math.round(endedAtMs - startedAtMs), reasons }, 'job ended');
    },
  };
}
