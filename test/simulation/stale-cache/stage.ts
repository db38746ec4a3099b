import { NfsClient } from './client.ts';
import { Dice } from './dice.ts';
import { Findings } from './findings.ts';
import { ServerTree } from './server.ts';
import { World } from './world.ts';

/** More steps than this before one offer or verdict: it goes round in circles. */
export const maxSteps = 60;

/** Of so many histories in which it could, so many in which it does. */
const watchedOf = { watched: 4, all: 7 };

/** What all machines of a history share: the dice, the server with its clock, the world, and what is found. */
export class Stage {
  readonly dice: Dice;
  readonly tree: ServerTree;
  /** Of NFS, the same for all machines. */
  readonly version: 3 | 4;
  readonly world: World;
  /** Trees may be too large to watch all below the include directories. */
  readonly predicts: boolean;
  readonly findings = new Findings();
  readonly seed: number;
  /** The submitter's machine is the file server, and is told of changes by its kernel. */
  readonly watches: boolean;

  constructor(seed: number) {
    const dice = new Dice(seed);
    this.dice = dice;
    this.tree = new ServerTree(dice.chance(0.7) ? 10 : 1, Math.round(dice.around(2_000)));
    this.version = dice.chance(0.5) ? 3 : 4;
    const submitter = new NfsClient(this.tree, this.version, dice.random);
    this.world = new World(this.tree, submitter, dice.chance(0.3), dice.random);
    this.predicts = dice.chance(0.6);
    this.seed = seed;
    this.watches = this.world.isServer && seed % watchedOf.all < watchedOf.watched;
  }
}
