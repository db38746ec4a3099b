/** Which files a driver's command line will write, by the names that gcc 12 and clang 14 were seen to give them. */

import { baseName, directoryPart, withoutSuffix } from '../paths.ts';
import type { Output } from './contract.ts';
import type { DriverFacts, SideFile, Source } from './read-driver.ts';
import { stemOf } from './read-driver.ts';

export interface DriverOutputs {
  readonly outputs: readonly Output[];
  /** The object, assembly or program itself, if there is exactly one and it goes to a file. */
  readonly main: string | undefined;
  readonly dependencyFile: string | undefined;
}

/** True for a name at which nothing is kept. */
export function isNowhere(path: string): boolean {
  return path === '/dev/null';
}

/** The outputs of a command that does not only preprocess or ask. */
export function driverOutputs(facts: DriverFacts): DriverOutputs {
  const out = facts.outs.at(-1)?.value;
  const mains = mainOutputs(facts, out);
  const outputs: Output[] = mains.filter(({ path }) => !isNowhere(path) && path !== '-');
  for (const source of facts.sources) {
    for (const kind of facts.sideFiles) {
      for (const path of sideFiles(kind, source, facts, out)) outputs.push({ path, role: 'other' });
    }
  }
  for (const path of facts.sideOutputs) if (!isNowhere(path)) outputs.push({ path, role: 'other' });
  if (facts.mode === 'link') {
    for (const output of facts.linker.outputs) if (!isNowhere(output.path)) outputs.push(output);
  }
  const dependencyFiles = dependencyOutputs(facts, out).filter((path) => !isNowhere(path) && path !== '-');
  for (const path of dependencyFiles) outputs.push({ path, role: 'dependencies' });
  const [main] = mains;
  return {
    outputs,
    main: mains.length === 1 && main && !isNowhere(main.path) && main.path !== '-' ? main.path : undefined,
    dependencyFile: dependencyFiles.length === 1 ? dependencyFiles[0] : undefined,
  };
}

function mainOutputs(facts: DriverFacts, out: string | undefined): Output[] {
  const { sources, mode } = facts;
  if (mode === 'syntax' || mode === 'preprocess') return [];
  const headers = sources.filter(({ header }) => header);
  if (headers.length > 0)
    return headers.map(({ path }): Output => ({ path: out ?? `${path}.gch`, role: 'other' }));
  if (mode === 'link') {
    const given = out ?? facts.linker.out ?? 'a.out';
    return [{ path: given, role: 'executable' }];
  }
  // gcc writes assembly into the file that is there, through links; an assembler, and clang, make a new one.
  const role = mode === 'assembly' && facts.family !== 'clang' ? ('assembly' as const) : ('object' as const);
  if (out !== undefined) return sources.length === 0 ? [] : [{ path: out, role }];
  return sources.map(({ path }): Output => ({ path: impliedName(path, facts), role }));
}

function impliedName(source: string, facts: DriverFacts): string {
  const stem = stemOf(source);
  if (facts.mode === 'assembly') return `${stem}${facts.emitLlvm ? '.ll' : '.s'}`;
  return `${stem}${facts.emitLlvm ? '.bc' : '.o'}`;
}

function dependencyOutputs(facts: DriverFacts, out: string | undefined): string[] {
  const { sources } = facts;
  if (facts.dependencies === 'none') return [];
  const named = facts.dependencyFiles.at(-1)?.value;
  if (named !== undefined) return [named];
  if (out !== undefined && sources.length > 0) return [`${withoutSuffix(out)}.d`];
  return sources.map((source) => `${sideBase(source, facts, undefined)}.d`);
}

/**
 * What the names of side files begin with. A gcc that links in the same breath puts the program's name before the source's, unless they are
 * one and the same; clang names them after the source.
 */
function sideBase(source: Source, facts: DriverFacts, out: string | undefined): string {
  const stem = stemOf(source.path);
  if (facts.mode !== 'link') return out === undefined ? stem : withoutSuffix(out);
  if (facts.family === 'clang') return stem;
  const program = withoutSuffix(out ?? 'a.out');
  return facts.sources.length === 1 && baseName(program) === stem ? program : `${program}-${stem}`;
}

function sideFiles(kind: SideFile, source: Source, facts: DriverFacts, out: string | undefined): string[] {
  const base = sideBase(source, facts, out);
  switch (kind) {
    case 'coverage':
      return [`${base}.gcno`];
    case 'split-dwarf':
      return [`${base}.dwo`];
    case 'stack-usage':
      return [`${facts.family === 'clang' && out !== undefined ? withoutSuffix(out) : base}.su`];
    case 'callgraph':
      return [`${base}.ci`];
    case 'time-trace':
      return facts.mode === 'link' ? [] : [`${base}.json`];
    case 'save-temps':
    default:
      return savedTemporaries(base, source, facts, out);
  }
}

function savedTemporaries(
  base: string,
  source: Source,
  facts: DriverFacts,
  out: string | undefined,
): string[] {
  const last = facts.inPlace.findLast((text) => /^--?save-temps/.test(text)) ?? '';
  const suffixes = [source.plusPlus ? 'ii' : 'i'];
  if (facts.mode !== 'assembly') suffixes.push('s');
  if (facts.mode === 'link') suffixes.push('o');
  if (facts.family !== 'clang') {
    const shown = last.endsWith('=cwd') ? baseName(base) : base;
    return suffixes.map((suffix) => `${shown}.${suffix}`);
  }
  // clang names them after the source, in the cwd unless told otherwise.
  const dir = last.endsWith('=obj') ? directoryPart(out ?? '') : '';
  return [...suffixes, 'bc'].map((suffix) => `${dir}${stemOf(source.path)}.${suffix}`);
}
