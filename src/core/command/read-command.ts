/** Reads a command line: what it is, what it reads and writes by name, and whether its outputs can be renamed. */

import { mayBePath } from '../paths.ts';
import type { Reason } from '../reason.ts';
import { readCompilerEnvironment } from './compiler-environment.ts';
import type { Command, CommandKind, Output, Reading, ResponseFiles } from './contract.ts';
import { driverOutputs, isNowhere } from './driver-outputs.ts';
import { isProbe } from './probes.ts';
import type { BinutilsReading } from './read-archiver.ts';
import { readAr, readAssembler, readRewriter } from './read-archiver.ts';
import type { DriverFacts } from './read-driver.ts';
import { readDriver } from './read-driver.ts';
import { emptyLinkerFacts, readLinkerWords } from './read-linker.ts';
import { planRename } from './rename-plan.ts';
import type { Expansion } from './response-file.ts';
import { expandResponses } from './response-file.ts';
import type { DriverFamily, Tool } from './tool.ts';
import { identifyTool } from './tool.ts';

/**
 * Reads `command`. Never throws, whatever stands in it.
 *
 * @param options - `opaque`: its program only has the name of a tool that is understood.
 * @param files - what response files hold, by absolute path; `undefined` for one that cannot be read.
 * @returns the reading, and the absolute paths of response files that must be read first: while `missing` is not empty, the
 *   reading is that of a command with these files unread. Files named in files show up at the next call.
 */
export function readCommand(
  command: Command,
  files: ResponseFiles,
  options: { readonly opaque?: boolean } = {},
): { reading: Reading; missing: readonly string[] } {
  const tool = identifyTool(command.argv);
  if (options.opaque === true || tool.name === 'other' || command.argv[tool.index + 1]?.startsWith('-cc1'))
    return { reading: readUnknown(command, tool), missing: [] };
  const expansion = expandResponses(command.argv, tool.index + 1, command.cwd, files);
  const words = expansion.words.map(({ text }) => text);
  const { missing } = expansion;
  switch (tool.name) {
    case 'gcc':
    case 'clang':
    case 'cc':
      return { reading: readCompiler(command, tool, tool.name, expansion), missing };
    case 'linker':
      return { reading: readLinker(tool, words, expansion), missing };
    case 'ar':
      return { reading: fromBinutils('archive', command, tool, readAr(words), expansion), missing };
    case 'ranlib':
      return {
        reading: fromBinutils('rewrite', command, tool, readRewriter(words, 'archive'), expansion),
        missing,
      };
    case 'strip':
      return {
        reading: fromBinutils('rewrite', command, tool, readRewriter(words, 'other'), expansion),
        missing,
      };
    case 'assembler':
    default:
      return { reading: fromBinutils('compile', command, tool, readAssembler(words), expansion), missing };
  }
}

function readCompiler(command: Command, tool: Tool, family: DriverFamily, expansion: Expansion): Reading {
  const facts = readDriver(expansion.words, family, tool);
  if (tool.preprocessor) facts.mode = 'preprocess';
  const environment = readCompilerEnvironment(command.env);
  facts.inPlace.push(...environment.inPlace);
  facts.sideOutputs.push(...environment.outputs);
  if (expansion.cutOff) facts.inPlace.push('response files too deep or too large');

  const hasFiles = facts.sources.length > 0 || facts.linker.inputs.length > 0 || facts.stdin;
  const written = driverOutputs(facts);
  const inputs = facts.sources
    .map(({ path }) => path)
    .concat(facts.linker.inputs, facts.inputs, environment.inputs, expansion.readFiles)
    .filter((path) => !isNowhere(path));
  const probe = isProbe(command.cwd, [
    ...facts.sources.map(({ path }) => path),
    ...facts.linker.inputs,
    ...facts.outs.map(({ value }) => value),
  ]);
  const inline = whyInline(facts, hasFiles, probe);
  const base = {
    toolIndex: tool.index,
    programs: tool.programs,
    inputs: unique(inputs),
    includeDirs: unique([
      ...facts.quoteDirs,
      ...facts.dirs,
      ...environment.dirs,
      ...facts.systemDirs,
      ...environment.systemDirs,
      ...facts.afterDirs,
    ]),
    otherDirs: unique([...facts.otherDirs, ...facts.linker.otherDirs, ...environment.otherDirs]),
    libraries: facts.linker.libraries,
    // A directory for profiles is written into the program, and used when that runs.
    mentions: [
      ...facts.inPlace.filter((text) => !/^-fprofile-(?:generate|dir)/.test(text)),
      ...facts.linker.unknown,
    ],
    stdin: facts.stdin ? ('reads' as const) : ('never' as const),
    native: facts.native,
  };
  if (inline !== undefined) {
    const outputs = inline === 'query' ? [] : written.outputs;
    return {
      ...base,
      kind: kindOf(facts, inline),
      inline,
      outputs,
      inPlaceBecause: 'it runs inline',
      ...(written.dependencyFile === undefined || inline === 'query'
        ? {}
        : { dependencyFile: written.dependencyFile }),
    };
  }
  const decision = planRename(command.argv, tool.index, facts, written);
  const added = facts.adds[0] ?? environment.adds[0];
  return {
    ...base,
    ...(added === undefined
      ? {}
      : { unprovable: `${added} adds to a file, and a second run would add again` }),
    kind: kindOf(facts, undefined),
    outputs: written.outputs,
    ...(written.dependencyFile === undefined ? {} : { dependencyFile: written.dependencyFile }),
    ...('plan' in decision ? { rename: decision.plan } : { inPlaceBecause: decision.inPlaceBecause }),
  };
}

function whyInline(facts: DriverFacts, hasFiles: boolean, probe: boolean): Reason | undefined {
  if (facts.query || facts.linker.query || (!hasFiles && facts.linker.libraries.length === 0)) return 'query';
  if (facts.mode === 'preprocess') return 'preprocess';
  if (facts.stdin) return 'stdin-input';
  if (probe) return 'probe';
  return undefined;
}

function kindOf(facts: DriverFacts, inline: Reason | undefined): CommandKind {
  if (inline === 'query' || inline === 'preprocess' || inline === 'probe') return inline;
  return facts.mode === 'link' && !facts.sources.some(({ header }) => header) ? 'link' : 'compile';
}

function readLinker(tool: Tool, words: readonly string[], expansion: Expansion): Reading {
  const facts = emptyLinkerFacts();
  readLinkerWords(words, facts);
  const query = facts.query || (facts.inputs.length === 0 && facts.libraries.length === 0);
  const outputs: Output[] = [{ path: facts.out ?? 'a.out', role: 'executable' }, ...facts.outputs];
  return {
    kind: query ? 'query' : 'link',
    toolIndex: tool.index,
    programs: tool.programs,
    ...(query ? { inline: 'query' as const } : {}),
    inputs: unique([...facts.inputs, ...expansion.readFiles]).filter((path) => !isNowhere(path)),
    includeDirs: [],
    otherDirs: unique(facts.otherDirs),
    libraries: facts.libraries,
    mentions: facts.unknown,
    outputs: query ? [] : outputs.filter(({ path }) => !isNowhere(path)),
    inPlaceBecause: 'it links',
    stdin: 'never',
    native: false,
  };
}

function fromBinutils(
  kind: CommandKind,
  command: Command,
  tool: Tool,
  found: BinutilsReading,
  expansion: Expansion,
): Reading {
  const probe = isProbe(command.cwd, [...found.inputs, ...found.outputs.map(({ path }) => path)]);
  let inline: Reason | undefined;
  if (found.query) inline = 'query';
  else if (found.stdin) inline = 'stdin-input';
  else if (probe) inline = 'probe';
  return {
    kind: inline === 'query' || inline === 'probe' ? inline : kind,
    toolIndex: tool.index,
    programs: tool.programs,
    ...(inline === undefined ? {} : { inline }),
    inputs: unique([...found.inputs, ...expansion.readFiles]).filter((path) => !isNowhere(path)),
    includeDirs: found.includeDirs,
    otherDirs: [],
    libraries: [],
    mentions: expansion.words.map(({ text }) => text),
    outputs: inline === 'query' ? [] : found.outputs.filter(({ path }) => !isNowhere(path)),
    ...(found.dependencyFile === undefined ? {} : { dependencyFile: found.dependencyFile }),
    inPlaceBecause: tool.name,
    stdin: found.stdin ? 'reads' : 'never',
    native: false,
  };
}

/** An opaque command: the words that may be names of files are its inputs, its outputs are unknown. */
function readUnknown(command: Command, tool: Tool): Reading {
  const [program = '', ...words] = command.argv;
  const inputs = program.includes('/') ? [program] : [];
  for (const word of words) {
    const value = word.startsWith('-') ? word.slice(word.indexOf('=') + 1) : word;
    if (word.startsWith('-') && (!word.includes('=') || !value.includes('/'))) continue;
    if (mayBeFile(value)) inputs.push(value);
  }
  const probe = isProbe(command.cwd, [program]);
  const inline: Reason | undefined = program === '' ? 'no-command' : probe ? 'probe' : undefined;
  return {
    kind: probe ? 'probe' : 'other',
    toolIndex: tool.index,
    programs: tool.programs,
    ...(inline === undefined ? {} : { inline }),
    inputs: unique(inputs),
    includeDirs: [],
    otherDirs: [],
    libraries: [],
    outputs: [],
    inPlaceBecause: 'an unknown command',
    stdin: 'may',
    native: false,
  };
}

function mayBeFile(word: string): boolean {
  return word !== '' && word.length < 1024 && mayBePath(word) && !/[\n\0]/.test(word) && !isNowhere(word);
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
