/** What is still being done though nobody waits for it, until the peer ends. */
export class UnderWay {
  readonly #all = new Set<Promise<void>>();

  /** @param task - its failure is told by whoever began it. */
  add(task: Promise<unknown>): void {
    const over: Promise<void> = task
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#all.delete(over));
    this.#all.add(over);
  }

  /** Begins something; what is returned tells its end. */
  begin(): () => void {
    let end = (): void => undefined;
    this.add(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    );
    return end;
  }

  /** Resolves when nothing is, what was begun meanwhile included. */
  async over(): Promise<void> {
    while (this.#all.size > 0) await Promise.all(this.#all);
  }
}
