/**
 * Who is alive: when to send beats, who has been silent for too long. Pure: told what was heard and what time it is.
 *
 * A peer that we wait for (a job is in flight, either way) is watched: a beat a second, suspect after 2.5 s of
 * silence, lost after 8; so is one that was asked whether it is still there, until it is heard. Others get a beat in 15 s. Whoever lags itself doubts itself first: time in which our own
 * event loop stood still is no silence of theirs, and the limits are stretched for a while, by a step for each time
 * that it did. A single stall says little about the next seconds, however long it was (a machine that slept, a
 * debugger); a machine that lags again and again soon judges eight times as slowly.
 */
export interface PulseSettings {
  readonly watchedBeatMs: number;
  readonly idleBeatMs: number;
  readonly suspectMs: number;
  readonly watchedLostMs: number;
  readonly idleLostMs: number;
}

export const defaultPulse: PulseSettings = {
  watchedBeatMs: 1000,
  idleBeatMs: 15_000,
  suspectMs: 2500,
  watchedLostMs: 8000,
  idleLostMs: 40_000,
};

/** The round trip is measured once in so many beats' time, whatever else is heard. */
const sampleEvery = 10;
const lagMs = 500;
const maxDoubt = 7;
const doubtLastsMs = 5000;

/** One peer's pulse; owned by {@link Pulse}, read by anyone. */
export interface PulseRecord {
  readonly id: string;
  readonly watched: boolean;
  readonly suspect: boolean;
  readonly rttMs: number;
  /** When it was heard last, no allowance made for our own lag. */
  readonly wordMs: number;
}

interface Row {
  readonly id: string;
  watched: boolean;
  suspect: boolean;
  /** It was asked whether it is still there. */
  asked: boolean;
  rttMs: number;
  wordMs: number;
  /** The same, with an allowance for times in which we could not have heard it. */
  heardMs: number;
  /** When the beat that waits for its answer was sent. */
  sentMs: number;
  beat: number;
  answered: boolean;
}

export type PulseAction =
  | { readonly kind: 'beat'; readonly id: string; readonly beat: number }
  | { readonly kind: 'suspect'; readonly id: string; readonly silentMs: number }
  | { readonly kind: 'lost'; readonly id: string; readonly silentMs: number };

export class Pulse {
  readonly #settings: PulseSettings;
  readonly #rows = new Map<string, Row>();
  #doubt = 0;
  #doubtMs = 0;
  #watched = 0;

  constructor(settings: PulseSettings = defaultPulse) {
    this.#settings = settings;
  }

  /** By how much limits are stretched now: 1 when our own event loop is on time, at most 8. */
  get stretch(): number {
    return 1 + this.#doubt;
  }

  /** How long until the next `tick` should come. */
  get intervalMs(): number {
    return this.#watched > 0 ? this.#settings.watchedBeatMs / 4 : this.#settings.watchedBeatMs;
  }

  get(id: string): PulseRecord | undefined {
    return this.#rows.get(id);
  }

  /** @returns a first beat, for the round trip. */
  add(id: string, nowMs: number): PulseAction[] {
    const row: Row = {
      id,
      watched: false,
      suspect: false,
      asked: false,
      rttMs: 0,
      wordMs: nowMs,
      heardMs: nowMs,
      sentMs: nowMs,
      beat: 0,
      answered: true,
    };
    this.#rows.set(id, row);
    return [this.#beat(row, nowMs)];
  }

  remove(id: string): void {
    if (this.#rows.get(id)?.watched === true) this.#watched -= 1;
    this.#rows.delete(id);
  }

  /**
   * @returns the beat to send at once: silence is counted from now, and must be able to end. None if the last was sent a
   *   moment ago: small jobs, one after the other, are watched for hundreds of times a second.
   */
  watch(id: string, on: boolean, nowMs: number): PulseAction[] {
    const row = this.#rows.get(id);
    if (row === undefined || row.watched === on) return [];
    row.watched = on;
    this.#watched += on ? 1 : -1;
    if (!on) return [];
    row.heardMs = nowMs;
    return nowMs - row.sentMs < this.#settings.watchedBeatMs ? [] : [this.#beat(row, nowMs)];
  }

  /** Something says that all of them may be out of reach: @returns beats; whoever answers none is lost as a watched one is. */
  askAll(nowMs: number): PulseAction[] {
    return [...this.#rows.values()].map((row) => {
      if (!row.watched && !row.suspect) row.heardMs = nowMs;
      row.asked = true;
      return this.#beat(row, nowMs);
    });
  }

  /** @returns true if it was suspect and is well again. */
  heard(id: string, nowMs: number): boolean {
    const row = this.#rows.get(id);
    if (row === undefined) return false;
    row.heardMs = nowMs;
    row.wordMs = nowMs;
    const again = row.suspect;
    row.suspect = false;
    row.asked = false;
    return again;
  }

  /** The answer to a beat came. */
  acknowledged(id: string, beat: number, nowMs: number): void {
    const row = this.#rows.get(id);
    if (row === undefined || row.answered || row.beat !== beat) return;
    row.answered = true;
    const sampleMs = nowMs - row.sentMs;
    row.rttMs = row.rttMs === 0 ? sampleMs : row.rttMs + (sampleMs - row.rttMs) / 8;
  }

  tick(nowMs: number, dueMs: number): PulseAction[] {
    this.#doubtSelf(nowMs, nowMs - dueMs);
    const actions: PulseAction[] = [];
    for (const row of this.#rows.values()) {
      const silentMs = nowMs - row.heardMs;
      // One that is suspect gets nothing to do, and so may be watched no more: it is to be well or lost soon all the same.
      const isAwaited = row.watched || row.suspect || row.asked;
      const lostMs = isAwaited ? this.#settings.watchedLostMs : this.#settings.idleLostMs;
      if (silentMs > lostMs * this.stretch) {
        actions.push({ kind: 'lost', id: row.id, silentMs });
        continue;
      }
      if (isAwaited && !row.suspect && silentMs > this.#settings.suspectMs * this.stretch) {
        row.suspect = true;
        actions.push({ kind: 'suspect', id: row.id, silentMs });
      }
      // A beat is due a little early rather than a whole tick late. Whoever was just heard needs none: so it is one
      // beat and one answer a pair, and none while other things are said; but now and then, for the round trip.
      const beatMs = isAwaited ? this.#settings.watchedBeatMs : this.#settings.idleBeatMs;
      const margin = this.intervalMs / 2;
      const isDue = nowMs - Math.max(row.sentMs, row.heardMs) >= beatMs - margin;
      if (isDue || nowMs - row.sentMs >= sampleEvery * beatMs - margin) actions.push(this.#beat(row, nowMs));
    }
    return actions;
  }

  #beat(row: Row, nowMs: number): PulseAction {
    row.beat += 1;
    row.sentMs = nowMs;
    row.answered = false;
    return { kind: 'beat', id: row.id, beat: row.beat };
  }

  #doubtSelf(nowMs: number, lateMs: number): void {
    if (lateMs > lagMs) {
      for (const row of this.#rows.values()) row.heardMs = Math.min(nowMs, row.heardMs + lateMs);
      this.#doubt = Math.min(maxDoubt, this.#doubt + 1);
      this.#doubtMs = nowMs;
    } else if (this.#doubt > 0 && nowMs - this.#doubtMs > doubtLastsMs) {
      this.#doubt -= 1;
      this.#doubtMs = nowMs;
    }
  }
}
