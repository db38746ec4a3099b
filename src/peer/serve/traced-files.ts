/** What the trace of a job says, and what this machine sees of the files that it names. */
import { absent, type Fact } from '../../core/fact.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import type { StampedName, Traced } from '../../core/view/trace.ts';
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
 * What is to be looked at. `stat`, not open, for what was read: the attributes that the command's own open brought are the
 * ones that tell what it read.
 */
export function questionsOf({ files, made, madeOutside, outside }: Traced): Omit<Questions, 'fresh'> {
  return { behind: files, plain: [...made, ...madeOutside], stamped: outside };
}

/** @param answers - to {@link questionsOf} this trace. */
export function tracedFiles(trace: Traced, { behind, plain, stamped }: Omit<Answers, 'fresh'>): TracedFiles {
  const { files, searched, made, madeOutside, outside, replaced } = trace;
  const isThere = (at: number): boolean => plain[at] !== undefined && plain[at].kind !== 'absent';
  const left = madeOutside.find((_, at) => isThere(made.length + at));
  const named = (paths: readonly string[], facts: readonly Fact[]): NamedFact[] =>
    paths.map((path, at) => ({ path, fact: facts[at] ?? absent }));
  return {
    gap: trace.gap ?? (left === undefined ? undefined : `it left ${left} there`),
    read: [
      // That it is there is told by the directory that it is in; nothing was looked up in it.
      ...named(files, behind).filter(({ fact }) => fact.kind !== 'directory'),
      ...searched.map((path) => ({ path, fact: searchedFact })),
    ],
    outside: outside.map((name, at) => ({ look: name.look, path: name.path, stamp: stamped[at] ?? '' })),
    replaced,
    made: named(made, plain).filter((_, at) => isThere(at)),
  };
}
