/** A binary heap of things that fall due: the earliest first, of equals the one that was pushed first. */
export interface Heap<T> {
  readonly items: { atMs: number; order: number; item: T }[];
  pushed: number;
}

export function createHeap<T>(): Heap<T> {
  return { items: [], pushed: 0 };
}

export function pushDue<T>(heap: Heap<T>, atMs: number, item: T): void {
  const { items } = heap;
  const entry = { atMs, order: heap.pushed++, item };
  let at = items.length;
  items.push(entry);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = items[above];
    if (parent === undefined || !before(entry, parent)) break;
    items[at] = parent;
    at = above;
  }
  items[at] = entry;
}

/** When the earliest falls due; Infinity if there is none. */
export function nextDue<T>(heap: Heap<T>): number {
  return heap.items[0]?.atMs ?? Number.POSITIVE_INFINITY;
}

/** Takes the earliest out if it is due at `nowMs`. */
export function popDue<T>(heap: Heap<T>, nowMs: number): T | undefined {
  const first = heap.items[0];
  if (first === undefined || first.atMs > nowMs) return undefined;
  pop(heap);
  return first.item;
}

/** Takes the earliest out, one after the other, as long as `isMoot` holds of it. */
export function dropDue<T>(heap: Heap<T>, isMoot: (item: T) => boolean): void {
  for (let first = heap.items[0]; first !== undefined && isMoot(first.item); first = heap.items[0]) pop(heap);
}

function pop<T>({ items }: Heap<T>): void {
  const last = items.pop();
  if (last !== undefined && items.length > 0) sink(items, last);
}

function sink<T>(items: Heap<T>['items'], entry: Heap<T>['items'][number]): void {
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    let child = items[below];
    if (child === undefined) break;
    const right = items[below + 1];
    if (right !== undefined && before(right, child)) {
      child = right;
      below += 1;
    }
    if (!before(child, entry)) break;
    items[at] = child;
    at = below;
  }
  items[at] = entry;
}

function before(a: { atMs: number; order: number }, b: { atMs: number; order: number }): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
