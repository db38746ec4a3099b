/** One stream on which a worker is shown a tree, with both its ends. */
import { Pipe, type Stage, Word } from './stage.ts';
import type { ToldPart, TreeAnswer, TreeRequest } from './tree-frames.ts';

export class Session {
  readonly id: number;
  /** Number of the tree. */
  readonly tree: number;
  readonly toWorker: Pipe;
  readonly toSubmitter: Pipe;
  readonly #stage: Stage;
  /** It is mounted; false: it has ended. */
  readonly opened: Word<boolean>;
  isOver = false;
  onAnswer: (id: number, answer: TreeAnswer) => void = () => undefined;
  onPushed: (content: TreeAnswer) => void = () => undefined;
  onTold: (parts: readonly ToldPart[]) => void = () => undefined;
  onEndAtWorker: () => void = () => undefined;
  onEndAtSubmitter: () => void = () => undefined;
  asked: (id: number, request: TreeRequest) => void = () => undefined;

  constructor(stage: Stage, id: number, tree: number) {
    this.#stage = stage;
    this.opened = new Word(stage);
    this.id = id;
    this.tree = tree;
    this.toWorker = new Pipe(stage, 2);
    this.toSubmitter = new Pipe(stage, 2);
  }

  /** Each end hears of it in its time. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.opened.say(false);
    this.toWorker.cut();
    this.toSubmitter.cut();
    this.#stage.after(this.#stage.dice.delay(5), () => this.onEndAtWorker());
    this.#stage.after(this.#stage.dice.delay(5), () => this.onEndAtSubmitter());
  }
}
