/** Renders lines of the log for people. Pure. */

const levels: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

const fatal = 60;

/** A line of the log as `14:03:05.123 info  peer ready peer=12D3… name=lab1`; one that is not of ours as it is. */
export function renderLogLine(line: string): string {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return line; // a fault that Node itself wrote
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return line;
  const { level, time, msg, ...facts } = entry as Record<string, unknown>;
  const word = typeof level === 'number' ? (levels[level] ?? String(level)) : '-';
  const pairs = Object.entries(facts).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [
    typeof time === 'number' ? timeOf(time) : '-',
    word.padEnd(5),
    typeof msg === 'string' ? msg : '-',
    ...pairs,
  ].join(' ');
}

/** A line of the log for programs: what Node itself wrote becomes an object, too. */
export function jsonLogLine(line: string): string {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) return line;
  } catch {
    // Not of ours.
  }
  return JSON.stringify({ level: fatal, msg: line });
}

function timeOf(ms: number): string {
  const date = new Date(ms);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
