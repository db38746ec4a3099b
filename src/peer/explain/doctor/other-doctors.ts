/** The doctors of other machines: this peer asks them what they find, and answers those that ask it. */
import type { PeerName } from '../../../core/schedule/contract.ts';
import type { Finding, Reply, Status } from '../../../wire/cli-messages.ts';
import {
  type Examine,
  type Examined,
  encodeExamine,
  encodeExamined,
} from '../../../wire/control-messages.ts';
import type { Payload } from '../../../wire/frame.ts';
import type { DoctorSaid } from '../../mesh/control-inbox.ts';
import { fault } from './finding.ts';

export interface OtherDoctorsInit {
  /** This machine trusts it, as of now. */
  readonly isProven: (peer: PeerName) => boolean;
  /** Its version knows the question; an older one would end the connection. */
  readonly isAskable: (peer: PeerName) => boolean;
  readonly nameOf: (peer: PeerName) => string;
  readonly sendQuestion: (to: PeerName, payload: Payload<'EXAMINE'>) => void;
  readonly sendAnswer: (to: PeerName, payload: Payload<'EXAMINED'>) => void;
  /** @param directory - a byte string, absolute. */
  readonly examine: (directory: string) => Promise<readonly Finding[]>;
  /** Longest wait for an answer; its looks at a share may have to wait for a file server. */
  readonly timeoutMs: number;
}

interface Question {
  readonly peer: PeerName;
  readonly settle: (findings: readonly Finding[]) => void;
}

const versionCure = 'install the same version of buildswarm on both machines, and start the peers again';
const trustCure =
  'make them known to each other with `buildswarm invite HOST` or `buildswarm pair`; where both share a tree, start both peers as the same user there';

export class OtherDoctors {
  readonly #init: OtherDoctorsInit;
  readonly #questions = new Map<number, Question>();
  /** Peers that are being answered: of each one question at a time. */
  readonly #answering = new Set<PeerName>();
  #asked = 0;

  constructor(init: OtherDoctorsInit) {
    this.#init = init;
  }

  /** @returns what it finds, or one line that says why it does not say. */
  async ask(peer: PeerName, directory: string): Promise<readonly Finding[]> {
    const { isProven, isAskable, nameOf, sendQuestion, timeoutMs } = this.#init;
    const check = `peer ${nameOf(peer)}`;
    if (!isProven(peer))
      return [fault(check, 'cannot be asked: it and this machine do not trust each other', trustCure)];
    if (!isAskable(peer)) return [fault(check, 'is of a version that cannot be asked', versionCure)];
    this.#asked += 1;
    const question = this.#asked;
    return await new Promise((resolve) => {
      const settle = (findings: readonly Finding[]): void => {
        clearTimeout(timer);
        this.#questions.delete(question);
        resolve(findings);
      };
      const timer = setTimeout(() => {
        const text = `has not answered within ${timeoutMs / 1000} s`;
        settle([fault(check, text, 'run `buildswarm doctor` there')]);
      }, timeoutMs);
      timer.unref();
      this.#questions.set(question, { peer, settle });
      sendQuestion(peer, encodeExamine({ question, directory }));
    });
  }

  hear(peer: PeerName, said: DoctorSaid): void {
    if ('asks' in said) void this.#answer(peer, said.asks);
    else this.#take(peer, said.answers);
  }

  gone(peer: PeerName): void {
    for (const { peer: asked, settle } of this.#questions.values())
      if (asked === peer)
        settle([fault(`peer ${this.#init.nameOf(peer)}`, 'was lost meanwhile', 'look whether it runs')]);
  }

  async #answer(peer: PeerName, { question, directory }: Examine): Promise<void> {
    const { isProven, examine, sendAnswer } = this.#init;
    const answer = (findings: readonly Finding[]): void =>
      sendAnswer(peer, encodeExamined({ question, findings }));
    // Nothing here is looked at for a stranger.
    if (!isProven(peer))
      return answer([fault('peer', 'does not tell: it and this machine do not trust each other', trustCure)]);
    if (this.#answering.has(peer)) return; // the one before is told
    this.#answering.add(peer);
    try {
      answer(await examine(directory));
    } finally {
      this.#answering.delete(peer);
    }
  }

  /** Of a peer that was not asked, an answer is nothing. */
  #take(peer: PeerName, { question, findings }: Examined): void {
    const asked = this.#questions.get(question);
    if (asked?.peer === peer) asked.settle(findings);
  }
}

/** Asks the connected peer of that name. */
export async function askNamed(
  doctors: OtherDoctors,
  { self, peers }: Status,
  name: string,
  directory: string,
): Promise<Reply<'doctor'>> {
  const found = peers.find((peer) => peer.name === name || peer.id === name);
  const known = peers.map((peer) => peer.name).join(', ');
  const nobody = fault(
    `peer ${name}`,
    name === self.name ? 'is this machine' : 'is not connected',
    known === '' ? 'see `buildswarm doctor`' : `name one of ${known}`,
  );
  const findings = found === undefined ? [nobody] : await doctors.ask(found.id, directory);
  return { findings: [...findings], shares: [], peer: name };
}
