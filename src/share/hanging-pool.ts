/**
 * A pool of servants (threads, programs) for calls that may hang. Each has one request at a time, so that a call that
 * hangs holds up no other for long; every request has a deadline; a servant that misses it is set aside, and others go on.
 */
import { DiskError } from './disk-error.ts';

/** One thread or program. */
export interface Servant<Request> {
  ask(request: Request): void;
  /** Its request has missed the deadline: it may answer yet, and must not keep the process alive. */
  setAside(): void;
  end(): unknown;
}

/** What a servant tells the pool. */
export interface ServantEvents<Answer> {
  onAnswer(answer: Answer | Error): void;
  /** It has ended; may be told more than once. */
  onLost(why: string): void;
}

export interface HangingPoolOptions<Request, Answer> {
  /** Servants that work at the same time. */
  readonly maxServants: number;
  /** Servants that may hang besides; when there is no other left, new requests fail at once. */
  readonly maxHung: number;
  readonly start: (events: ServantEvents<Answer>) => Servant<Request>;
}

interface Call<Request, Answer> {
  readonly request: Request;
  /** For people. */
  readonly what: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

interface Place<Request, Answer> {
  readonly servant: Servant<Request>;
  /** Also while it hangs in a call that was given up. */
  busy: Call<Request, Answer> | undefined;
  isHung: boolean;
  /** It has not answered yet. */
  isNew: boolean;
}

/**
 * So long requests wait for servants that are there before one more is started. A disk has answered a burst of them by then, and
 * a thread takes more CPU to start than hundreds of answers; a server across a network has not.
 */
const patienceMs = 10;
/** The same while one of them has just been started: its own start takes longer than an answer. */
const startPatienceMs = 200;

export class HangingPool<Request, Answer> {
  readonly #options: HangingPoolOptions<Request, Answer>;
  readonly #places = new Set<Place<Request, Answer>>();
  readonly #queue: Call<Request, Answer>[] = [];
  #isClosed = false;
  /** Runs while requests wait for servants that work. */
  #patience: NodeJS.Timeout | undefined;

  constructor(options: HangingPoolOptions<Request, Answer>) {
    this.#options = options;
  }

  /** Servants that sit in a call beyond its deadline. */
  get hung(): number {
    return [...this.#places].filter(({ isHung }) => isHung).length;
  }

  /**
   * Has one request answered.
   *
   * @param what - names it in errors.
   * @param timeoutMs - from now, waiting for a servant included.
   * @throws DiskError `HUNG` if the deadline passed (the call may still take effect later), or what the servant answered.
   */
  run(request: Request, what: string, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new DiskError(`the peer is stopping, so ${what} was not done`, 'CLOSED'));
        return;
      }
      const timer = setTimeout(() => this.#expire(call, timeoutMs), timeoutMs);
      const call: Call<Request, Answer> = { request, what, resolve, reject, timer };
      this.#queue.push(call);
      this.#pump();
    });
  }

  /** Ends the servants; calls that are not done yet fail. Those that hang are left to the end of the process. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopWaiting();
    const open = [...this.#queue.splice(0), ...[...this.#places].flatMap(({ busy }) => busy ?? [])];
    for (const call of open) fail(call, new DiskError(`the peer stopped during ${call.what}`, 'CLOSED'));
    const ending = [...this.#places].filter(({ isHung }) => !isHung);
    await Promise.all(ending.map(({ servant }) => servant.end()));
  }

  #expire(call: Call<Request, Answer>, timeoutMs: number): void {
    const at = this.#queue.indexOf(call);
    if (at >= 0) this.#queue.splice(at, 1);
    for (const place of this.#places) {
      if (place.busy !== call) continue;
      place.isHung = true;
      place.servant.setAside();
    }
    const what = `the file system did not answer within ${timeoutMs} ms (${call.what})`;
    fail(call, new DiskError(`${what}; see whether its server is up and the network is well`, 'HUNG'));
    this.#pump();
  }

  /** @param isPatient - whether requests may wait for servants that work now. */
  #pump(isPatient = true): void {
    let mayWait = isPatient;
    for (;;) {
      const [call] = this.#queue;
      if (call === undefined) return this.#stopWaiting();
      const places = [...this.#places];
      let place = places.find(({ busy }) => busy === undefined);
      const working = places.filter(({ busy, isHung }) => busy !== undefined && !isHung).length;
      if (place === undefined && working > 0 && mayWait) return this.#wait();
      try {
        if (place === undefined && this.#hasRoom(working)) place = this.#startPlace();
      } catch (error) {
        this.#queue.shift();
        fail(call, new DiskError(`nothing could be started for ${call.what}: ${String(error)}`, 'INTERNAL'));
        continue;
      }
      // Those that work will be done, or be given up, in time for it.
      if (place === undefined && working > 0) return;
      this.#queue.shift();
      if (place === undefined) {
        fail(call, new DiskError(`${this.hung} file system calls hang already; not trying another`, 'HUNG'));
        continue;
      }
      mayWait = true;
      place.busy = call;
      place.servant.ask(call.request);
    }
  }

  #hasRoom(working: number): boolean {
    const { maxServants, maxHung } = this.#options;
    return working < maxServants && this.#places.size < maxServants + maxHung;
  }

  #wait(): void {
    const isStarting = [...this.#places].some(({ isNew, isHung }) => isNew && !isHung);
    const afterMs = isStarting ? startPatienceMs : patienceMs;
    this.#patience ??= setTimeout(() => {
      const over = this.#patience;
      // Where it was this thread that had no time, the answers are there already.
      setImmediate(() => {
        if (this.#patience !== over) return;
        this.#patience = undefined;
        this.#pump(false);
      });
    }, afterMs);
  }

  #stopWaiting(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #startPlace(): Place<Request, Answer> {
    const servant = this.#options.start({
      onAnswer: (answer) => {
        const { busy } = place;
        place.busy = undefined;
        place.isHung = false;
        if (place.isNew) this.#stopWaiting();
        place.isNew = false;
        if (busy !== undefined) settle(busy, answer);
        this.#pump();
      },
      onLost: (why) => {
        if (!this.#places.delete(place)) return;
        if (place.busy !== undefined)
          fail(place.busy, new DiskError(`internal: ended during ${place.busy.what}: ${why}`, 'INTERNAL'));
        if (!this.#isClosed) this.#pump();
      },
    });
    const place: Place<Request, Answer> = { servant, busy: undefined, isHung: false, isNew: true };
    this.#places.add(place);
    return place;
  }
}

/** A call that was given up is settled already; then nothing happens. */
function settle<Request, Answer>(call: Call<Request, Answer>, answer: Answer | Error): void {
  clearTimeout(call.timer);
  if (answer instanceof Error) call.reject(answer);
  else call.resolve(answer);
}

function fail<Request, Answer>(call: Call<Request, Answer>, error: Error): void {
  settle(call, error);
}
