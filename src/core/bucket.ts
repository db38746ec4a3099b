/** A token bucket: so much at once, so much a second. Holds no clock. */
export interface Allowance {
  /** At once. */
  readonly burst: number;
  readonly perS: number;
}

export class Bucket {
  readonly #allowance: Allowance;
  #left: number;
  #atMs: number;

  constructor(allowance: Allowance, nowMs: number) {
    this.#allowance = allowance;
    this.#left = allowance.burst;
    this.#atMs = nowMs;
  }

  /** Whether there is so much left; takes nothing. */
  has(amount: number, nowMs: number): boolean {
    const { burst, perS } = this.#allowance;
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1000) * perS);
    this.#atMs = nowMs;
    return amount <= this.#left;
  }

  /** @returns false if there is not so much left; then nothing is taken. */
  take(amount: number, nowMs: number): boolean {
    if (!this.has(amount, nowMs)) return false;
    this.#left -= amount;
    return true;
  }

  /** What was taken was not used after all. */
  give(amount: number): void {
    this.#left = Math.min(this.#allowance.burst, this.#left + amount);
  }
}
