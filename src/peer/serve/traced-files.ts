/** What the trace of a job says, and what this machine sees of the files that it names. */
import { absent, type Fact } from '../../core/fact.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import type { StampedName } from '../../core/view/outside-name.ts';
import type { Traced } from '../../core/view/trace.ts';
import type { KnownFacts } from '../../share/known-facts.ts';
import type { Answers, Questions } from '../../share/question-answer.ts';

export interface TracedFiles extends Pick<Traced, 'gap' | 'replaced'> {
  /** Files of the share that were looked at, and directories in which names were looked up (a fact without times). */
  readonly read: readonly NamedFact[];
  readonly outside: readonly StampedName[];
  /** What was made or changed in the share besides the outputs by plan, and is there. */
  readonly made: readonly NamedFact[];
}

/** Stands for "names were looked up in it": what it is itself the submitter knows. */
const searchedFact: Fact = { ...absent, kind: 'directory' };

/**
 * What is to be looked at. What was opened tells itself what it was; of the rest `stat`, not open: the attributes that the
 * command's own look brought are the ones that tell what it saw.
 */
export function questionsOf({ files, made, madeOutside, outside }: Traced): Omit<Questions, 'fresh'> {
  const behind: string[] = [];
  // Not by an iterator, which makes a pair for each.
  files.forEach((seen, path) => {
    if (seen === undefined) behind.push(path);
  });
  return { behind, plain: [...made, ...madeOutside], stamped: outside };
}

/**
 * @param answers - to {@link questionsOf} this trace.
 * @param known - of this share.
 */
export function tracedFiles(
  trace: Traced,
  { behind, plain, stamped }: Omit<Answers, 'fresh'>,
  known: KnownFacts,
): TracedFiles {
  const { files, searched, made, madeOutside, outside, replaced } = trace;
  const isThere = (at: number): boolean => plain[at] !== undefined && plain[at].kind !== 'absent';
  const left = madeOutside.find((_, at) => isThere(made.length + at));
  const read: NamedFact[] = [];
  let looked = 0;
  files.forEach((seen, path) => {
    const named = seen === undefined ? { path, fact: behind[looked++] ?? absent } : known.of(path, seen);
    // That it is there is told by the directory that it is in; nothing was looked up in it.
    if (named.fact.kind !== 'directory') read.push(named);
  });
  for (const path of searched) read.push({ path, fact: searchedFact });
  return {
    gap: trace.gap ?? (left === undefined ? undefined : `it left ${left} there`),
    read,
    outside: outside.map((name, at) => ({ name, stamp: stamped[at] ?? '' })),
    replaced,
    made: made.flatMap((path, at) => (isThere(at) ? { path, fact: plain[at] ?? absent } : [])),
  };
}
