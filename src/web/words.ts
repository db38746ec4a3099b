/** Numbers and times as people read them. Pure. */

export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

export function bytesText(bytes: number): string {
  const gib = bytes / 2 ** 30;
  return gib >= 1 ? `${gib.toFixed(gib < 10 ? 1 : 0)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

export function rateText(perSecond: number): string {
  return perSecond === 0 ? '0' : perSecond.toFixed(perSecond < 10 ? 1 : 0);
}

/** As 14:03:05, of this machine's clock. */
export function timeOfDay(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

const steps = [
  10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

/** Round steps between two marks of a time axis, so that there are at most so many. */
export function stepBetweenMarks(spanMs: number, mostMarks: number): number {
  return steps.find((step) => spanMs / step <= mostMarks) ?? 7_200_000;
}

/** What stands at a mark: the time since the beginning. */
export function markText(ms: number, stepMs: number): string {
  const sign = ms < 0 ? '−' : '';
  const seconds = Math.abs(ms) / 1_000;
  if (stepMs < 1_000) return `${sign}${seconds.toFixed(stepMs < 100 ? 2 : 1)} s`;
  if (seconds < 60) return `${sign}${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${sign}${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
