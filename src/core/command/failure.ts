/**
 * Tells by what a compiler or linker said and how it ended whether its failure may be one of the sources, or may be one of
 * the machine on which it ran.
 */
import type { Ending } from '../schedule/contract.ts';

/**
 * `ordinary`: an error in what was compiled; `memory`, `space`: the machine lacked it; `unusual`: anything else, such as a
 * crash or a limit.
 */
export type FailureKind = 'ordinary' | 'memory' | 'space' | 'unusual';

export interface ToolFailure {
  readonly ending: Ending;
  /** All that it wrote to stdout and stderr, as far as it is known. */
  readonly text: string;
  readonly env: ReadonlyMap<string, string>;
}

const sigkill = 9;

const memory =
  /\bKilled signal terminated program|terminated with signal 9\b|unable to execute command: Killed|out of memory|memory exhausted|Cannot allocate memory|std::bad_alloc/i;
const space = /No space left on device|Disk quota exceeded|File too large|File size limit exceeded/i;
/** Words of the system, of drivers whose program crashed, and of assemblers that cannot write. */
const unusual =
  /internal compiler error|signal terminated program|terminated with signal|unable to execute command|Segmentation fault|Bus error|Illegal instruction|LLVM ERROR|PLEASE submit a bug report|Too many open files|Resource temporarily unavailable|Input\/output error|Stale (?:NFS )?file handle|Read-only file system|Permission denied|Operation not permitted|Text file busy|Device or resource busy|Transport endpoint|Timer expired|Interrupted system call|write error|can't (?:write|close|open|create)/i;

/** A message with a place in a source: `FILE:LINE: `, `FILE:LINE:COLUMN: `. */
const located = /^[^\s:][^:\n]*:\d+(?::\d+)?: /m;
/** A message of a tool itself, or of an assembler that reads a temporary file. */
const ofTool =
  /^(?:[^\s:]*\/)?(?:cc1\w*|as|ld|ld\.\w+|collect2|lto\w*|[\w.+-]*(?:cc|\+\+|clang)[\w.+-]*|\{standard input\}|cc\w{6}\.s)(?::|: )/m;

/** How a recognised command that did not succeed is to be taken. */
export function classifyFailure({ ending, text, env }: ToolFailure): FailureKind {
  if (ending.kind === 'signaled') return ending.signal === sigkill ? 'memory' : 'unusual';
  const plain = withoutColours(text);
  if (memory.test(plain)) return 'memory';
  if (space.test(plain)) return 'space';
  if (ending.status !== 1 || unusual.test(plain)) return 'unusual';
  if (speaksEnglish(env)) return 'ordinary';
  // What the system says cannot be read; so it must be plain that nobody but the compiler spoke, and of a source.
  return located.test(plain) && !ofTool.test(plain) ? 'ordinary' : 'unusual';
}

function withoutColours(text: string): string {
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
  return text.replaceAll(/\u001b\[[\d;]*[mK]/g, '');
}

/** True if messages come as they stand in the programs, by the rules of gettext. */
function speaksEnglish(env: ReadonlyMap<string, string>): boolean {
  const locale = env.get('LC_ALL') || env.get('LC_MESSAGES') || env.get('LANG') || 'C';
  if (/^(?:C|POSIX)(?:\.|$)/.test(locale)) return true;
  const language = env.get('LANGUAGE') || locale;
  return /^en(?:[_.@:]|$)/.test(language);
}

/** Commands that ran for longer had an effect for certain, if only on who waited for them. */
const briefMs = 1_000;

/**
 * What an opaque command that failed has done besides failing, as a phrase: then the failure is final, since another run
 * would not be the first one. Undefined: nothing, as far as can be seen.
 *
 * @param changed - a path that it changed.
 */
export function effectOfFailure(end: {
  readonly ending: Ending;
  readonly wallMs: number;
  readonly changed: string | undefined;
}): string | undefined {
  const { ending, wallMs, changed } = end;
  if (ending.kind === 'signaled') return `died of signal ${ending.signal}`;
  if (wallMs > briefMs) return `ran for ${wallMs} ms`;
  return changed === undefined ? undefined : `changed ${changed}`;
}
