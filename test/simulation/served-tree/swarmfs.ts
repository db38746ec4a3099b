/** A model of swarmfs (src/native/swarmfs): what it knows of the submitter's tree, and what it tells the kernel. */
import { type Attributes, isEqual } from './disk.ts';
import type { Found, KernelCaches, Node } from './fs-node.ts';
import type { HelperRules } from './helper-rules.ts';
import type { Stage } from './stage.ts';
import { isSameContent } from './swarmtree.ts';
import type { ToldPart, TreeAnswer, TreeEntry, TreeRequest } from './tree-frames.ts';

export interface SwarmFsInit {
  readonly stage: Stage;
  readonly rules: HelperRules;
  readonly kernel: KernelCaches;
  readonly ask: (request: TreeRequest, answer: (answer: TreeAnswer) => void) => void;
  /** @param job - empty: not known. */
  readonly fault: (job: string) => void;
}

const mostTries = 4;
/** Files that are sent along have one. */
export const pushedPiece = 0;

export class SwarmFs {
  readonly root: Node;
  readonly #init: SwarmFsInit;
  #lastId = 0;
  #everything = 0;
  /** By the attributes of a file of old times: its pieces. */
  readonly #index = new Map<string, Map<number, number>>();
  readonly #notices: (() => void)[] = [];
  #isNotifying = false;

  constructor(init: SwarmFsInit) {
    this.#init = init;
    this.root = this.#make(undefined, '');
    this.root.state = 'present';
    this.root.isKnown = true;
    this.root.isUnsure = true;
  }

  lookup(parent: Node, name: string, job: string, reply: (found: Found<Node | undefined>) => void): void {
    const again = (): void => this.lookup(parent, name, job, reply);
    if (parent.isDetached) return this.#stale(job, reply);
    let node = parent.children.get(name);
    if (node === undefined && parent.listing === 'whole') return reply({ kind: 'found', value: undefined });
    if (node === undefined && parent.listing === 'unknown') {
      if (!this.#askList(parent, false, name)) return this.#stale(job, reply);
      return this.#park(parent, job, again, reply, true);
    }
    node ??= this.#make(parent, name);
    if (node.state === 'unknown' || (node.state === 'present' && node.isUnsure)) {
      if (!this.#askLook(node)) return this.#stale(job, reply);
      return this.#park(node, job, again, reply, true);
    }
    if (node.state === 'present') node.isKnown = true;
    reply({ kind: 'found', value: node.state === 'present' ? node : undefined });
  }

  attributes(node: Node, job: string, reply: (found: Found<Attributes>) => void): void {
    if (node.isUnsure && !node.isDetached) {
      const isAsked = node.parent === undefined ? this.#askList(node, true, '') : this.#askLook(node);
      if (!isAsked) return this.#stale(job, reply);
      return this.#park(node, job, () => this.attributes(node, job, reply), reply);
    }
    if (node.attributes === undefined) throw new Error('internal: a node without attributes');
    reply({ kind: 'found', value: node.attributes });
  }

  read(node: Node, piece: number, job: string, reply: (found: Found<number>) => void): void {
    const again = (): void => this.read(node, piece, job, reply);
    if (node.isUnsure && !node.isDetached) {
      if (!this.#askLook(node)) return this.#stale(job, reply);
      return this.#park(node, job, again, reply);
    }
    const known = node.content.get(piece) ?? this.#indexed(node)?.get(piece);
    if (known !== undefined) return reply({ kind: 'found', value: known });
    if (!this.#askRead(node, piece)) return this.#stale(job, reply);
    this.#park(node, job, again, reply);
  }

  names(node: Node, job: string, reply: (found: Found<readonly string[]>) => void): void {
    const isUnknown = [...node.children.values()].some(({ state }) => state === 'unknown');
    if (!node.isDetached && (node.listing !== 'whole' || isUnknown)) {
      if (!this.#askList(node, true, '')) return reply({ kind: 'error' });
      return this.#park(node, job, () => this.names(node, job, reply), reply);
    }
    const present = [...node.children.values()].filter(({ state }) => state === 'present');
    reply({ kind: 'found', value: node.isDetached ? [] : present.map(({ name }) => name) });
  }

  /** The kernel needs room. */
  forget(node: Node): void {
    if (node !== this.root) node.isKnown = false;
  }

  #stale(job: string, reply: (found: { readonly kind: 'error' }) => void): void {
    this.#init.fault(job);
    reply({ kind: 'error' });
  }

  #park(
    node: Node,
    job: string,
    again: () => void,
    reply: (found: { readonly kind: 'error' }) => void,
    isRetried = false,
  ): void {
    node.waiting.push({ job, isRetried, again, fail: () => reply({ kind: 'error' }) });
  }

  #pathOf(node: Node): string | undefined {
    if (node === this.root) return '';
    const above = node.parent === undefined ? undefined : this.#pathOf(node.parent);
    return above === undefined || node.isDetached ? undefined : `${above}/${node.name}`;
  }

  #askList(node: Node, isWhole: boolean, hint: string): boolean {
    const mode = isWhole ? 2 : 1;
    if (node.listAsked >= mode) return true;
    const path = this.#pathOf(node);
    if (path === undefined) return false;
    node.listAsked = mode;
    this.#init.ask({ type: 'list', path, isWhole, hint }, (answer) => this.#takeList(node, answer));
    return true;
  }

  #askLook(node: Node): boolean {
    if (node.isAsked) return true;
    const path = node.parent === undefined ? undefined : this.#pathOf(node.parent);
    if (path === undefined) return false;
    node.isAsked = true;
    this.#init.ask({ type: 'look', path, name: node.name }, (answer) => this.#takeLook(node, answer));
    return true;
  }

  #askRead(node: Node, piece: number): boolean {
    const path = this.#pathOf(node);
    if (path === undefined || node.attributes === undefined) return false;
    if (node.piecesAsked.has(piece)) return true;
    node.piecesAsked.add(piece);
    const request = { type: 'read', path, piece, expected: node.attributes } as const;
    this.#init.ask(request, (answer) => this.#takeRead(node, piece, answer));
    return true;
  }

  #isOld(node: Node, generation: number): boolean {
    return this.#init.rules.dropsOld && generation < Math.max(node.invalid, this.#everything);
  }

  #takeList(node: Node, answer: TreeAnswer): void {
    if (answer.type !== 'manifest') return;
    if (node.isDetached) return this.#fail(node);
    node.listAsked = 0;
    if (answer.hasFailed) return this.#faultAll(node);
    if (!this.#isOld(node, answer.generation)) {
      const { attributes } = answer;
      const isSame = node === this.root || node.attributes?.inode === attributes?.inode;
      // The name leads to another directory now: what is known of the one before is none of its.
      if (attributes !== undefined && !isSame && this.#init.rules.leavesOther) {
        this.#faultAll(node);
        return this.#dropName(node);
      }
      if (attributes !== undefined && isSame) this.#setAttributes(node, attributes);
      node.told = Math.max(node.told, answer.generation);
      for (const entry of answer.entries) this.#wake(this.#setEntry(node, entry));
      node.listing = answer.isWhole ? 'whole' : 'partial';
      if (answer.isWhole)
        for (const child of node.children.values())
          if (child.state === 'unknown' && !child.isAsked) child.state = 'absent';
    }
    this.#wake(node);
  }

  #takeLook(node: Node, answer: TreeAnswer): void {
    if (answer.type !== 'manifest') return;
    node.isAsked = false;
    if (node.isDetached) return this.#fail(node);
    if (answer.hasFailed) return this.#faultAll(node);
    const above = node.parent;
    const isOther =
      above !== undefined && above !== this.root && above.attributes?.inode !== answer.attributes?.inode;
    if (isOther && this.#init.rules.leavesOther) return this.#dropName(above);
    const [entry] = answer.entries;
    if (entry !== undefined && node.parent !== undefined && !this.#isOld(node, answer.generation)) {
      node.parent.told = Math.max(node.parent.told, answer.generation);
      const now = this.#setEntry(node.parent, entry);
      if (now !== node) return; // who waited was told that it is stale
    }
    this.#wake(node);
  }

  #takeRead(node: Node, piece: number, answer: TreeAnswer): void {
    if (answer.type !== 'content') return;
    if (node.isDetached) return this.#faultAll(node);
    // Things have moved on since it was asked for.
    if (!node.piecesAsked.delete(piece)) return this.#wake(node);
    if (this.#init.rules.dropsOld && answer.generation < node.invalid) return this.#wake(node);
    if (answer.outcome === 'failed') return this.#faultAll(node);
    const { attributes } = answer;
    const isSame =
      attributes !== undefined && node.attributes !== undefined && isSameContent(attributes, node.attributes);
    if (answer.outcome === 'changed' || !isSame) {
      node.tries += 1;
      if (node.tries > mostTries) return this.#faultAll(node);
      this.#forgetContent(node);
      node.isUnsure = true;
      this.#tellNode(node);
      return this.#wake(node);
    }
    node.content.set(piece, answer.content);
    if (answer.isSettled || !this.#init.rules.keepsSettled) this.#keep(node, piece, answer.content);
    this.#wake(node);
  }

  /** A content that it has not asked for. */
  takePushed(answer: TreeAnswer): void {
    if (answer.type !== 'content' || answer.outcome !== 'same' || answer.attributes === undefined) return;
    const node = this.#find(answer.path);
    if (node?.state !== 'present' || node.isUnsure || node.attributes === undefined) return;
    if (this.#init.rules.dropsOld && answer.generation < node.invalid) return;
    if (node.attributes.kind !== 'file' || !isSameContent(answer.attributes, node.attributes)) return;
    node.content.set(pushedPiece, answer.content);
    if (answer.isSettled || !this.#init.rules.keepsSettled) this.#keep(node, pushedPiece, answer.content);
    this.#wake(node);
  }

  #keyOf({ inode, sizeBytes, mtimeMs, ctimeMs }: Attributes): string {
    return `${inode} ${sizeBytes} ${mtimeMs} ${ctimeMs}`;
  }

  #keep(node: Node, piece: number, content: number): void {
    if (node.attributes === undefined) return;
    const key = this.#keyOf(node.attributes);
    this.#index.set(key, (this.#index.get(key) ?? new Map<number, number>()).set(piece, content));
  }

  #indexed({ attributes }: Node): ReadonlyMap<number, number> | undefined {
    if (attributes === undefined) return undefined;
    return this.#index.get(this.#keyOf(attributes));
  }

  #make(parent: Node | undefined, name: string): Node {
    this.#lastId += 1;
    const node: Node = {
      id: this.#lastId,
      name,
      parent,
      state: 'unknown',
      isDetached: false,
      isUnsure: false,
      isAsked: false,
      invalid: 0,
      told: 0,
      attributes: undefined,
      target: '',
      listing: 'unknown',
      listAsked: 0,
      children: new Map(),
      content: new Map(),
      piecesAsked: new Set(),
      tries: 0,
      waiting: [],
      isKnown: false,
    };
    parent?.children.set(name, node);
    return node;
  }

  #forgetContent(node: Node): void {
    node.content = new Map();
    node.piecesAsked.clear();
  }

  #setAttributes(node: Node, attributes: Attributes): void {
    const before = node.attributes;
    if (before !== undefined && !node.isUnsure && !isEqual(before, attributes)) this.#tellNode(node);
    if (before !== undefined && !isSameContent(before, attributes)) this.#forgetContent(node);
    node.attributes = attributes;
    node.isUnsure = false;
  }

  #setEntry(directory: Node, { name, attributes, target }: TreeEntry): Node {
    let node = directory.children.get(name);
    if (
      node?.state === 'present' &&
      (attributes === undefined ||
        attributes.inode !== node.attributes?.inode ||
        attributes.kind !== node.attributes.kind)
    ) {
      this.#dropName(node);
      node = undefined;
    }
    node ??= this.#make(directory, name);
    if (attributes !== undefined) {
      this.#setAttributes(node, attributes);
      node.target = target;
    }
    node.state = attributes === undefined ? 'absent' : 'present';
    return node;
  }

  #dropName(node: Node): void {
    if (node.parent?.isKnown === true) this.#tellName(node.parent, node.name);
    this.#detach(node);
  }

  #detach(node: Node): void {
    for (const child of node.children.values()) this.#detach(child);
    node.parent?.children.delete(node.name);
    node.parent = undefined;
    node.isDetached = true;
    node.listing = 'unknown';
    if (this.#init.rules.faultsReaders)
      for (const { job, isRetried } of node.waiting) if (!isRetried) this.#init.fault(job);
    this.#fail(node);
  }

  #wake(node: Node): void {
    for (const { again } of node.waiting.splice(0)) again();
  }

  #fail(node: Node): void {
    for (const { fail } of node.waiting.splice(0)) fail();
  }

  #faultAll(node: Node): void {
    if (node.waiting.length === 0) this.#init.fault('');
    for (const { job } of node.waiting) this.#init.fault(job);
    this.#fail(node);
  }

  /** @param done - no job sees what was before. */
  apply(parts: readonly ToldPart[], done: () => void): void {
    for (const { generation, everything, changes, seen, times } of parts) {
      if (everything) {
        this.#everything = generation;
        this.#dropChildren(this.root, generation);
      }
      for (const [n, { kind, directory, name }] of changes.entries())
        this.#apply(kind, directory, name, generation, seen[n]);
      for (const { directory, entry } of times) {
        const above = this.#find(directory);
        const isThere = above?.state === 'present' && above.children.get(entry.name)?.state === 'present';
        if (isThere && entry.attributes !== undefined) this.#takeSeen(above, entry, generation);
      }
    }
    if (this.#init.rules.answersWhenTold) this.#notify(done);
    else done();
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path.split('/').slice(1)) node = node?.children.get(name);
    return node;
  }

  #apply(
    kind: 'name' | 'node' | 'listing',
    path: string,
    name: string,
    generation: number,
    entry: TreeEntry | undefined,
  ): void {
    const directory = this.#find(path);
    if (directory?.state !== 'present') return;
    directory.invalid = generation;
    if (kind === 'listing' || name === '') this.#dropChildren(directory, generation);
    else if (kind === 'name') this.#changeName(directory, name, generation, entry);
    else this.#changeNode(directory, name, generation, entry);
  }

  /** Answers may come before the changes that were told before them; half of each is what never was. */
  #isToldLater(node: Node, generation: number): boolean {
    return node.told >= generation && this.#init.rules.leavesOlder;
  }

  /** What the name led to at that generation, where that was looked at, and no answer is on its way. */
  #takeSeen(directory: Node, entry: TreeEntry, generation: number): void {
    const node = directory.children.get(entry.name);
    if (this.#isToldLater(directory, generation)) return;
    if (node !== undefined && this.#isToldLater(node, generation)) return;
    if (node !== undefined && (node.isAsked || node.waiting.length > 0)) return;
    if (entry.attributes !== undefined) this.#setEntry(directory, entry);
    else if (node?.state === 'unknown') this.#dropName(node);
  }

  #changeName(directory: Node, name: string, generation: number, entry: TreeEntry | undefined): void {
    const node = directory.children.get(name);
    if (node?.state === 'unknown') {
      node.invalid = generation;
      if (directory.isKnown) this.#tellName(directory, name);
    } else {
      if (node !== undefined) this.#dropName(node);
      else if (directory.isKnown) this.#tellName(directory, name);
      if (directory.listing === 'whole' && this.#init.rules.makesUnknown)
        this.#make(directory, name).invalid = generation;
    }
    if (entry !== undefined) this.#takeSeen(directory, entry, generation);
    if (this.#init.rules.doubtsDirectory) this.#doubt(directory);
  }

  #changeNode(directory: Node, name: string, generation: number, entry: TreeEntry | undefined): void {
    const node = directory.children.get(name);
    if (node?.state !== 'present' && node?.state !== 'unknown')
      return this.#changeName(directory, name, generation, entry);
    node.invalid = generation;
    this.#doubt(node);
    if (entry?.attributes !== undefined) this.#takeSeen(directory, entry, generation);
  }

  #dropChildren(node: Node, generation: number): void {
    node.listing = 'unknown';
    for (const child of node.children.values())
      if (child.state === 'unknown') child.invalid = generation;
      else this.#dropName(child);
    node.invalid = generation;
    this.#doubt(node);
  }

  #doubt(node: Node): void {
    if (node.state !== 'present') return;
    node.isUnsure = true;
    if (node.attributes?.kind === 'file') this.#forgetContent(node);
    this.#tellNode(node);
  }

  #tellName(parent: Node, name: string): void {
    this.#notify(() => this.#init.kernel.dropName(parent, name));
  }

  #tellNode(node: Node): void {
    if (node.isKnown) this.#notify(() => this.#init.kernel.dropNode(node));
  }

  #notify(notice: () => void): void {
    this.#notices.push(notice);
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    this.#notifyNext();
  }

  #notifyNext(): void {
    const { dice } = this.#init.stage;
    this.#init.stage.after(dice.chance(0.2) ? dice.upTo(1) : 0, () => {
      this.#notices.shift()?.();
      if (this.#notices.length > 0) this.#notifyNext();
      else this.#isNotifying = false;
    });
  }
}
