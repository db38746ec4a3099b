/**
 * Histories of changes, jobs and faults, played with the machines of served trees that ship (`core/tree`), on models of
 * the submitter's file system, of swarmtree and swarmfs, and of the workers' kernels. A history is all that follows from its
 * seed. It is wrong if a job is believed that saw something the submitter did not have since it was handed in, or read
 * what is another now; if it replaces what it has not seen; or if something does not end, or ends for no reason.
 */
import { type TreeRules, treeRules } from '../../src/core/tree/rules.ts';
import { type HelperRules, helperRules } from './served-tree/helper-rules.ts';
import { type Process, Stage } from './served-tree/stage.ts';
import { SubmitterMachine } from './served-tree/submitter.ts';
import { type JobWork, WorkerMachine } from './served-tree/worker.ts';
import { candidates, type Project, projects, World } from './served-tree/world.ts';

/** Nothing is changed but by jobs, and nothing breaks, in one history of so many: then nothing runs twice. */
const quietOneIn = 6;
/** Nothing breaks. */
const soundOneIn = 3;
/** Watches run short. */
const shortOneIn = 7;

export interface AllRules {
  readonly tree: TreeRules;
  readonly helpers: HelperRules;
}

export const allRules: AllRules = { tree: treeRules, helpers: helperRules };

export class TreeHistory {
  readonly seed: number;
  readonly #stage: Stage;
  readonly #world: World;
  readonly #submitter: SubmitterMachine;
  readonly #workers: readonly WorkerMachine[];
  #live = 1;
  #jobs = 0;

  constructor(seed: number, { tree, helpers }: AllRules) {
    this.seed = seed;
    const stage = new Stage(seed);
    this.#stage = stage;
    const isShort = seed % shortOneIn === 0;
    this.#world = new World(stage, isShort);
    const { disk } = this.#world;
    this.#workers = ['w0', 'w1'].map(
      (name) => new WorkerMachine(stage, name, tree, helpers, () => disk.change),
    );
    const helperLimits = {
      mostEvents: stage.dice.chance(0.5) || this.#isQuiet ? 10_000 : 60,
      mostWatches: isShort ? 4 + stage.dice.below(6) : 10_000,
    };
    const init = { stage, world: this.#world, rules: tree, helpers, helperLimits };
    this.#submitter = new SubmitterMachine(init);
    // Most trees are older than what counts as just written.
    if (stage.dice.chance(0.7)) stage.nowMs += 10_000;
  }

  get wrong(): readonly string[] {
    return this.#stage.wrong;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#stage.counts;
  }

  get #isQuiet(): boolean {
    return this.seed % quietOneIn === 0;
  }

  get #isSound(): boolean {
    return this.#isQuiet || this.seed % soundOneIn === 0;
  }

  play(): this {
    const stage = this.#stage;
    stage.spawn(this.#direct());
    for (let steps = 0; this.#live > 0; steps++) {
      if (steps <= 100_000 && stage.step()) continue;
      stage.wrong.push('the history does not end');
      break;
    }
    const times = (what: string): number => stage.counts.get(what) ?? 0;
    const again = [...stage.counts.keys()].filter((what) => /^again: (?!lost|fault)/.test(what));
    if (this.#isQuiet && again.length > 0)
      stage.wrong.push(`nothing was changed, and yet ${again.join(', ')}`);
    if (this.#isSound && times('again: lost') > times('given up'))
      stage.wrong.push('an attempt is lost though nothing broke');
    return this;
  }

  /** Edits, faults and hand-ins. */
  *#direct(): Process {
    const { dice } = this.#stage;
    for (let rounds = 2 + dice.below(4); rounds > 0; rounds--) {
      const isBurst = dice.chance(0.4);
      for (let edits = this.#isQuiet ? 0 : dice.below(4); edits > 0; edits--) {
        this.#stage.spawn(this.#edit(), isBurst ? dice.delay(8) : 0);
        if (dice.chance(0.5)) yield dice.delay(4);
      }
      if (!this.#isSound && dice.chance(0.2)) this.#stage.after(dice.upTo(20), () => this.#break());
      if (dice.chance(0.2)) this.#stage.after(dice.upTo(20), () => dice.pick(this.#workers).evict());
      for (let jobs = 1 + dice.below(2); jobs > 0; jobs--) this.#handIn();
      // Some changes come while jobs run.
      for (let edits = this.#isQuiet ? 0 : dice.below(4); edits > 0; edits--)
        this.#stage.spawn(this.#edit(), dice.upTo(dice.pick([1, 10, 40])));
      yield dice.upTo(dice.pick([1, 5, 20, 60, 500, 3_000]));
    }
    this.#live--;
  }

  *#edit(): Process {
    const { dice } = this.#stage;
    for (const _ of this.#world.edit()) if (dice.chance(0.3)) yield dice.delay(3);
    if (this.#live > 0 && dice.chance(0.15)) this.#handIn(0);
    if (!dice.chance(0.3)) return;
    for (const tree of this.#submitter.trees.values()) tree.swarmtree.idle();
  }

  #break(): void {
    const { dice } = this.#stage;
    const kind = dice.below(4);
    this.#stage.count('faults');
    if (kind === 0) this.#submitter.killTree(dice.pick(projects));
    else if (kind === 1) dice.pick(this.#workers).kill();
    else dice.pick(this.#workers).killTree();
  }

  #handIn(delayMs = this.#stage.dice.upTo(3)): void {
    this.#live++;
    this.#stage.spawn(this.#job(), delayMs);
  }

  *#job(): Process {
    this.#jobs += 1;
    const number = this.#jobs;
    const project = this.#stage.dice.pick(projects);
    const work = this.#workOf(number, project);
    this.#world.hot = work.output;
    yield* this.#submitter.run({ number, project, work }, this.#workers);
    this.#live--;
  }

  #workOf(number: number, project: Project): JobWork {
    const { dice } = this.#stage;
    const { headers } = this.#world;
    const reads = headers.filter(() => dice.chance(0.6)).map((header) => candidates(project, header));
    const others = ['m.c', 'n.c', 'way/a.h', 'out/o1', 'out/o2', 'outside'];
    const stats = ['', 'inc', 'inc/sub', 'late', 'cur', 'turn', 'm.c', 'r1/a.h'];
    const some = (names: readonly string[], chance: number): string[] =>
      names.filter(() => dice.chance(chance)).map((name) => (name === '' ? project : `${project}/${name}`));
    const generated = dice.chance(0.3) ? `inc/${dice.pick(headers.slice(0, 3))}` : `out/o${dice.below(4)}`;
    return {
      name: String(number),
      reads: [...some(others, 0.3).map((path) => [path]), ...reads],
      stats: some(stats, 0.3),
      lists: some(['inc', 'out', 'late'], 0.15),
      output: `${project}/${this.#isQuiet ? `out/o${number}` : generated}`,
      pauseMs: dice.chance(0.1) ? 300 : dice.chance(0.5) ? 3 : 0,
    };
  }
}

/** Plays `count` histories from `firstSeed` on, until one is wrong. */
export function playTrees(
  firstSeed: number,
  count: number,
  rules: AllRules = allRules,
): { wrong: TreeHistory | undefined; counts: Map<string, number>; played: number } {
  const counts = new Map<string, number>();
  for (let played = 0; played < count; played++) {
    const history = new TreeHistory(firstSeed + played, rules).play();
    for (const [what, times] of history.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    if (history.wrong.length > 0) return { wrong: history, counts, played: played + 1 };
  }
  return { wrong: undefined, counts, played: count };
}
