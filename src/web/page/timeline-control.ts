/** Moves the timeline: follows what happens, or goes where mouse and keys say. */
import type { Moment } from '../messages.ts';
import type { TimelineRows } from '../timeline-rows.ts';
import { known } from './store.ts';
import { type ColourBy, type Span, type Spot, TimelineView, type Tip } from './timeline-view.ts';

const liveMs = 60_000;
/** Between two drawings of what moves by itself. */
const movingMs = 66;
const shortestMs = 50;
/** Where a build has just begun. */
const leastBuildMs = 2_000;

/** A trace that was opened from a file. */
export interface OpenedTrace extends Span {
  readonly name: string;
  readonly rows: TimelineRows;
  readonly machines: readonly string[];
}

export class TimelineControl {
  readonly #view: TimelineView;
  readonly #scroll: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #space: HTMLElement;
  readonly #setTip: (tip: Tip | undefined) => void;
  readonly #setMode: (mode: TimelineControl['mode']) => void;
  readonly #ended = new AbortController();
  readonly #resized: ResizeObserver;
  mode: 'build' | 'live' | 'free' = 'build';
  #moment: Moment | undefined;
  #opened: OpenedTrace | undefined;
  #spot: Spot | undefined;
  #dragX: number | undefined;
  #isDue = true;
  #drawnAtMs = 0;

  constructor(
    scroll: HTMLElement,
    canvas: HTMLCanvasElement,
    space: HTMLElement,
    setTip: (tip: Tip | undefined) => void,
    setMode: (mode: TimelineControl['mode']) => void,
  ) {
    this.#scroll = scroll;
    this.#canvas = canvas;
    this.#space = space;
    this.#setTip = setTip;
    this.#setMode = setMode;
    this.#view = new TimelineView(canvas, known.rows);
    this.#view.readColours();
    this.#resized = new ResizeObserver(() => this.#draw());
    this.#resized.observe(scroll);
    this.#listen();
    this.#frame();
  }

  end(): void {
    this.#ended.abort();
    this.#resized.disconnect();
  }

  /** @param opened - a trace that is shown instead of what happens now. */
  update(moment: Moment | undefined, opened: OpenedTrace | undefined, submitters: readonly string[]): void {
    this.#moment = moment;
    if (opened !== this.#opened) {
      this.#opened = opened;
      this.#spot = undefined;
      this.#setTip(undefined);
      this.#view.rows = opened?.rows ?? known.rows;
      this.#scroll.scrollTop = 0;
      this.#enter('build');
    }
    const peers = moment === undefined ? [] : [moment.status.self, ...moment.status.peers];
    this.#view.arrange(
      opened?.machines.map((name) => ({ id: name, name, slots: 0 })) ??
        peers.map(({ id, name, slots, state }) => ({
          id,
          name,
          slots: state === 'ready' || id === moment?.status.self.id ? slots : 0,
        })),
      submitters,
    );
    // The canvas stays in sight at the top of what is scrolled.
    const sightHeight = Math.min(this.#view.height, 480);
    this.#scroll.style.height = `${sightHeight}px`;
    this.#canvas.style.height = `${sightHeight}px`;
    this.#space.style.height = `${Math.max(0, this.#view.height - sightHeight)}px`;
    this.#draw();
  }

  follow(mode: 'build' | 'live'): void {
    this.#enter(mode);
    this.#draw();
  }

  colour(by: ColourBy): void {
    this.#view.colourBy = by;
    this.#draw();
  }

  restyle(): void {
    this.#view.readColours();
    this.#draw();
  }

  #enter(mode: TimelineControl['mode']): void {
    this.mode = mode;
    this.#setMode(mode);
  }

  #draw(): void {
    this.#isDue = true;
  }

  readonly #frame = (): void => {
    if (this.#ended.signal.aborted) return;
    requestAnimationFrame(this.#frame);
    const nowMs = performance.now();
    const isMoving =
      this.#opened === undefined && (this.mode === 'live' || (this.#moment?.build.unfinished ?? 0) > 0);
    if (!this.#isDue && !(isMoving && nowMs - this.#drawnAtMs >= movingMs)) return;
    this.#isDue = false;
    this.#drawnAtMs = nowMs;
    const dateMs = Date.now();
    this.#view.originMs = this.#opened?.fromMs ?? this.#moment?.build.startedAtMs ?? dateMs;
    if (this.mode !== 'free')
      this.#view.span = this.mode === 'live' ? this.#lastMinute(dateMs) : this.#buildSpan(dateMs);
    this.#view.scrollTop = this.#scroll.scrollTop;
    this.#view.selected = this.#spot?.bar.run;
    this.#view.draw(dateMs);
  };

  #lastMinute(nowMs: number): Span {
    const toMs = this.#opened?.toMs ?? nowMs;
    return { fromMs: toMs - liveMs, toMs };
  }

  #buildSpan(nowMs: number): Span {
    if (this.#opened !== undefined) return this.#opened;
    const fromMs = this.#moment?.build.startedAtMs ?? nowMs - leastBuildMs;
    let endMs = fromMs + leastBuildMs;
    if ((this.#moment?.build.unfinished ?? 0) > 0) endMs = Math.max(endMs, nowMs);
    else
      for (const peer of known.rows.peers)
        for (const { bars } of known.rows.rowsOf(peer)) endMs = Math.max(endMs, bars.at(-1)?.run.toMs ?? 0);
    return { fromMs, toMs: endMs + (endMs - fromMs) * 0.01 };
  }

  #listen(): void {
    const on = <Name extends keyof HTMLElementEventMap>(
      name: Name,
      act: (event: HTMLElementEventMap[Name]) => void,
      passive = true,
    ) => this.#canvas.addEventListener(name, act, { signal: this.#ended.signal, passive });
    this.#scroll.addEventListener('scroll', () => this.#draw(), {
      signal: this.#ended.signal,
      passive: true,
    });
    on('pointermove', (event) => this.#pointed(event));
    on('pointerleave', () => this.#select(undefined));
    on('pointerdown', (event) => {
      if (event.pointerType === 'touch') return this.#pointed(event);
      this.#dragX = event.offsetX;
      this.#canvas.setPointerCapture(event.pointerId);
    });
    on('pointerup', () => {
      this.#dragX = undefined;
    });
    on(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
        event.preventDefault();
        if (event.ctrlKey || event.metaKey) this.#zoom(1.002 ** event.deltaY, event.offsetX);
        else this.#pan(event.deltaX);
      },
      false,
    );
    on('keydown', (event) => this.#pressed(event), false);
    on('blur', () => this.#select(undefined));
  }

  #pointed(event: PointerEvent): void {
    if (this.#dragX !== undefined && event.offsetX !== this.#dragX) {
      this.#pan(this.#dragX - event.offsetX);
      this.#dragX = event.offsetX;
      return this.#select(undefined);
    }
    this.#select(this.#view.spotAt(event.offsetX, event.offsetY), { x: event.clientX, y: event.clientY });
  }

  #pressed(event: KeyboardEvent): void {
    const moves: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.#step(-1, 0),
      ArrowRight: () => this.#step(1, 0),
      ArrowUp: () => this.#step(0, -1),
      ArrowDown: () => this.#step(0, 1),
      '+': () => this.#zoom(0.7),
      '=': () => this.#zoom(0.7),
      '-': () => this.#zoom(1.4),
      '0': () => this.follow('build'),
      l: () => this.follow('live'),
      Escape: () => this.#select(undefined),
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  }

  /** To the next job. */
  #step(across: number, down: number): void {
    const next =
      this.#spot === undefined ? this.#view.first() : this.#view.neighbour(this.#spot, across, down);
    if (next === undefined) return;
    const { y } = this.#view.placeOf(next);
    if (y < 40) this.#scroll.scrollTop += y - 40;
    if (y > this.#canvas.clientHeight - 20) this.#scroll.scrollTop += y - this.#canvas.clientHeight + 20;
    this.#view.scrollTop = this.#scroll.scrollTop;
    const place = this.#view.placeOf(next);
    const box = this.#canvas.getBoundingClientRect();
    this.#select(next, { x: box.left + place.x, y: box.top + place.y });
  }

  #select(spot: Spot | undefined, at = { x: 0, y: 0 }): void {
    if (spot === undefined && this.#spot === undefined) return;
    this.#spot = spot;
    this.#setTip(spot === undefined ? undefined : { run: spot.bar.run, ...at });
    this.#draw();
  }

  /** @param x - of the canvas: what stays where it is; the middle if left out. */
  #zoom(by: number, x = this.#view.gutter + (this.#canvas.clientWidth - this.#view.gutter) / 2): void {
    const { fromMs, toMs } = this.#view.span;
    const fixedMs = this.#view.timeAt(x);
    const factor = Math.max(by, shortestMs / (toMs - fromMs));
    this.#view.span = {
      fromMs: fixedMs - (fixedMs - fromMs) * factor,
      toMs: fixedMs + (toMs - fixedMs) * factor,
    };
    this.#enter('free');
    this.#draw();
  }

  #pan(pixels: number): void {
    const { fromMs, toMs } = this.#view.span;
    const ms = this.#view.timeAt(pixels) - this.#view.timeAt(0);
    this.#view.span = { fromMs: fromMs + ms, toMs: toMs + ms };
    this.#enter('free');
    this.#draw();
  }
}
