/** Carries out what {@link Pulse} decides: the timer, the beats, and what is told of the silent. */
import type { SwarmOptions } from './contract.ts';
import { defaultPulse, Pulse, type PulseAction, type PulseSettings } from './pulse.ts';

export interface HeartOptions {
  readonly nowMs: () => number;
  readonly settings: PulseSettings | undefined;
  readonly log: SwarmOptions['log'];
  readonly sendBeat: (id: string, beat: number) => void;
  readonly onSuspect: (id: string, silentMs: number) => void;
  readonly onWell: (id: string) => void;
  readonly onLost: (id: string, silentMs: number) => void;
  /** After each tick, at least once a second. */
  readonly onTick: (nowMs: number) => void;
}

export class Heart {
  readonly #options: HeartOptions;
  readonly #pulse: Pulse;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#pulse = new Pulse(options.settings ?? defaultPulse);
  }

  start(): void {
    this.#tickLater();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  add(id: string): void {
    this.#act(this.#pulse.add(id, this.#options.nowMs()));
  }

  remove(id: string): void {
    this.#pulse.remove(id);
  }

  watch(id: string, on: boolean): void {
    const nowMs = this.#options.nowMs();
    this.#act(this.#pulse.watch(id, on, nowMs));
    // Only when it is sooner: a peer that is watched again and again must not put the tick off for ever.
    if (nowMs + this.#pulse.intervalMs < this.#dueMs) this.#tickLater();
  }

  /** All are to show soon that they are still there. */
  askAll(): void {
    this.#act(this.#pulse.askAll(this.#options.nowMs()));
  }

  heard(id: string): void {
    if (!this.#pulse.heard(id, this.#options.nowMs())) return;
    this.#options.log('info', 'peer is heard again', { peer: id });
    this.#options.onWell(id);
  }

  /** One of our beats was answered. */
  answered(id: string, beat: number): void {
    this.#pulse.acknowledged(id, beat, this.#options.nowMs());
  }

  lastWordMs(id: string): number | undefined {
    return this.#pulse.get(id)?.wordMs;
  }

  rttMs(id: string): number | undefined {
    return this.#pulse.get(id)?.rttMs;
  }

  #tickLater(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const delayMs = this.#pulse.intervalMs;
    const dueMs = this.#options.nowMs() + delayMs;
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => {
      const nowMs = this.#options.nowMs();
      this.#act(this.#pulse.tick(nowMs, dueMs));
      this.#options.onTick(nowMs);
      this.#tickLater();
    }, delayMs);
    this.#timer.unref();
  }

  #act(actions: readonly PulseAction[]): void {
    for (const action of actions) {
      if (action.kind === 'suspect') {
        this.#options.log('warn', 'peer is silent', { peer: action.id, silentMs: action.silentMs });
        this.#options.onSuspect(action.id, action.silentMs);
      } else if (action.kind === 'lost') this.#options.onLost(action.id, action.silentMs);
      else this.#options.sendBeat(action.id, action.beat);
    }
  }
}
