/** One line of the doctor. */
import type { Finding } from '../../../wire/cli-messages.ts';

export function well(check: string, text: string): Finding {
  return { check, state: 'ok', text };
}

/** Nothing is wrong, as far as was seen, but it may explain what people wonder about. */
export function remark(check: string, text: string, cure?: string): Finding {
  return { check, state: 'note', text, ...(cure === undefined ? {} : { cure }) };
}

export function fault(check: string, text: string, cure: string): Finding {
  return { check, state: 'fault', text, cure };
}
