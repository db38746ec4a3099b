/**
 * Histories of edits and builds on machines with stale caches, played with the view code that ships. A history is all
 * that follows from its seed. It is wrong if a result is believed although some file access saw what the submitter's
 * machine no longer had when the job was handed in, or if something does not end.
 */
import type { ViewJob } from '../../src/core/view/contract.ts';
import { type ViewRules, viewRules } from '../../src/core/view/rules.ts';
import { Stage } from './stale-cache/stage.ts';
import { SubmitterMachine } from './stale-cache/submitter-machine.ts';
import { type Process, Timeline } from './stale-cache/timeline.ts';
import { WorkerMachine } from './stale-cache/worker-machine.ts';
import { includeDirs, objects, root, sources } from './stale-cache/world.ts';

type Kind = 'compile' | 'cached-compile' | 'link' | 'generate';

const maxAttempts = 3;
/** In one history of so many the server's clock is set back by so much. */
const setBackOneIn = 11;
const setBackMs = 300_000;
/** In three histories of so many, compiles are told of what compiles like them have searched. */
const kinThreeIn = 13;

export class History {
  readonly seed: number;
  readonly #stage: Stage;
  readonly #submitter: SubmitterMachine;
  readonly #workers: readonly WorkerMachine[];
  readonly #timeline: Timeline;
  /** Director and jobs that have not ended. */
  #live = 1;

  constructor(seed: number, rules: ViewRules) {
    this.seed = seed;
    const stage = new Stage(seed);
    this.#stage = stage;
    this.#submitter = new SubmitterMachine(stage, rules);
    this.#workers = ['w0', 'w1'].map((name) => new WorkerMachine(stage, name));
    this.#timeline = new Timeline(stage.tree);
    // Most trees are older than all caches, some were made just now.
    if (stage.dice.chance(0.7)) stage.tree.nowMs += 200_000;
  }

  get wrong(): readonly string[] {
    return this.#stage.findings.wrong;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#stage.findings.counts;
  }

  get #isSetBack(): boolean {
    return this.seed % setBackOneIn === setBackOneIn - 1;
  }

  get #hasKin(): boolean {
    return this.seed % kinThreeIn < 3;
  }

  /** Plays it to its end. */
  play(): this {
    this.#timeline.spawn(this.#direct(), 0);
    for (const worker of this.#workers) this.#timeline.spawn(worker.idle(this.#timeline), 0);
    for (let steps = 0; this.#live > 0; steps++) {
      if (steps <= 100_000 && this.#timeline.step()) continue;
      this.#stage.findings.wrong.push('the history does not end');
      break;
    }
    return this;
  }

  /** Edits and hand-ins. */
  *#direct(): Process {
    const { dice, world } = this.#stage;
    const others = dice.chance(0.3) ? 0.4 : 0.03;
    let untilSetBack = this.#isSetBack ? 1 : -1;
    for (let rounds = 4 + dice.below(8); rounds > 0; rounds--) {
      if (untilSetBack-- === 0) {
        // What it never looked at it cannot see to change: that is right again when it compares clocks, each minute.
        yield* this.#submitter.lookAround();
        this.#stage.tree.aheadMs -= setBackMs;
      }
      const isBurst = dice.chance(0.3);
      for (let edits = dice.below(4); edits > 0; edits--) {
        world.edit(dice.chance(others) ? 'other' : 'submitter', isBurst ? 0.8 : 0.3);
        if (isBurst) this.#handIn();
        if (dice.chance(0.6)) yield dice.chance(0.5) || isBurst ? dice.upTo(5) : dice.pause();
      }
      for (let jobs = 1 + dice.below(2); jobs > 0; jobs--) this.#handIn();
      yield dice.pause();
    }
    this.#live--;
  }

  #handIn(): void {
    this.#live++;
    this.#timeline.spawn(this.#job(), this.#stage.dice.upTo(3));
  }

  #jobOf(kind: Kind): ViewJob {
    const { dice } = this.#stage;
    const compiles = kind === 'compile' || kind === 'cached-compile';
    const output = dice.pick([...objects, `${root}/lib/gen/g.h`, `${root}/lib/gen/sub/c.h`]);
    const source = dice.pick(sources);
    return {
      cwd: `${root}/out`,
      inputs: kind === 'link' ? objects : [source],
      includeDirs: compiles ? includeDirs : [],
      otherDirs: [],
      renamedOutputs: compiles ? [`${source}.o`] : [],
      inPlaceOutputs: kind === 'generate' ? [output] : [],
      key: `${kind} ${source}`,
      kinships: compiles && this.#hasKin ? [`${root}/src`, includeDirs.join(' ')] : [],
      byStat: kind === 'cached-compile',
      reports: kind !== 'generate',
    };
  }

  *#job(): Process {
    const { dice, tree, world, findings } = this.#stage;
    const submitter = this.#submitter;
    const kind = dice.pick(['compile', 'compile', 'compile', 'cached-compile', 'link', 'generate'] as const);
    const job = this.#jobOf(kind);
    const allowed = world.oldestAllowed();
    const handedInMs = tree.nowMs;
    const view = submitter.view.begin(job, handedInMs);
    let ending = 'inline: three attempts';
    for (let attempts = 1; attempts <= maxAttempts; attempts++) {
      findings.count('attempts');
      const worker = dice.pick(this.#workers);
      const prepared = yield* submitter.prepare(view, worker);
      if (prepared === undefined) {
        ending = 'inline: cannot be offered';
        break;
      }
      yield dice.delay(2);
      const answer = yield* worker.takeOffer(prepared.offer);
      yield dice.delay(1);
      if (!submitter.view.answered(prepared.attempt, answer)) {
        findings.count('again: refused stale-view');
        continue;
      }
      const run = yield* worker.run(job, submitter);
      const outcome = yield* worker.outcome(run, prepared.offer.knownReports);
      yield dice.delay(2);
      const verdict = yield* submitter.judge(view, prepared.attempt, outcome);
      if (verdict === 'believed') {
        const what = `${kind} handed in at ${handedInMs} run by ${worker.name}`;
        findings.check(world, run.accesses, allowed, what);
        ending = 'believed';
        break;
      }
      if (verdict === 'inline') {
        ending = 'inline: not provable';
        break;
      }
      findings.count(`again: ${verdict}`);
    }
    findings.count(ending);
    findings.count('jobs');
    this.#live--;
  }
}

/** Plays `count` histories from `firstSeed` on, until one is wrong. */
export function playHistories(
  firstSeed: number,
  count: number,
  rules: ViewRules = viewRules,
): { wrong: History | undefined; counts: Map<string, number>; played: number } {
  const counts = new Map<string, number>();
  for (let played = 0; played < count; played++) {
    const history = new History(firstSeed + played, rules).play();
    for (const [what, times] of history.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    if (history.wrong.length > 0) return { wrong: history, counts, played: played + 1 };
  }
  return { wrong: undefined, counts, played: count };
}
