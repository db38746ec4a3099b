/** Findings of the doctor that need no peer. */
import type { Finding } from '../../wire/cli-messages.ts';

export function well(check: string, text: string): Finding {
  return { check, state: 'ok', text };
}

export function fault(check: string, text: string, cure: string): Finding {
  return { check, state: 'fault', text, cure };
}
