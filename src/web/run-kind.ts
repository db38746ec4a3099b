/** What kind of work a run is. Pure. */
import type { RunKind } from './messages.ts';

/** By the name of what it writes, as builds name their files. */
export function kindOf(output: string | undefined): RunKind {
  if (output === undefined) return 'other';
  const name = output.slice(output.lastIndexOf('/') + 1);
  if (/\.(?:o|lo|obj|gch|pch|pcm|s|ii?)$/.test(name)) return 'compile';
  if (/\.(?:a|lib)$/.test(name)) return 'archive';
  return /\.so(?:\.|$)/.test(name) || !name.includes('.') || name.endsWith('.out') ? 'link' : 'other';
}
