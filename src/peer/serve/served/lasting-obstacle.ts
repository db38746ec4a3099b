/** What keeps this machine from something, asked again for as long as there is an answer: a want may be over by then. */
import { type StartTimer, startTimer } from '../../alarm.ts';

const askAgainMs = 60_000;

export interface LastingObstacleInit {
  /** Undefined: nothing is in the way. */
  readonly ask: () => Promise<string | undefined>;
  readonly onChange: (now: string | undefined, before: string | undefined) => void;
  readonly startTimer?: StartTimer;
}

export class LastingObstacle {
  readonly #init: LastingObstacleInit;
  #why: string | undefined;
  #asking: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(init: LastingObstacleInit) {
    this.#init = init;
  }

  get why(): string | undefined {
    return this.#why;
  }

  /** The first answer has come when this ends. @throws what `ask` throws */
  async start(): Promise<void> {
    this.#learn(await this.#init.ask());
    this.#askLater();
  }

  /** No question is open when this ends. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#asking;
  }

  #askLater(): void {
    if (this.#why === undefined || this.#isStopped) return;
    this.#cancel = (this.#init.startTimer ?? startTimer)(askAgainMs, () => {
      this.#asking = this.#askAgain();
    });
  }

  async #askAgain(): Promise<void> {
    try {
      this.#learn(await this.#init.ask());
    } catch (error) {
      this.#learn(String(error));
    }
    this.#askLater();
  }

  #learn(now: string | undefined): void {
    const before = this.#why;
    this.#why = now;
    if (now !== before) this.#init.onChange(now, before);
  }
}
