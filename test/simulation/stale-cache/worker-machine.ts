/** A worker's machine: it answers offers, runs commands and reports what they read, all through its own caches. */
import { absent } from '../../../src/core/fact.ts';
import { nextRandom } from '../../../src/core/random.ts';
import type {
  NamedFact,
  ViewAnswer,
  ViewJob,
  ViewOffer,
  WorkerMount,
} from '../../../src/core/view/contract.ts';
import type { AttemptOutcome } from '../../../src/core/view/judge.ts';
import { ReadLog } from '../../../src/core/view/read-log.ts';
import { continueOffer, takeOffer } from '../../../src/core/view/worker.ts';
import { NfsClient } from './client.ts';
import { type Access, compile, type Run } from './compiler.ts';
import { maxSteps, type Stage } from './stage.ts';
import type { SubmitterMachine } from './submitter-machine.ts';
import type { Process, Timeline } from './timeline.ts';
import { includeDirs, includesOf, root, system, universe } from './world.ts';

export class WorkerMachine {
  readonly #stage: Stage;
  readonly name: string;
  readonly mount: WorkerMount;
  readonly #client: NfsClient;
  readonly #log = new ReadLog();

  constructor(stage: Stage, name: string) {
    this.#stage = stage;
    this.name = name;
    this.mount = { cacheMaxMs: 60_000, timesOnly: stage.version === 3 };
    this.#client = new NfsClient(stage.tree, stage.version, stage.dice.random);
  }

  /** Other programs here: they fill the caches, hold files open. */
  *idle(timeline: Timeline): Process {
    const { dice } = this.#stage;
    const client = this.#client;
    for (;;) {
      for (let accesses = dice.below(12); accesses > 0; accesses--) {
        const path = dice.pick(universe);
        const how = nextRandom(dice.random);
        if (how < 0.4) client.stat(path, true);
        else if (how < 0.9) client.open(path);
        else if (how < 0.95) client.opendir(path.slice(0, path.lastIndexOf('/')));
        else {
          const held = client.hold(path);
          if (held !== undefined && client.version === 4)
            timeline.spawn(release(held, dice.upTo(100_000)), 0);
        }
        if (dice.chance(0.3)) yield dice.upTo(4);
      }
      yield dice.upTo(dice.pick([5, 50, 2_000, 20_000]));
    }
  }

  *takeOffer(offer: ViewOffer): Process<ViewAnswer> {
    const { dice, tree, findings } = this.#stage;
    const client = this.#client;
    let [state, action] = takeOffer(root, offer);
    for (let steps = 0; steps < maxSteps; steps++) {
      switch (action.type) {
        case 'answer':
          return action.answer;
        case 'refresh': {
          const unopened: string[] = [];
          for (const directory of action.directories) {
            if (!client.opendir(directory)) unopened.push(directory);
            if (dice.chance(0.1)) yield dice.delay(1);
          }
          [state, action] = continueOffer(state, { type: 'refreshed', unopened }, tree.nowMs);
          break;
        }
        case 'look': {
          const facts: NamedFact[] = [];
          for (const path of action.paths) {
            facts.push({ path, fact: client.open(path)?.fact ?? client.stat(path, false) });
            if (dice.chance(0.1)) yield dice.delay(1);
          }
          [state, action] = continueOffer(state, { type: 'looked', facts }, tree.nowMs);
          break;
        }
        case 'wait':
          yield action.untilMs - tree.nowMs;
          [state, action] = continueOffer(state, { type: 'woken' }, tree.nowMs);
      }
    }
    findings.wrong.push('a worker never answers an offer');
    return { kind: 'stale', files: [] };
  }

  *run(job: ViewJob, submitter: SubmitterMachine): Process<Run> {
    const { dice, tree } = this.#stage;
    const client = this.#client;
    if (job.includeDirs.length > 0) {
      const command = {
        source: job.inputs[0] ?? '',
        includeDirs,
        byStat: job.byStat,
        includes: includesOf,
        system,
        pace: dice.pace,
      };
      return yield* compile(client, command, dice.random, () => tree.nowMs);
    }
    const accesses: Access[] = [];
    const read: string[] = [];
    const trace = job.reports ? { read, lookedUp: read } : undefined;
    for (const path of job.inputs) {
      yield dice.delay(5);
      const opened = client.open(path);
      read.push(path);
      accesses.push({ path, saw: String(opened?.content ?? 'absent'), atMs: tree.nowMs });
      if (opened === undefined) return { accesses, trace, succeeded: false };
    }
    const output = job.inPlaceOutputs[0];
    if (output !== undefined) yield* this.#generate(output, submitter);
    return { accesses, trace, succeeded: true };
  }

  /** Writes an output in place; the job goes on when the submitter sees it. */
  *#generate(path: string, submitter: SubmitterMachine): Process {
    const { world } = this.#stage;
    const written = this.#client.write(path, 100);
    world.record(false);
    if (written === undefined) return;
    if (world.saw(path) !== String(written.content)) world.nameless.add(String(written.content));
    yield* submitter.awaitOutput(path, written);
  }

  /** What is reported after a run. */
  *outcome(run: Run, knownReports: number): Process<AttemptOutcome> {
    if (run.trace === undefined) return { succeeded: run.succeeded, report: undefined };
    const { dice } = this.#stage;
    // What it wrote down may have a gap.
    if (dice.chance(0.02)) return { succeeded: run.succeeded, report: undefined };
    yield dice.delay(4);
    const read: NamedFact[] = [];
    for (const path of run.trace.read) {
      read.push({ path, fact: this.#client.stat(path, true) });
      if (dice.chance(0.02)) yield dice.delay(3);
    }
    const searched = new Set(run.trace.lookedUp.map((path) => path.slice(0, path.lastIndexOf('/'))));
    for (const path of searched)
      if (path.startsWith(`${root}/`)) read.push({ path, fact: { ...absent, kind: 'directory' } });
    return { succeeded: run.succeeded, report: this.#log.report(read, knownReports) };
  }
}

function* release(inode: { holds: number; links: number }, afterMs: number): Process {
  yield afterMs;
  inode.holds--;
}
