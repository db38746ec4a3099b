/** The submitter: its trees, each with the machine that ships, and its jobs from hand-in to end. */

import { whyNotReplaced } from '../../../src/core/tree/conflict.ts';
import type { ShownTreeAction, ShownTreeEvent } from '../../../src/core/tree/contract.ts';
import {
  createKeptTrees,
  type KeptTreesEvent,
  type KeptTreesState,
  keepTrees,
} from '../../../src/core/tree/kept-trees.ts';
import type { TreeRules } from '../../../src/core/tree/rules.ts';
import {
  createShownTree,
  findRewritten,
  isLedElsewhere,
  judgeReads,
  type ShownTreeState,
  showTree,
} from '../../../src/core/tree/shown-tree.ts';
import { JobWrites } from '../../../src/peer/submit/job-writes.ts';
import { isEqual, split } from './disk.ts';
import type { HelperRules } from './helper-rules.ts';
import type { Access } from './kernel.ts';
import { Session } from './session.ts';
import { type Process, type Stage, Word } from './stage.ts';
import { pushedPiece } from './swarmfs.ts';
import { SwarmTree, type SwarmTreeLimits } from './swarmtree.ts';
import type { ToldPart, TreeAnswer } from './tree-frames.ts';
import type { JobEnd, JobWork, Outcome, WorkerMachine } from './worker.ts';
import type { Project, World } from './world.ts';

/** So small that histories come to them. */
const limits = { mostChanges: 40, mostGiven: 25, mostEventless: 100 };
const kept = { most: 1, idleMs: 400 };
const mostAttempts = 3;

/** What a barrier comes to; undefined: the tree is gone. */
type Passed = { readonly generation: number; readonly change: number } | undefined;

interface Init {
  readonly stage: Stage;
  readonly world: World;
  readonly rules: TreeRules;
  readonly helpers: HelperRules;
  readonly helperLimits: SwarmTreeLimits;
}

class OwnTree {
  readonly number: number;
  readonly swarmtree: SwarmTree;
  readonly sessions = new Map<WorkerMachine, Session>();
  state: ShownTreeState;
  isOver = false;
  readonly #init: Init;
  readonly #tickets = new Map<number, Word<Passed>>();
  #parts: readonly ToldPart[] = [];
  /** The last change that the barrier under way knows of. */
  #asOf = 0;
  #lastTicket = 0;

  constructor(init: Init, number: number) {
    this.#init = init;
    this.number = number;
    this.swarmtree = new SwarmTree(init.stage, init.world.disk, init.helpers, init.helperLimits);
    this.state = createShownTree(limits, init.rules);
  }

  session(worker: WorkerMachine, id: () => number): Session {
    const known = this.sessions.get(worker);
    if (known !== undefined) return known;
    const { stage } = this.#init;
    const session = new Session(stage, id(), this.number);
    const { generation } = this.state;
    this.sessions.set(worker, session);
    this.step({ type: 'opened', session: session.id });
    session.asked = (request, asked) => {
      if (this.isOver) return;
      if (asked.type === 'read') this.step({ type: 'given', session: session.id, path: asked.path });
      this.swarmtree.ask(asked, (answer) => {
        if (answer.type === 'manifest' && !answer.hasFailed)
          this.step({ type: 'listed', path: answer.path, eventless: answer.isEventless });
        session.toWorker.send(() => session.onAnswer(request, answer));
      });
    };
    session.onEndAtSubmitter = () => {
      if (this.sessions.get(worker) === session) this.sessions.delete(worker);
      this.step({ type: 'over', session: session.id });
    };
    session.toWorker.send(() => worker.open(session, generation));
    return session;
  }

  *barrier(): Process<Passed> {
    if (this.isOver) return undefined;
    this.#lastTicket += 1;
    const word = new Word<Passed>(this.#init.stage);
    this.#tickets.set(this.#lastTicket, word);
    this.step({ type: 'barrier-wanted', ticket: this.#lastTicket });
    return yield* word.wait();
  }

  /** What a job will read: what of it has come when its barrier has passed is sent along. */
  readAhead(path: string): { content: TreeAnswer | undefined } {
    const read: { content: TreeAnswer | undefined } = { content: undefined };
    this.swarmtree.ask({ type: 'read', path, piece: pushedPiece, expected: undefined }, (content) => {
      read.content = content;
    });
    return read;
  }

  push(session: Session, content: TreeAnswer): void {
    if (this.isOver || content.type !== 'content' || content.outcome !== 'same') return;
    this.#init.stage.count('pushed');
    if (this.#init.helpers.countsPushed)
      this.step({ type: 'given', session: session.id, path: content.path });
    session.toWorker.send(() => session.onPushed(content));
  }

  step(event: ShownTreeEvent): void {
    const [state, actions] = showTree(this.state, event);
    this.state = state;
    for (const action of actions) this.#act(action);
  }

  #act(action: ShownTreeAction): void {
    const { stage } = this.#init;
    switch (action.type) {
      case 'drain':
        // swarmtree reads what it is sent in its time, and so does this.
        stage.after(stage.dice.delay(0.3), () =>
          this.swarmtree.barrier(action.compare, (parts, asOf) =>
            stage.after(stage.dice.chance(0.3) ? stage.dice.upTo(6) : stage.dice.delay(0.3), () => {
              if (this.isOver) return;
              this.#parts = parts;
              this.#asOf = asOf;
              this.step({ type: 'drained', parts });
            }),
          ),
        );
        return;
      case 'tell': {
        const parts = this.#parts;
        for (const session of this.sessions.values())
          if (action.sessions.includes(session.id)) session.toWorker.send(() => session.onTold(parts));
        return;
      }
      case 'passed':
        for (const ticket of action.tickets) {
          this.#tickets.get(ticket)?.say({ generation: action.generation, change: this.#asOf });
          this.#tickets.delete(ticket);
        }
        return;
      case 'failed':
        for (const ticket of action.tickets) this.#tickets.get(ticket)?.say(undefined);
    }
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.swarmtree.kill();
    for (const session of this.sessions.values()) {
      session.onEndAtSubmitter();
      session.end();
    }
    for (const word of this.#tickets.values()) word.say(undefined);
  }
}

/** A job, from its hand-in on. */
export interface Job {
  readonly number: number;
  readonly project: Project;
  readonly work: JobWork;
}

export class SubmitterMachine {
  readonly trees = new Map<Project, OwnTree>();
  readonly #init: Init;
  readonly #writes = new JobWrites();
  #kept: KeptTreesState;
  #lastTree = 0;
  #lastSession = 0;

  constructor(init: Init) {
    this.#init = init;
    this.#kept = createKeptTrees(kept, init.rules);
  }

  #step(event: KeptTreesEvent): void {
    const { stage } = this.#init;
    const [state, actions] = keepTrees(this.#kept, event, stage.nowMs);
    this.#kept = state;
    for (const action of actions)
      if (action.type === 'end') this.#end(action.tree as Project);
      else stage.after(action.atMs - stage.nowMs, () => this.#step({ type: 'tick' }));
    const idle = [...state.trees.values()].filter(({ jobs }) => jobs === 0).length;
    if (idle > 0 && state.trees.size > kept.most) stage.wrong.push('more trees are kept than may be');
  }

  #end(project: Project): void {
    this.trees.get(project)?.end();
    this.trees.delete(project);
  }

  /** swarmtree is killed: the tree ends. */
  killTree(project: Project): void {
    if (!this.trees.has(project)) return;
    this.#end(project);
    this.#step({ type: 'gone', tree: project });
  }

  #enter(project: Project): { readonly tree: OwnTree; readonly leave: () => void } {
    let tree = this.trees.get(project);
    if (tree === undefined) {
      this.#lastTree += 1;
      tree = new OwnTree(this.#init, this.#lastTree);
      this.trees.set(project, tree);
    }
    const entered = tree;
    this.#step({ type: 'entered', tree: project });
    return {
      tree,
      leave: () => {
        if (this.trees.get(project) === entered) this.#step({ type: 'left', tree: project });
      },
    };
  }

  /** How it ended: exactly once. */
  *run(job: Job, workers: readonly WorkerMachine[]): Process {
    const { stage, world } = this.#init;
    const handedIn = world.disk.change;
    const { output } = job.work;
    this.#writes.begin(job.number, [output]);
    let ending = 'inline: three attempts';
    for (let attempts = 1; attempts <= mostAttempts; attempts++) {
      stage.count('attempts');
      const said = yield* this.#attempt(job, stage.dice.pick(workers), handedIn);
      if (said === 'believed' || said.startsWith('inline')) {
        ending = said;
        break;
      }
      stage.count(`again: ${said}`);
    }
    // Its wrapper runs it.
    if (ending !== 'believed') this.#write(output);
    this.#writes.end(job.number, stage.nowMs);
    stage.count(ending);
    stage.count('jobs');
  }

  *#attempt(job: Job, worker: WorkerMachine, handedIn: number): Process<string> {
    const { stage } = this.#init;
    const { tree, leave } = this.#enter(job.project);
    try {
      const session = tree.session(worker, () => ++this.#lastSession);
      if (!(yield* session.opened.wait())) return 'the tree is gone';
      const preparedMs = stage.nowMs;
      const startedNs = BigInt(Math.floor(stage.nowMs)) * 1_000_000n;
      const [[source] = []] = job.work.reads;
      // A compile has a source, other commands have none.
      const ahead = source === undefined || job.number % 2 === 0 ? undefined : tree.readAhead(source);
      const passed = yield* tree.barrier();
      if (passed === undefined) return 'the tree is gone';
      if (ahead?.content !== undefined) tree.push(session, ahead.content);
      const outcome = new Word<Outcome>(stage);
      const offered = worker.offer(tree.number, passed.generation, job.work, outcome);
      // Somebody waits no longer: whatever still comes is dropped.
      if (stage.dice.chance(0.03))
        stage.after(stage.dice.upTo(20), () => {
          stage.count('given up');
          offered.abandon();
        });
      const said = yield* outcome.wait();
      if (said.kind !== 'ended') return said.kind;
      return yield* this.#settle(job, tree, session, said.end, { handedIn, preparedMs, startedNs, passed });
    } finally {
      leave();
    }
  }

  *#settle(
    job: Job,
    tree: OwnTree,
    session: Session,
    end: JobEnd,
    { handedIn, preparedMs, startedNs, passed }: Begun,
  ): Process<string> {
    const { stage, rules } = this.#init;
    const { output } = job.work;
    if (end.faults > 0 && this.#init.helpers.mindsFaults) return 'fault';
    const settled = yield* tree.barrier();
    if (settled === undefined) return 'the tree is gone';
    const isOwn = (path: string): boolean => this.#writes.isOfOthers(job.number, path, preparedMs);
    const { generation } = passed;
    const reads = judgeReads(tree.state, { session: session.id, generation, isOwn });
    if (reads.kind !== 'kept') return reads.kind;
    if (end.failure === '') {
      const replaced = [{ path: output, withAll: false }];
      if (findRewritten(tree.state, generation, replaced) !== undefined) return 'inline: conflict';
      // The answer to the barrier, and the looks at what is there, take their time.
      if (stage.dice.chance(0.3)) yield stage.dice.delay(2);
      const isElsewhere = isLedElsewhere(tree.state, generation, output);
      if (this.#whyNot(output, end, startedNs, rules, isElsewhere)) return 'inline: conflict';
    }
    this.#check(job, end, handedIn, settled.change, isOwn);
    if (end.failure === '') this.#write(output);
    return 'believed';
  }

  /** As comparison.ts does. */
  #whyNot(
    output: string,
    { before }: JobEnd,
    startedNs: bigint,
    rules: TreeRules,
    isElsewhere: boolean,
  ): boolean {
    const { disk } = this.#init.world;
    const there = disk.inodeAt(output);
    if (there === undefined)
      return before !== undefined || disk.inodeAt(split(output).directory) === undefined;
    if (isElsewhere) return true;
    const { ctimeMs, links } = disk.attributesOf(there);
    const now = {
      ctimeNs: BigInt(Math.round(ctimeMs * 1e6)),
      nlink: BigInt(links),
      uid: 0n,
      isDirectory: there.kind === 'directory',
    };
    return whyNotReplaced(now, startedNs, rules) !== undefined;
  }

  #write(output: string): void {
    const { disk } = this.#init.world;
    const hidden = `${split(output).directory}/.buildswarm${disk.change}`;
    disk.create(hidden, 1);
    disk.rename(hidden, output);
    disk.unlink(hidden);
  }

  /** What must hold of a job that is believed. */
  #check(job: Job, end: JobEnd, handedIn: number, settled: number, isOwn: (path: string) => boolean): void {
    const { stage, world } = this.#init;
    const tell = (what: string): void => {
      stage.wrong.push(`job ${job.number} (${job.work.output}), handed in at ${handedIn}: ${what}`);
    };
    if (end.failure !== '') tell(`a failure is believed that is none at home: ${end.failure}`);
    for (const access of end.accesses) {
      const { path, what, saw, change } = access;
      if (what === 'attributes' && world.isLinkedLate(path)) continue;
      let isSo = false;
      for (let at = change; at >= handedIn && !isSo; at--) isSo = isSame(world.tells(path, what, at), saw);
      if (!isSo) tell(`${path} ${what} was seen as ${shown(saw)} at ${change}, and never was that since`);
      if (typeof what !== 'number' || isExempt(path, isOwn)) continue;
      const now = world.tells(path, what, settled);
      if (now !== saw)
        tell(`${path} ${what} was read as ${shown(saw)} and is ${shown(now)} when it is believed`);
    }
    if (end.failure !== '') return;
    const now = world.tells(job.work.output, 'attributes', world.disk.change);
    if (!isSame(now, end.before)) tell(`it replaces ${shown(now)}, and has seen ${shown(end.before)}`);
  }
}

function isSame(one: Access['saw'] | undefined, other: Access['saw'] | undefined): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other;
  return isEqual(one, other);
}

function shown(saw: Access['saw'] | undefined): string {
  return typeof saw === 'object' ? JSON.stringify(saw) : (saw ?? 'absent');
}

interface Begun {
  readonly handedIn: number;
  readonly preparedMs: number;
  readonly startedNs: bigint;
  readonly passed: NonNullable<Passed>;
}

/** Jobs of this peer write it, or move what leads to it. */
function isExempt(path: string, isOwn: (path: string) => boolean): boolean {
  for (let at = path; at !== ''; at = split(at).directory) if (isOwn(at)) return true;
  return false;
}
