/** Renders what the doctor found: a line a check, the cure below. Pure. */
import type { Finding } from '../wire/cli-messages.ts';

const marks = { ok: 'ok   ', note: 'note ', fault: 'FAULT' } as const;

export function renderFindings(findings: readonly Finding[]): string {
  const lines = findings.map(({ check, state, text, cure }) =>
    cure === undefined
      ? `${marks[state]} ${check}: ${text}`
      : `${marks[state]} ${check}: ${text}; cure: ${cure}`,
  );
  const faults = findings.filter(({ state }) => state === 'fault').length;
  const sum =
    faults === 0
      ? 'Nothing is wrong, as far as can be seen from here.'
      : `${faults} of ${findings.length} checks found a fault.`;
  return [...lines, sum].join('\n');
}
