/**
 * The options of the gcc 12 and clang 14 drivers, looked up: where their argument stands, and what they do. What is
 * neither in driver-option-table.ts, nor one of the families at the end, nor in feature-names.ts, is unknown.
 */

import type { Effect, OptionFamily, Take } from './driver-option-table.ts';
import { optionGroups } from './driver-option-table.ts';
import { isPlainFeature } from './feature-names.ts';
import type { DriverFamily } from './tool.ts';

interface OptionRow {
  readonly take: Take;
  readonly effect: Effect;
  readonly family: OptionFamily | undefined;
}

const table = new Map<string, OptionRow[]>();
for (const [group, spellings] of optionGroups.flatMap((groups) => Object.entries(groups))) {
  const [effect, take, family] = group.split(' ') as [Effect, Take, OptionFamily?];
  for (const spelling of spellings.trim().split(/\s+/)) {
    const found = table.get(spelling);
    const row: OptionRow = { take, effect, family };
    if (found) found.push(row);
    else table.set(spelling, [row]);
  }
}

/** An option word, understood as far as it can be. */
export interface Option {
  readonly name: string;
  readonly take: Take;
  readonly effect: Effect;
  /** The argument in this word, if that is where it stands. */
  readonly value: string | undefined;
}

/**
 * Looks a word up that begins with `-` (and is not `-` itself). The longest spelling wins; a word that is in no table is
 * `unknown` and taken as a flag.
 */
export function lookUpOption(text: string, family: DriverFamily): Option {
  const exact = pick(text, family, (row) => row.take !== 'joined');
  if (exact) {
    const take = exact.take === 'either' ? 'next' : exact.take;
    return { name: text, take, effect: exact.effect, value: undefined };
  }
  for (let length = text.length; length >= 2; length--) {
    const name = text.slice(0, length);
    const row = pick(name, family, ({ take }) => take === 'joined' || take === 'either');
    if (!row) continue;
    return { name, take: 'joined', effect: row.effect, value: text.slice(length) };
  }
  return { name: text, take: 'flag', effect: isPlainFamily(text) ? 'plain' : 'unknown', value: undefined };
}

/** The row for this family; a driver that may be either has those of both. */
function pick(name: string, family: DriverFamily, fits: (row: OptionRow) => boolean): OptionRow | undefined {
  const found = table.get(name)?.filter((row) => fits(row));
  if (!found) return undefined;
  return found.find((row) => family === 'cc' || row.family === undefined || row.family === family);
}

/** The families that are known as such: warnings, optimisation levels, debug levels, code generation for a machine, features. */
function isPlainFamily(text: string): boolean {
  if (/^-W(?![alp],)(?:[A-Za-z#][\w+=<>.,:#-]*)?$/.test(text)) return true;
  if (/^-O(?:[0-4]|\d+|s|z|g|fast)?$/.test(text)) return true;
  if (
    /^-g(?:[0-3]|gdb[0-3]?|dwarf(?:-?[2-5])?|dwarf(?:32|64)|z(?:=[\w-]+)?|btf|ctf[0-2]?|stabs\+?\d?|line-tables-only|lldb|sce|dbx)?$/.test(
      text,
    )
  )
    return true;
  if (
    /^-g(?:no-)?(?:strict-dwarf|column-info|statement-frontiers|variable-location-views(?:=\w+)?|inline-points|record-gcc-switches|pubnames|gnu-pubnames|inline-line-tables|internal-reset-location-views|as-locview-support|as-loc-support|describe-dies|simple-template-names(?:=\w+)?|embed-source|modules|line-directives-only|toggle|codeview|mlt)$/.test(
      text,
    )
  )
    return text !== '-gmodules' && text !== '-gcodeview';
  if (/^-m[a-z0-9][\w.+-]*(?:=[\w.,:+%@-]*)?$/.test(text)) return !text.startsWith('-mllvm');
  return text.startsWith('-f') && isPlainFeature(text);
}
