/**
 * Histories of edits and builds on machines with stale caches, played with the view code that ships. A history is all
 * that follows from its seed. It is wrong if a result is believed although some file access saw what the submitter's
 * machine no longer had when the job was handed in, or if something does not end.
 */
import type { Fact } from '../../src/core/fact.ts';
import { absent } from '../../src/core/fact.ts';
import { createRandom, nextInteger, nextRandom, type RandomState } from '../../src/core/random.ts';
import type {
  LookStep,
  NamedFact,
  ViewAnswer,
  ViewCheck,
  ViewJob,
  ViewOffer,
  WorkerMount,
} from '../../src/core/view/contract.ts';
import { factFields } from '../../src/core/view/contract.ts';
import type { AttemptView, JobView } from '../../src/core/view/job-view.ts';
import { compareOutputs } from '../../src/core/view/outputs.ts';
import { ReadLog } from '../../src/core/view/read-log.ts';
import { type Outcome, SubmitterView } from '../../src/core/view/submitter.ts';
import { continueOffer, takeOffer } from '../../src/core/view/worker.ts';
import { factOf, NfsClient } from './stale-cache/client.ts';
import { type Access, compile, type Run } from './stale-cache/compiler.ts';
import { ServerTree } from './stale-cache/server.ts';
import {
  includeDirs,
  includesOf,
  objects,
  root,
  sources,
  system,
  universe,
  World,
} from './stale-cache/world.ts';

/** A sequence of waits, in ms; what is done happens in between. */
type Process<Result = void> = Generator<number, Result>;

interface Machine {
  readonly name: string;
  readonly client: NfsClient;
  readonly mount: WorkerMount;
  readonly log: ReadLog;
}

type Kind = 'compile' | 'cached-compile' | 'link' | 'generate';

const maxAttempts = 3;
/** More steps than this before one offer or verdict: it goes round in circles. */
const maxSteps = 60;

export class History {
  readonly seed: number;
  readonly #random: RandomState;
  readonly #tree: ServerTree;
  readonly #world: World;
  readonly #view: SubmitterView;
  readonly #predicts: boolean;
  readonly #workers: Machine[] = [];
  readonly #queue: { readonly atMs: number; readonly process: Process }[] = [];
  readonly #pace: number;
  /** Director and jobs that have not ended. */
  #live = 1;
  readonly wrong: string[] = [];
  readonly counts = new Map<string, number>();

  constructor(seed: number, without: readonly ViewCheck[] = []) {
    this.seed = seed;
    this.#random = createRandom(seed);
    const random = this.#random;
    this.#pace = this.#chance(0.5) ? 1 : 0.1;
    this.#tree = new ServerTree(this.#chance(0.7) ? 10 : 1, Math.round((nextRandom(random) - 0.5) * 4_000));
    const version = this.#chance(0.5) ? 3 : 4;
    const submitter = new NfsClient(this.#tree, version, random);
    this.#world = new World(this.#tree, submitter, this.#chance(0.3), random);
    // Where trees are too large to watch all below the include directories, only names that were found tell what was searched.
    this.#predicts = this.#chance(0.6);
    this.#view = new SubmitterView({ root, without, limits: this.#predicts ? {} : { maxPredicted: 0 } });
    const error = (nextRandom(random) - 0.5) * 20;
    if (this.#chance(0.9)) this.#view.setClock({ aheadMs: this.#tree.aheadMs + error, uncertaintyMs: 20 });
    for (let place = 0; place < 2; place++)
      this.#workers.push({
        name: `w${place}`,
        client: new NfsClient(this.#tree, version, random),
        mount: { cacheMaxMs: 60_000, timesOnly: version === 3 },
        log: new ReadLog(),
      });
    // Most trees are older than all caches, some were made just now.
    if (this.#chance(0.7)) this.#tree.nowMs += 200_000;
  }

  /** Plays it to its end. */
  play(): this {
    this.#spawn(this.#direct(), 0);
    for (const worker of this.#workers) this.#spawn(this.#idle(worker), 0);
    for (let steps = 0; this.#live > 0; steps++) {
      const next = this.#queue.shift();
      if (next === undefined || steps > 100_000) {
        this.wrong.push('the history does not end');
        break;
      }
      this.#tree.nowMs = Math.max(this.#tree.nowMs, next.atMs);
      const step = next.process.next();
      if (step.done !== true) this.#spawn(next.process, step.value);
    }
    return this;
  }

  #spawn(process: Process, delayMs: number): void {
    const atMs = this.#tree.nowMs + delayMs;
    let place = this.#queue.length;
    while (place > 0 && (this.#queue[place - 1]?.atMs ?? 0) > atMs) place--;
    this.#queue.splice(place, 0, { atMs, process });
  }

  #chance(probability: number): boolean {
    return nextRandom(this.#random) < probability;
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[nextInteger(this.#random, items.length)];
    if (item === undefined) throw new Error('internal: nothing to pick from');
    return item;
  }

  #upTo(ms: number): number {
    return nextRandom(this.#random) * ms;
  }

  /** How long something takes: some networks and machines are quick enough for much to happen in one tick. */
  #delay(ms: number): number {
    return nextRandom(this.#random) * ms * this.#pace;
  }

  #pause(): number {
    return this.#upTo(this.#pick([1, 12, 12, 30, 300, 300, 3_000, 20_000, 90_000]));
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Edits and hand-ins. */
  *#direct(): Process {
    const others = this.#chance(0.3) ? 0.4 : 0.03;
    for (let rounds = 4 + nextInteger(this.#random, 8); rounds > 0; rounds--) {
      const isBurst = this.#chance(0.3);
      for (let edits = nextInteger(this.#random, 4); edits > 0; edits--) {
        this.#world.edit(this.#chance(others) ? 'other' : 'submitter', isBurst ? 0.8 : 0.3);
        if (isBurst) this.#handIn();
        if (this.#chance(0.6)) yield this.#chance(0.5) || isBurst ? this.#upTo(5) : this.#pause();
      }
      for (let jobs = 1 + nextInteger(this.#random, 2); jobs > 0; jobs--) this.#handIn();
      yield this.#pause();
    }
    this.#live--;
  }

  #handIn(): void {
    this.#live++;
    this.#spawn(this.#job(), this.#upTo(3));
  }

  /** Other programs on a worker's machine: they fill its caches, hold files open. */
  *#idle({ client }: Machine): Process {
    for (;;) {
      for (let accesses = nextInteger(this.#random, 12); accesses > 0; accesses--) {
        const path = this.#pick(universe);
        const how = nextRandom(this.#random);
        if (how < 0.4) client.stat(path, true);
        else if (how < 0.9) client.open(path);
        else if (how < 0.95) client.opendir(path.slice(0, path.lastIndexOf('/')));
        else {
          const held = client.hold(path);
          if (held !== undefined && client.version === 4) this.#spawn(release(held, this.#upTo(100_000)), 0);
        }
        if (this.#chance(0.3)) yield this.#upTo(4);
      }
      yield this.#upTo(this.#pick([5, 50, 2_000, 20_000]));
    }
  }

  #jobOf(kind: Kind): ViewJob {
    const compiles = kind === 'compile' || kind === 'cached-compile';
    const output = this.#pick([...objects, `${root}/lib/gen/g.h`, `${root}/lib/gen/sub/c.h`]);
    const source = this.#pick(sources);
    return {
      cwd: `${root}/out`,
      inputs: kind === 'link' ? objects : [source],
      includeDirs: compiles ? includeDirs : [],
      otherDirs: [],
      renamedOutputs: compiles ? [`${source}.o`] : [],
      inPlaceOutputs: kind === 'generate' ? [output] : [],
      key: `${kind} ${source}`,
      byStat: kind === 'cached-compile',
      reports: compiles,
    };
  }

  *#job(): Process {
    const kind = this.#pick(['compile', 'compile', 'compile', 'cached-compile', 'link', 'generate'] as const);
    const job = this.#jobOf(kind);
    const allowed = this.#world.oldestAllowed();
    const handedInMs = this.#tree.nowMs;
    const view = this.#view.begin(job, handedInMs);
    let ending = 'inline: three attempts';
    for (let attempts = 1; attempts <= maxAttempts; attempts++) {
      this.#count('attempts');
      const worker = this.#pick(this.#workers);
      const prepared = yield* this.#prepare(view, worker);
      if (prepared === undefined) {
        ending = 'inline: cannot be offered';
        break;
      }
      yield this.#delay(2);
      const answer = yield* this.#takeOffer(worker, prepared.offer);
      yield this.#delay(1);
      if (!this.#view.answered(prepared.attempt, answer)) {
        this.#count('again: refused stale-view');
        continue;
      }
      const run = yield* this.#run(kind, job, worker);
      const outcome = yield* this.#outcome(run, job, worker, prepared.offer.knownReports);
      yield this.#delay(2);
      const verdict = yield* this.#judge(view, prepared.attempt, outcome);
      if (verdict === 'believed') {
        this.#check(run.accesses, allowed, `${kind} handed in at ${handedInMs} run by ${worker.name}`);
        ending = 'believed';
        break;
      }
      if (verdict === 'inline') {
        ending = 'inline: not provable';
        break;
      }
      this.#count(`again: ${verdict}`);
    }
    this.#count(ending);
    this.#count('jobs');
    this.#live--;
  }

  *#prepare(
    view: JobView,
    { name, mount }: Machine,
  ): Process<{ offer: ViewOffer; attempt: AttemptView } | undefined> {
    for (let steps = 0; steps < maxSteps; steps++) {
      const step = this.#view.prepare(view, name, mount, this.#tree.nowMs);
      if (step.kind === 'offer') return step;
      if (step.kind === 'inline') return undefined;
      if (step.kind === 'look') yield* this.#look(step);
      else if (step.kind === 'wait') yield step.untilMs - this.#tree.nowMs + this.#delay(1);
      else {
        const beganMs = this.#tree.nowMs;
        const seen: NamedFact[] = [];
        for (const path of step.directories) {
          if (this.#world.isServer) this.#tree.chmod(this.#tree.resolve(path, true)?.id ?? 0);
          else this.#world.submitter.chmod(path);
          seen.push({ path, fact: this.#lstat(path) });
          if (this.#chance(0.2)) yield this.#delay(1);
        }
        this.#count('bumped');
        this.#view.bumped(seen, [], beganMs, this.#tree.nowMs);
      }
    }
    this.wrong.push('an offer is never ready');
    return undefined;
  }

  #lstat(path: string): Fact {
    if (!this.#world.isServer) return this.#world.submitter.stat(path, false);
    const inode = this.#tree.resolve(path, false);
    return inode === undefined ? absent : factOf(inode);
  }

  *#look(step: LookStep): Process {
    const beganMs = this.#tree.nowMs;
    const seen: NamedFact[] = [];
    for (const path of step.paths) {
      seen.push({ path, fact: this.#lstat(path) });
      if (this.#chance(0.05)) yield this.#delay(2);
    }
    this.#view.observe(seen, beganMs, this.#tree.nowMs);
    const links: { path: string; target: string }[] = [];
    for (const path of step.links) {
      const inode = this.#tree.resolve(path, false);
      const target = this.#world.isServer ? inode?.target : this.#world.submitter.readlink(path);
      if (target !== undefined && target !== '') links.push({ path, target });
    }
    this.#view.observeLinks(links);
    const listBeganMs = this.#tree.nowMs;
    const lists = step.lists.map((path) => ({ path, names: this.#list(path) }));
    if (this.#chance(0.2)) yield this.#delay(2);
    this.#view.observeLists(lists, listBeganMs);
    yield this.#delay(0.5);
  }

  #list(path: string): string[] {
    if (!this.#world.isServer) return this.#world.submitter.list(path);
    const names: string[] = [];
    for (const [name, id] of this.#tree.resolve(path, true)?.entries ?? [])
      if (this.#tree.inodes.get(id)?.kind === 'directory') names.push(name);
    return names;
  }

  *#takeOffer({ client }: Machine, offer: ViewOffer): Process<ViewAnswer> {
    let [state, action] = takeOffer(root, offer);
    for (let steps = 0; steps < maxSteps; steps++) {
      switch (action.type) {
        case 'answer':
          return action.answer;
        case 'refresh':
          for (const directory of action.directories) {
            client.opendir(directory);
            if (this.#chance(0.1)) yield this.#delay(1);
          }
          [state, action] = continueOffer(state, { type: 'refreshed' }, this.#tree.nowMs);
          break;
        case 'look': {
          const facts: NamedFact[] = [];
          for (const path of action.paths) {
            facts.push({ path, fact: client.open(path)?.fact ?? client.stat(path, false) });
            if (this.#chance(0.1)) yield this.#delay(1);
          }
          [state, action] = continueOffer(state, { type: 'looked', facts }, this.#tree.nowMs);
          break;
        }
        case 'wait':
          yield action.untilMs - this.#tree.nowMs;
          [state, action] = continueOffer(state, { type: 'woken' }, this.#tree.nowMs);
      }
    }
    this.wrong.push('a worker never answers an offer');
    return { kind: 'stale', files: [] };
  }

  readonly #includes = (name: string) =>
    includesOf(name).filter((include) => this.#predicts || include.optional !== true);

  *#run(kind: Kind, job: ViewJob, { client }: Machine): Process<Run> {
    if (job.reports)
      return yield* compile(
        client,
        {
          source: job.inputs[0] ?? '',
          includeDirs,
          byStat: job.byStat,
          includes: this.#includes,
          system,
          pace: this.#pace,
        },
        this.#random,
        () => this.#tree.nowMs,
      );
    const accesses: Access[] = [];
    for (const path of job.inputs) {
      yield this.#delay(5);
      const opened = client.open(path);
      accesses.push({ path, saw: String(opened?.content ?? 'absent'), atMs: this.#tree.nowMs });
      if (opened === undefined) return { accesses, read: undefined, succeeded: false };
    }
    const output = job.inPlaceOutputs[0];
    if (kind === 'generate' && output !== undefined) yield* this.#generate(output, client);
    return { accesses, read: undefined, succeeded: true };
  }

  /** Writes an output in place; the job goes on when the submitter sees it. */
  *#generate(path: string, client: NfsClient): Process {
    const written = client.write(path, 100);
    this.#world.record(false);
    if (written === undefined) return;
    if (this.#world.saw(path) !== String(written.content)) this.#world.nameless.add(String(written.content));
    const reported = [{ path, fact: written.fact }];
    for (let looks = 0; ; looks++) {
      if (!this.#world.isServer)
        for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1))
          this.#world.submitter.opendir(path.slice(0, at));
      const step = compareOutputs(reported, [{ path, fact: this.#lstat(path) }], factFields, looks);
      if (step.kind === 'seen') {
        this.#world.seen(path, String(written.content));
        return;
      }
      if (step.kind === 'send') {
        this.#count('output sent');
        return;
      }
      yield step.pauseMs;
    }
  }

  /** What the worker reports after a run. */
  *#outcome(run: Run, job: ViewJob, worker: Machine, knownReports: number): Process<Outcome> {
    if (run.read === undefined) return { succeeded: run.succeeded, report: undefined };
    yield this.#delay(4);
    const read: NamedFact[] = [];
    for (const path of run.read) {
      if (path.startsWith(`${root}/`)) read.push({ path, fact: worker.client.stat(path, true) });
      else read.push({ path: path.slice(0, path.lastIndexOf('/')), fact: { ...absent, kind: 'directory' } });
      if (this.#chance(0.02)) yield this.#delay(3);
    }
    return { succeeded: run.succeeded, report: worker.log.report(read, knownReports) };
  }

  *#judge(view: JobView, attempt: AttemptView, outcome: Outcome): Process<string> {
    for (let steps = 0; steps < maxSteps; steps++) {
      const verdict = this.#view.judge(view, attempt, outcome);
      if (verdict.kind === 'again') return verdict.reason;
      if (verdict.kind !== 'look') return verdict.kind;
      yield* this.#look(verdict);
    }
    this.wrong.push('a verdict is never ready');
    return 'inline';
  }

  #check(accesses: readonly Access[], allowed: ReadonlyMap<string, number>, what: string): void {
    for (const { path, saw, atMs } of accesses) {
      const states = this.#world.history.get(path);
      if (states === undefined) {
        this.wrong.push(`internal: nothing is known of ${path}`);
        continue;
      }
      const from = allowed.get(path) ?? 0;
      if (states.some((state, place) => place >= from && state.saw === saw)) continue;
      if (this.#world.nameless.has(saw)) continue;
      const had = states.map((state) => `${state.saw}@${state.fromMs}`).join(' ');
      this.wrong.push(
        `${what}: ${path} was seen as ${saw} at ${atMs}; the submitter had, from #${from}: ${had}`,
      );
    }
  }
}

function* release(inode: { holds: number; links: number }, afterMs: number): Process {
  yield afterMs;
  inode.holds--;
}

/** Plays `count` histories from `firstSeed` on, until one is wrong. */
export function playHistories(
  firstSeed: number,
  count: number,
  without: readonly ViewCheck[] = [],
): { wrong: History | undefined; counts: Map<string, number>; played: number } {
  const counts = new Map<string, number>();
  for (let played = 0; played < count; played++) {
    const history = new History(firstSeed + played, without).play();
    for (const [what, times] of history.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    if (history.wrong.length > 0) return { wrong: history, counts, played: played + 1 };
  }
  return { wrong: undefined, counts, played: count };
}
