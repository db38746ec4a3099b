import type { Access } from './compiler.ts';
import type { World } from './world.ts';

/** What came of a history: what went wrong in it, and how often what happened. */
export class Findings {
  readonly wrong: string[] = [];
  readonly counts = new Map<string, number>();

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Of a run that was believed: each access must have seen what the submitter's machine still had when the job was handed in, or later. `allowed`: see World.oldestAllowed. */
  check(world: World, accesses: readonly Access[], allowed: ReadonlyMap<string, number>, what: string): void {
    for (const { path, saw, atMs } of accesses) {
      const states = world.history.get(path);
      if (states === undefined) {
        this.wrong.push(`internal: nothing is known of ${path}`);
        continue;
      }
      const from = allowed.get(path) ?? 0;
      if (states.some((state, place) => place >= from && state.saw === saw)) continue;
      if (world.nameless.has(saw)) continue;
      const had = states.map((state) => `${state.saw}@${state.fromMs}`).join(' ');
      this.wrong.push(
        `${what}: ${path} was seen as ${saw} at ${atMs}; the submitter had, from #${from}: ${had}`,
      );
    }
  }
}
