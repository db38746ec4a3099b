/** Which files a driver's command line will write, by the names that gcc 12 and clang 14 were seen to give them. */
import type { Output } from './contract.ts';
import { directoryPart, withoutSuffix } from './paths.ts';
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
  if (out !== undefined) return sources.length === 0 ? [] : [{ path: out, role: 'object' }];
  return sources.map(({ path }): Output => ({ path: impliedName(path, facts), role: 'object' }));
}

function impliedName(source: string, facts: DriverFacts): string {
  const stem = stemOf(source);
  if (facts.mode === 'assembly') return `${stem}${facts.emitLlvm ? '.ll' : '.s'}`;
  return `${stem}${facts.emitLlvm ? '.bc' : '.o'}`;
}

function dependencyOutputs(facts: DriverFacts, out: string | undefined): string[] {
  if (facts.dependencies === 'none') return [];
  const named = facts.dependencyFiles.at(-1)?.value;
  if (named !== undefined) return [named];
  if (facts.sources.length === 0) return [];
  if (out !== undefined && facts.sources.length === 1) return [`${withoutSuffix(out)}.d`];
  return facts.sources.map(
    ({ path }) => `${out === undefined ? '' : `${withoutSuffix(out)}-`}${stemOf(path)}.d`,
  );
}

/** Names of what is written beside the output; gcc and clang differ when they link in the same breath. */
function sideFiles(kind: SideFile, source: Source, facts: DriverFacts, out: string | undefined): string[] {
  const clang = facts.family === 'clang';
  const stem = stemOf(source.path);
  let base = stem;
  if (out !== undefined) {
    if (facts.mode !== 'link') base = withoutSuffix(out);
    else if (!clang) base = `${withoutSuffix(out)}-${stem}`;
  } else if (facts.mode === 'link' && !clang) base = `a-${stem}`;
  switch (kind) {
    case 'coverage':
      return [`${base}.gcno`];
    case 'split-dwarf':
      return [`${base}.dwo`];
    case 'stack-usage':
      return [`${base}.su`];
    case 'callgraph':
      return [`${base}.ci`];
    case 'time-trace':
      return facts.mode === 'link' ? [] : [`${base}.json`];
    case 'save-temps': {
      const preprocessed = /\.(?:c|i)$/.test(source.path) ? 'i' : 'ii';
      const object = facts.mode === 'link' ? ['o'] : [];
      if (!clang) return [preprocessed, 's', ...object].map((suffix) => `${base}.${suffix}`);
      const dir = facts.inPlace.some((text) => text.endsWith('=obj')) ? directoryPart(out ?? '') : '';
      return [preprocessed, 'bc', 's', ...object].map((suffix) => `${dir}${stem}.${suffix}`);
    }
  }
}
