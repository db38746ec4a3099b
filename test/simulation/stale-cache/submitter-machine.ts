/** The submitter's machine: it does what its view of the tree asks for, through its own caches. */
import { absent, type Fact } from '../../../src/core/fact.ts';
import { parentOf } from '../../../src/core/paths.ts';
import {
  factFields,
  type LookStep,
  type NamedFact,
  type ViewOffer,
  type WorkerMount,
} from '../../../src/core/view/contract.ts';
import type { AttemptView, JobView } from '../../../src/core/view/job-view.ts';
import type { AttemptOutcome } from '../../../src/core/view/judge.ts';
import { isOutputSeen, nextLookMs } from '../../../src/core/view/outputs.ts';
import type { ViewRules } from '../../../src/core/view/rules.ts';
import { SubmitterView } from '../../../src/core/view/submitter.ts';
import { factOf, type Opened } from './client.ts';
import { maxSteps, type Stage } from './stage.ts';
import type { Process } from './timeline.ts';
import { Watch } from './watch.ts';
import { root } from './world.ts';

export class SubmitterMachine {
  readonly #stage: Stage;
  readonly view: SubmitterView;
  /** Of a comparison of clocks. */
  readonly #error: number;
  readonly #watch: Watch | undefined;

  constructor(stage: Stage, rules: ViewRules) {
    this.#stage = stage;
    const { dice, predicts } = stage;
    this.view = new SubmitterView({ root, rules, limits: predicts ? {} : { maxPredicted: 0 } });
    this.#error = dice.around(10);
    if (stage.watches) this.#watch = new Watch(stage.tree, stage.seed);
    if (dice.chance(0.9)) this.#compareClocks();
  }

  #compareClocks(): void {
    this.view.setClock({ aheadMs: this.#stage.tree.aheadMs + this.#error, uncertaintyMs: 20 });
  }

  /** Looks at all paths of the world, and all directories above them. */
  *lookAround(): Process {
    const { world } = this.#stage;
    const paths = new Set<string>();
    for (const path of world.history.keys())
      for (let at = path; at.length >= root.length; at = parentOf(at)) paths.add(at);
    yield* this.#look({ kind: 'look', paths: [...paths].toSorted(), links: [], lists: [] });
  }

  /** What to offer to a worker. Undefined: it cannot be offered. */
  *prepare(
    view: JobView,
    { name, mount }: { readonly name: string; readonly mount: WorkerMount },
  ): Process<{ offer: ViewOffer; attempt: AttemptView } | undefined> {
    const { dice, tree, findings } = this.#stage;
    if (this.view.isClockDoubted && dice.chance(0.5)) this.#compareClocks();
    yield* this.#hearChanges();
    for (let steps = 0; steps < maxSteps; steps++) {
      const step = this.view.prepare(view, name, mount, tree.nowMs);
      if (step.kind === 'offer') return step;
      if (step.kind === 'inline') return undefined;
      if (step.kind === 'look') yield* this.#look(step);
      else if (step.kind === 'wait') yield step.untilMs - tree.nowMs + dice.delay(1);
      else yield* this.#bump(step.directories);
    }
    findings.wrong.push('an offer is never ready');
    return undefined;
  }

  *judge(view: JobView, attempt: AttemptView, outcome: AttemptOutcome): Process<string> {
    for (let steps = 0; steps < maxSteps; steps++) {
      const verdict = this.view.judge(view, attempt, outcome);
      if (verdict.kind === 'again') return verdict.reason;
      if (verdict.kind === 'look') yield* this.#look(verdict);
      else if (verdict.kind === 'wait')
        yield verdict.untilMs - this.#stage.tree.nowMs + this.#stage.dice.delay(1);
      else return verdict.kind;
    }
    this.#stage.findings.wrong.push('a verdict is never ready');
    return 'inline';
  }

  /** Something wrote an output in place elsewhere: looks at it until this machine sees it, or gives up and has it sent. */
  *awaitOutput(path: string, written: Opened): Process {
    const { world, findings } = this.#stage;
    const { nowMs: beganMs } = this.#stage.tree;
    for (let looks = 1; ; looks += 1) {
      if (!world.isServer)
        for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1))
          world.submitter.opendir(path.slice(0, at));
      if (isOutputSeen(this.#lstat(path), written.fact, { fields: factFields })) {
        world.seen(path, String(written.content));
        return;
      }
      const pauseMs = nextLookMs(looks, this.#stage.tree.nowMs - beganMs);
      if (pauseMs === undefined) {
        findings.count('output sent');
        return;
      }
      yield pauseMs;
    }
  }

  *#bump(directories: readonly string[]): Process {
    const { dice, tree, world, findings } = this.#stage;
    const beganMs = tree.nowMs;
    const seen: NamedFact[] = [];
    for (const path of directories) {
      if (world.isServer) tree.chmod(tree.resolve(path, true)?.id ?? 0);
      else world.submitter.chmod(path);
      seen.push({ path, fact: this.#lstat(path) });
      if (dice.chance(0.2)) yield dice.delay(1);
    }
    findings.count('bumped');
    this.view.bumped(seen, [], beganMs, tree.nowMs);
  }

  /** An answer comes a moment after it was true, and another job's may come between. */
  *#hearChanges(): Process {
    const watch = this.#watch;
    if (watch === undefined) return;
    const beganMs = this.#stage.tree.nowMs;
    const told = watch.barrier();
    this.view.told(told, beganMs);
    if (watch.dice.chance(0.3)) yield watch.dice.delay(2);
  }

  *#look(step: LookStep): Process {
    const { dice, tree, world } = this.#stage;
    const beganMs = tree.nowMs;
    const seen: NamedFact[] = [];
    const held = this.#watch?.look(step.paths);
    for (const path of step.paths) {
      seen.push({ path, fact: this.#lstat(path) });
      if (dice.chance(0.05)) yield dice.delay(2);
    }
    if (this.#watch?.dice.chance(0.3) === true) yield this.#watch.dice.delay(2);
    this.view.observe(seen, beganMs, tree.nowMs, held);
    const links: { path: string; target: string }[] = [];
    for (const path of step.links) {
      const inode = tree.resolve(path, false);
      const target = world.isServer ? inode?.target : world.submitter.readlink(path);
      if (target !== undefined && target !== '') links.push({ path, target });
    }
    this.view.observeLinks(links);
    const listBeganMs = tree.nowMs;
    const lists = step.lists.map((path) => ({ path, names: this.#list(path) }));
    if (dice.chance(0.2)) yield dice.delay(2);
    this.view.observeLists(lists, listBeganMs);
    yield dice.delay(0.5);
  }

  #lstat(path: string): Fact {
    const { tree, world } = this.#stage;
    if (!world.isServer) return world.submitter.stat(path, false);
    const inode = tree.resolve(path, false);
    return inode === undefined ? absent : factOf(inode);
  }

  #list(path: string): string[] {
    const { tree, world } = this.#stage;
    if (!world.isServer) return world.submitter.list(path);
    const names: string[] = [];
    for (const [name, id] of tree.resolve(path, true)?.entries ?? [])
      if (tree.inodes.get(id)?.kind === 'directory') names.push(name);
    return names;
  }
}
