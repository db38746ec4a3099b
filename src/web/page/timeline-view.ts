/** Draws the timeline into a canvas: only what is in sight, and bars thinner than a pixel as one. */
import type { Run } from '../messages.ts';
import { shownUntil } from '../slot-rows.ts';
import { type Bar, firstFrom, type Row, type TimelineRows } from '../timeline-rows.ts';
import { markText, stepBetweenMarks } from '../words.ts';
import { colour } from './theme.ts';

export const axisHeight = 26;
const rowHeight = 15;
const groupGap = 8;

/** Rows of one machine. */
interface Group {
  readonly peer: string;
  readonly name: string;
  readonly rows: readonly (Row | undefined)[];
  readonly top: number;
}

/** What is shown of time, ms since 1970. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Spot {
  readonly bar: Bar;
  readonly group: number;
  readonly row: number;
}

/** What is told of a bar, and where. */
export interface Tip {
  readonly run: Run;
  readonly x: number;
  readonly y: number;
}

export type ColourBy = 'kind' | 'submitter' | 'outcome';

/** Colours of submitters, in the order in which they are seen. */
const submitterColours = ['compile', 'archive', 'other', 'lost', 'link', 'elsewhere'] as const;

/** Machines in their order, each with so many slots. */
export interface RowPlan {
  readonly id: string;
  readonly name: string;
  readonly slots: number;
}

export class TimelineView {
  readonly #canvas: HTMLCanvasElement;
  #submitters: readonly string[] = [];
  #groups: readonly Group[] = [];
  #height = axisHeight;
  /** Of the canvas, as of the last drawing: to ask the browser for every bar takes longer than to draw it. */
  #size = { width: 0, height: 0 };
  #colours = new Map<string, string>();
  span: Span = { fromMs: 0, toMs: 1 };
  originMs = 0;
  colourBy: ColourBy = 'kind';
  scrollTop = 0;
  selected: Run | undefined;
  rows: TimelineRows;

  constructor(canvas: HTMLCanvasElement, rows: TimelineRows) {
    this.#canvas = canvas;
    this.rows = rows;
  }

  /** Of all rows. */
  get height(): number {
    return this.#height;
  }

  get gutter(): number {
    return this.#size.width < 600 ? 64 : 120;
  }

  get #width(): number {
    return this.#size.width - this.gutter;
  }

  /**
   * Takes the machines that are shown; those without a slot only if something ran there.
   *
   * @param submitters - ids; each gets its colour by its place.
   */
  arrange(plan: readonly RowPlan[], submitters: readonly string[]): void {
    this.#submitters = submitters;
    const planned = new Set(plan.map(({ id }) => id));
    const gone = [...this.rows.peers].filter((id) => !planned.has(id));
    let top = axisHeight;
    this.#groups = [...plan, ...gone.map((id) => ({ id, name: 'gone', slots: 0 }))].flatMap(
      ({ id, name, slots }) => {
        const used = this.rows.rowsOf(id);
        const rows = Array.from({ length: Math.max(slots, used.length) }, (_, index) => used[index]);
        if (rows.length === 0) return [];
        const group = { peer: id, name, rows, top };
        top += rows.length * rowHeight + groupGap;
        return [group];
      },
    );
    this.#height = Math.max(top, axisHeight + 60);
  }

  readColours(): void {
    const names = ['compile', 'link', 'archive', 'other', 'running', 'elsewhere', 'here', 'failed', 'lost'];
    this.#colours = new Map(
      [...names, 'text', 'faint', 'line', 'row', 'panel', 'accent'].map((name) => [name, colour(name)]),
    );
  }

  timeAt(x: number): number {
    const { fromMs, toMs } = this.span;
    return fromMs + ((x - this.gutter) / Math.max(1, this.#width)) * (toMs - fromMs);
  }

  /** The bar at that place of the canvas. */
  spotAt(x: number, y: number): Spot | undefined {
    if (x < this.gutter || y < axisHeight) return undefined;
    const at = y + this.scrollTop;
    const group = this.#groups.findLastIndex(({ top }) => top <= at);
    const found = this.#groups[group];
    if (found === undefined) return undefined;
    const row = Math.floor((at - found.top) / rowHeight);
    const msOfPixel = (this.span.toMs - this.span.fromMs) / Math.max(1, this.#width);
    const bar = nearest(found.rows[row], this.timeAt(x), 3 * msOfPixel);
    return bar === undefined ? undefined : { bar, group, row };
  }

  /** The bar beside another one, or in the next row that has some. */
  neighbour({ bar, group, row }: Spot, across: number, down: number): Spot | undefined {
    if (across !== 0) {
      const bars = this.#groups[group]?.rows[row]?.bars ?? [];
      const next = bars[bars.indexOf(bar) + across];
      return next === undefined ? undefined : { bar: next, group, row };
    }
    const all = this.#groups.flatMap(({ rows }, index) =>
      rows.map((found, at) => ({ found, group: index, row: at })),
    );
    let at = all.findIndex((one) => one.group === group && one.row === row) + down;
    for (; all[at] !== undefined; at += down) {
      const next = nearest(all[at]?.found, bar.run.fromMs, Number.POSITIVE_INFINITY);
      const place = all[at];
      if (next !== undefined && place !== undefined) return { bar: next, group: place.group, row: place.row };
    }
    return undefined;
  }

  /** The first bar in sight. */
  first(): Spot | undefined {
    for (const [group, { rows }] of this.#groups.entries())
      for (const [row, found] of rows.entries()) {
        const bar = nearest(found, this.span.fromMs, Number.POSITIVE_INFINITY);
        if (bar !== undefined) return { bar, group, row };
      }
    return undefined;
  }

  /** Where a bar is drawn in the canvas. */
  placeOf({ bar, group, row }: Spot): { readonly x: number; readonly y: number } {
    const top = (this.#groups[group]?.top ?? 0) + row * rowHeight - this.scrollTop;
    return { x: Math.max(this.gutter, Math.min(this.#x(bar.run.fromMs), this.#size.width)), y: top };
  }

  draw(nowMs: number): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#size = { width, height };
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    const inSight = this.#groups
      .map((group) => ({ group, top: group.top - this.scrollTop }))
      .filter(({ group, top }) => top <= height && top + group.rows.length * rowHeight >= axisHeight);
    for (const { group, top } of inSight) this.#drawGround(context, group, top);
    this.#drawGrid(context);
    for (const { group, top } of inSight) this.#drawGroup(context, group, top, nowMs);
    this.#drawAxis(context);
  }

  #drawGroup(context: CanvasRenderingContext2D, { name, rows }: Group, top: number, nowMs: number): void {
    const bottom = this.#size.height;
    for (const [index, row] of rows.entries()) {
      const y = top + index * rowHeight;
      if (y > bottom || y + rowHeight < axisHeight) continue;
      if (row !== undefined) this.#drawRow(context, row, y, nowMs);
    }
    context.fillStyle = this.#colour('text');
    context.fillText(clip(context, name, this.gutter - 12), 0, Math.max(top, axisHeight) + rowHeight / 2);
  }

  #drawGround(context: CanvasRenderingContext2D, { rows }: Group, top: number): void {
    context.fillStyle = this.#colour('row');
    for (const index of rows.keys()) {
      const y = top + index * rowHeight;
      if (y > this.#size.height) break;
      context.fillRect(this.gutter, y, this.#width, rowHeight - 2);
    }
  }

  #drawRow(context: CanvasRenderingContext2D, row: Row, y: number, nowMs: number): void {
    // The one before the first in sight may reach into it.
    let drawnTo = Number.NEGATIVE_INFINITY;
    for (let at = Math.max(0, firstFrom(row, this.span.fromMs) - 1); at < row.bars.length; at += 1) {
      const run = row.bars[at]?.run;
      if (run === undefined || run.fromMs > this.span.toMs) break;
      const from = Math.max(this.gutter, this.#x(run.fromMs));
      const to = this.#x(shownUntil(run, row.bars[at + 1]?.run, nowMs));
      if (to < this.gutter || to < drawnTo + 0.5) continue;
      const left = Math.max(from, drawnTo);
      const width = Math.max(1, Math.min(to, this.#size.width) - left - (to - from > 4 ? 1 : 0));
      this.#drawBar(context, run, left, y, width);
      drawnTo = left + width;
    }
  }

  #drawBar(context: CanvasRenderingContext2D, run: Run, x: number, y: number, width: number): void {
    const height = rowHeight - 2;
    const isPale = run.outcome === 'running' || run.outcome === 'lost';
    context.globalAlpha = isPale ? 0.55 : 1;
    context.fillStyle = this.#colour(this.#colourName(run));
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
    if (this.colourBy !== 'outcome' && (run.outcome === 'failed' || run.outcome === 'lost')) {
      context.fillStyle = this.#colour(run.outcome);
      context.fillRect(x, y + height - 3, width, 3);
    }
    if (width > 60) {
      context.fillStyle = isPale ? this.#colour('text') : '#fff';
      context.fillText(clip(context, run.title, width - 8), x + 4, y + height / 2 + 0.5);
    }
    if (this.selected?.key !== run.key) return;
    context.strokeStyle = this.#colour('text');
    context.lineWidth = 2;
    context.strokeRect(x, y, width, height);
  }

  /** Round times, and where they stand. */
  #marks(): { readonly x: number; readonly text: string }[] {
    const { fromMs, toMs } = this.span;
    const step = stepBetweenMarks(toMs - fromMs, Math.max(2, this.#width / 90));
    const marks: { x: number; text: string }[] = [];
    for (let ms = Math.ceil((fromMs - this.originMs) / step) * step; this.originMs + ms <= toMs; ms += step)
      marks.push({ x: this.#x(this.originMs + ms), text: markText(ms, step) });
    return marks;
  }

  #drawAxis(context: CanvasRenderingContext2D): void {
    const { width, height } = this.#size;
    context.fillStyle = this.#colour('panel');
    context.fillRect(0, 0, width, axisHeight - 4);
    for (const { x, text } of this.#marks()) {
      context.fillStyle = this.#colour('line');
      context.fillRect(x, axisHeight - 8, 1, Math.min(4, height));
      context.fillStyle = this.#colour('faint');
      context.fillText(text, Math.min(x + 4, width - 36), (axisHeight - 6) / 2);
    }
  }

  #drawGrid(context: CanvasRenderingContext2D): void {
    context.fillStyle = this.#colour('line');
    for (const { x } of this.#marks()) context.fillRect(x, axisHeight - 4, 1, this.#size.height);
  }

  #x(ms: number): number {
    const { fromMs, toMs } = this.span;
    return this.gutter + ((ms - fromMs) / (toMs - fromMs)) * this.#width;
  }

  #colourName(run: Run): string {
    if (this.colourBy === 'outcome') return run.outcome;
    return this.colourBy === 'kind' ? run.kind : submitterColour(this.#submitters.indexOf(run.submitter));
  }

  #colour(name: string): string {
    return this.#colours.get(name) ?? '#888';
  }
}

/** @param place - of the submitter among all. */
export function submitterColour(place: number): string {
  return submitterColours[Math.max(0, place) % submitterColours.length] ?? 'compile';
}

function nearest(row: Row | undefined, ms: number, toleranceMs: number): Bar | undefined {
  if (row === undefined) return undefined;
  const at = firstFrom(row, ms);
  const before = row.bars[at - 1];
  if (before !== undefined && (before.run.toMs ?? Number.POSITIVE_INFINITY) + toleranceMs >= ms)
    return before;
  const after = row.bars[at];
  return after !== undefined && after.run.fromMs - toleranceMs <= ms ? after : undefined;
}

/** What was cut, by width and text: most of a frame is drawn as in the frame before. */
const clipped = new Map<string, string>();
const mostClipped = 4_000;

function clip(context: CanvasRenderingContext2D, text: string, width: number): string {
  const key = `${Math.floor(width)} ${text}`;
  const known = clipped.get(key);
  if (known !== undefined) return known;
  if (clipped.size >= mostClipped) clipped.clear();
  const made = cut(context, text, Math.floor(width));
  clipped.set(key, made);
  return made;
}

function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = Math.max(0, Math.floor(width / 6));
  while (length > 0 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return length < 3 ? '' : `${text.slice(0, length)}…`;
}
