/** A worker: trees that are mounted on it, each with the machine that ships, and jobs in them. */

import {
  createMountedTree,
  faultsOf,
  hostTree,
  type MountedTreeAction,
  type MountedTreeEvent,
  type MountedTreeState,
  type NamedFault,
} from '../../../src/core/tree/mounted-tree.ts';
import type { TreeRules } from '../../../src/core/tree/rules.ts';
import type { Attributes } from './disk.ts';
import type { HelperRules } from './helper-rules.ts';
import { type Access, AccessError, JobEyes, Kernel } from './kernel.ts';
import type { Session } from './session.ts';
import { Pipe, type Process, type Stage, Word } from './stage.ts';
import { SwarmFs } from './swarmfs.ts';
import type { ToldPart, TreeAnswer, TreeRequest } from './tree-frames.ts';

/** What a job does: reads these, looks at those, and writes one file. */
export interface JobWork {
  readonly name: string;
  /** Each is looked for in turn until one is found, and read. */
  readonly reads: readonly (readonly string[])[];
  readonly stats: readonly string[];
  readonly lists: readonly string[];
  readonly output: string;
  /** Between two of these. */
  readonly pauseMs: number;
}

/** What a job left. */
export interface JobEnd {
  readonly accesses: readonly Access[];
  /** What it saw where it writes; undefined: nothing was there. */
  readonly before: Attributes | undefined;
  /** Where it failed; empty: it did not. */
  readonly failure: string;
  readonly faults: number;
}

/** What becomes of an offer. */
export type Outcome =
  | { readonly kind: 'refused' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'ended'; readonly end: JobEnd };

const reachMs = 10_000;

class HostedTree {
  readonly stage: Stage;
  readonly session: Session;
  readonly kernel: Kernel;
  readonly fs: SwarmFs;
  readonly kills = new Map<string, () => void>();
  /** swarmfs reads what it is sent in its time, one frame after the other. */
  readonly #toFs: Pipe;
  readonly reached = new Map<number, Word<boolean>>();
  readonly #told: (readonly ToldPart[])[] = [];
  readonly #answers = new Map<number, (answer: TreeAnswer) => void>();
  state: MountedTreeState<NamedFault>;
  isOver = false;
  #lastRequest = 0;
  #lastWait = 0;

  constructor(stage: Stage, session: Session, generation: number, rules: TreeRules, helpers: HelperRules) {
    this.stage = stage;
    this.session = session;
    this.#toFs = new Pipe(stage, 0.5);
    this.state = createMountedTree(generation, rules);
    this.kernel = new Kernel(stage);
    this.fs = new SwarmFs({
      stage,
      rules: helpers,
      kernel: this.kernel,
      ask: (request, answer) => this.#ask(request, answer),
      // Faults come on swarmfs' way, and may be later than the end of the job.
      fault: (job) => stage.after(stage.dice.delay(1), () => this.step({ type: 'fault', fault: { job } })),
    });
    this.kernel.fs = this.fs;
  }

  #ask(request: TreeRequest, answer: (answer: TreeAnswer) => void): void {
    this.#lastRequest += 1;
    const id = this.#lastRequest;
    this.#answers.set(id, answer);
    this.session.toSubmitter.send(() => this.session.asked(id, request));
  }

  answered(id: number, answer: TreeAnswer): void {
    if (this.isOver) return;
    this.#answers.get(id)?.(answer);
    this.#answers.delete(id);
  }

  told(parts: readonly ToldPart[]): void {
    if (this.isOver) return;
    this.#told.push(parts);
    this.step({ type: 'told', generation: parts.at(-1)?.generation ?? 0 });
  }

  pushed(content: TreeAnswer): void {
    this.#toFs.send(() => {
      if (!this.isOver) this.fs.takePushed(content);
    });
  }

  *reach(generation: number): Process<boolean> {
    this.#lastWait += 1;
    const word = new Word<boolean>(this.stage);
    this.reached.set(this.#lastWait, word);
    const untilMs = this.stage.nowMs + reachMs;
    this.step({ type: 'offered', wait: this.#lastWait, generation, untilMs });
    return yield* word.wait();
  }

  step(event: MountedTreeEvent<NamedFault>): void {
    const [state, actions] = hostTree(this.state, event, this.stage.nowMs);
    this.state = state;
    for (const action of actions) this.#act(action);
  }

  #act(action: MountedTreeAction): void {
    switch (action.type) {
      case 'apply': {
        const parts = this.#told.shift() ?? [];
        this.#toFs.send(() => {
          if (!this.isOver) this.fs.apply(parts, () => this.step({ type: 'applied' }));
        });
        return;
      }
      case 'answer':
        this.reached.get(action.wait)?.say(action.isReached);
        this.reached.delete(action.wait);
        return;
      case 'wake':
        return this.stage.after(action.atMs - this.stage.nowMs, () => this.step({ type: 'tick' }));
      case 'kill':
        for (const stay of action.stays) this.kills.get(stay)?.();
    }
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.step({ type: 'lost' });
  }
}

export class WorkerMachine {
  readonly name: string;
  readonly #stage: Stage;
  readonly #rules: TreeRules;
  readonly #helpers: HelperRules;
  readonly #change: () => number;
  /** By the tree's number. */
  readonly #trees = new Map<number, HostedTree>();
  /** Streams of jobs that are here: their ends. */
  readonly #streams = new Set<() => void>();
  #lastJob = 0;

  constructor(stage: Stage, name: string, rules: TreeRules, helpers: HelperRules, change: () => number) {
    this.#stage = stage;
    this.name = name;
    this.#rules = rules;
    this.#helpers = helpers;
    this.#change = change;
  }

  open(session: Session, generation: number): void {
    const tree = new HostedTree(this.#stage, session, generation, this.#rules, this.#helpers);
    this.#trees.set(session.tree, tree);
    session.toSubmitter.send(() => session.opened.say(true));
    session.onAnswer = (id, answer) => tree.answered(id, answer);
    session.onTold = (parts) => tree.told(parts);
    session.onPushed = (content) => tree.pushed(content);
    session.onEndAtWorker = () => {
      if (this.#trees.get(session.tree) === tree) this.#trees.delete(session.tree);
      tree.end();
    };
  }

  /** swarmfs is killed: the tree ends. */
  killTree(): void {
    for (const tree of this.#trees.values()) {
      tree.session.onEndAtWorker();
      tree.session.end();
      return;
    }
  }

  /** The whole peer is killed, and is there again at once. */
  kill(): void {
    for (const tree of this.#trees.values()) {
      tree.session.onEndAtWorker();
      tree.session.end();
    }
    for (const end of this.#streams) end();
  }

  evict(): void {
    for (const { kernel } of this.#trees.values()) kernel.evict();
  }

  /** The offer of one attempt: how it ends, on a stream of its own. */
  offer(
    tree: number,
    generation: number,
    work: JobWork,
    outcome: Word<Outcome>,
  ): { readonly abandon: () => void } {
    const [there, back] = [new Pipe(this.#stage, 2), new Pipe(this.#stage, 2)];
    const job = { isOver: false };
    const lose = (): void => {
      there.cut();
      back.cut();
      job.isOver = true;
      this.#streams.delete(lose);
      this.#stage.after(this.#stage.dice.delay(3), () => outcome.say({ kind: 'lost' }));
    };
    there.send(() => {
      this.#streams.add(lose);
      this.#stage.spawn(
        this.#run(tree, generation, work, job, (said) => {
          this.#streams.delete(lose);
          back.send(() => outcome.say(said));
        }),
      );
    });
    return { abandon: lose };
  }

  *#run(
    treeNumber: number,
    generation: number,
    work: JobWork,
    job: { isOver: boolean },
    say: (outcome: Outcome) => void,
  ): Process {
    const tree = this.#trees.get(treeNumber);
    if (tree === undefined || !(yield* tree.reach(generation)) || job.isOver || tree.isOver) {
      if (!job.isOver) say({ kind: 'refused' });
      return;
    }
    this.#lastJob += 1;
    const stay = `${this.name}.${this.#lastJob}`;
    let isKilled = false;
    tree.kills.set(stay, () => {
      isKilled = true;
      if (!job.isOver) say({ kind: 'lost' });
    });
    tree.step({ type: 'entered', stay });
    const eyes = new JobEyes(this.#stage, tree.kernel, tree.fs.root, stay, this.#change);
    const working = this.#work(eyes, work);
    let failure = '';
    let before: Attributes | undefined;
    try {
      for (let step = working.next(); ; step = working.next()) {
        if (step.done === true) {
          before = step.value;
          break;
        }
        yield step.value;
        if (isKilled || job.isOver) break;
      }
    } catch (error) {
      if (!(error instanceof AccessError)) throw error;
      failure = error.message;
    }
    // What swarmfs has to tell of it is told before it is judged.
    if (this.#helpers.awaitsFaults) yield 1.1;
    const faults = faultsOf(tree.state, stay).length;
    tree.kills.delete(stay);
    tree.step({ type: 'left', stay });
    if (!job.isOver && !isKilled)
      say({ kind: 'ended', end: { accesses: eyes.accesses, before, failure, faults } });
  }

  *#work(eyes: JobEyes, work: JobWork): Process<Attributes | undefined> {
    const { dice } = this.#stage;
    for (const path of work.stats) yield* eyes.stat(path);
    for (const inTurn of work.reads) {
      for (const path of inTurn) if ((yield* eyes.read(path)) !== undefined) break;
      if (work.pauseMs > 0) yield dice.upTo(work.pauseMs);
    }
    for (const path of work.lists) yield* eyes.list(path);
    return yield* eyes.stat(work.output);
  }
}
