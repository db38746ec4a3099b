/** One inotify instance: its watches, and a queue that holds so many events and no more. An inode is only told apart from others. */

export type EventKind =
  | 'created'
  | 'deleted'
  | 'moved from'
  | 'moved to'
  | 'modify'
  | 'closed'
  | 'attributes'
  | 'moved'
  | 'gone';

export type WatchNumber = number;

export interface Event {
  readonly watch: WatchNumber;
  readonly what: EventKind | 'ignored' | 'overflow';
  readonly name: string;
}

export class Watches {
  #queue: Event[] = [];
  readonly #byInode = new Map<object, WatchNumber>();
  readonly #byNumber = new Map<WatchNumber, object>();
  #last = 0;
  readonly #mostEvents: number;
  readonly #mostWatches: number;

  constructor(mostEvents: number, mostWatches: number) {
    this.#mostEvents = mostEvents;
    this.#mostWatches = mostWatches;
  }

  /** One number an inode; undefined: no more watches can be had. */
  add(inode: object): WatchNumber | undefined {
    const known = this.#byInode.get(inode);
    if (known !== undefined) return known;
    if (this.#byInode.size >= this.#mostWatches) return undefined;
    this.#last += 1;
    this.#byInode.set(inode, this.#last);
    this.#byNumber.set(this.#last, inode);
    return this.#last;
  }

  remove(watch: WatchNumber): void {
    const inode = this.#byNumber.get(watch);
    if (inode === undefined) return;
    this.#byNumber.delete(watch);
    this.#byInode.delete(inode);
    this.#push({ watch, what: 'ignored', name: '' });
  }

  raise(inode: object, what: EventKind, name: string): void {
    const watch = this.#byInode.get(inode);
    if (watch !== undefined) this.#push({ watch, what, name });
  }

  /** The inode is no more. */
  lose(inode: object): void {
    const watch = this.#byInode.get(inode);
    if (watch !== undefined) this.remove(watch);
  }

  /** Nothing has happened since it was drained. */
  get isQuiet(): boolean {
    return this.#queue.length === 0;
  }

  drain(): Event[] {
    const events = this.#queue;
    this.#queue = [];
    return events;
  }

  #push(event: Event): void {
    if (this.#queue.length < this.#mostEvents) this.#queue.push(event);
    else if (this.#queue.at(-1)?.what !== 'overflow')
      this.#queue.push({ watch: 0, what: 'overflow', name: '' });
  }
}
