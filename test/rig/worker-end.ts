/** The worker's end of a job's stream: keeps what the submitter says and answers as a test wants. */
import assert from 'node:assert/strict';
import type { LoadReport } from '../../src/core/load-report.ts';
import type { RefusalCode } from '../../src/core/reason.ts';
import type { Ending } from '../../src/core/schedule/contract.ts';
import type { ChannelEnd, JobChannel } from '../../src/swarm/libp2p/channel.ts';
import type { FrameName } from '../../src/wire/frame.ts';
import {
  encodeAccepted,
  encodeRefused,
  encodeResult,
  type JobResult,
  type Offer,
  parseCredit,
  parseOffer,
} from '../../src/wire/job-messages.ts';
import { memberFrameBytes } from '../../src/wire/limits.ts';
import { encodeStdinTaken, parseSignal } from '../../src/wire/wrapper-messages.ts';
import { encodeWritten } from '../../src/wire/written-messages.ts';

export class WorkerEnd {
  readonly name: string;
  readonly channel: JobChannel;
  /** Types of all frames that came. */
  readonly frames: FrameName[] = [];
  offer: Offer | undefined;
  stdin = '';
  readonly signals: number[] = [];
  creditBytes = 0;
  end: ChannelEnd | undefined;
  readonly #report: (figures: Partial<LoadReport>) => LoadReport;

  /** @param report - a newer load report of this worker than the last one, with these figures. */
  constructor(name: string, channel: JobChannel, report: (figures: Partial<LoadReport>) => LoadReport) {
    this.name = name;
    this.channel = channel;
    this.#report = report;
    channel.limit(memberFrameBytes);
    channel.onFrame = ({ type, payload }) => {
      this.frames.push(type);
      if (type === 'OFFER') this.offer = parseOffer(payload);
      else if (type === 'STDIN') this.stdin += Buffer.from(payload).toString();
      else if (type === 'SIGNAL') this.signals.push(parseSignal(payload).number);
      else if (type === 'CREDIT') this.creditBytes += parseCredit(payload);
    };
    channel.onEnd = (why) => {
      this.end = why;
    };
  }

  has(type: FrameName): boolean {
    return this.frames.includes(type);
  }

  accept(figures: Partial<LoadReport> = { running: 1 }): void {
    this.channel.send('ACCEPTED', encodeAccepted({ report: this.#report(figures) }));
  }

  start(): void {
    this.channel.send('STARTED');
  }

  run(): void {
    this.accept();
    this.start();
  }

  refuse(code: RefusalCode, detail = ''): void {
    this.channel.send('REFUSED', encodeRefused({ code, detail, report: this.#report({}) }));
    this.channel.close();
  }

  giveBack(): void {
    this.channel.send('RETURNED');
    this.channel.close();
  }

  print(type: 'STDOUT' | 'STDERR', text: string): void {
    this.channel.send(type, Buffer.from(text));
  }

  takeStdin(totalBytes: number): void {
    this.channel.send('STDIN_TAKEN', encodeStdinTaken(totalBytes));
  }

  /** Its command has ended, and files of so many bytes are on their way. */
  announce(contentBytes: number): void {
    const nowMs = Date.now();
    const head = { reportBytes: 100, contentBytes, startedMs: nowMs, sentMs: nowMs };
    this.channel.send('WRITTEN', encodeWritten(head));
  }

  /** @param notApart - why it had its worker's own places for what is temporary. */
  finish(ending: Ending = { kind: 'exited', status: 0 }, maxRssBytes = 0, left = 0, notApart?: string): void {
    this.#end({
      kind: 'ended',
      ending,
      report: this.#report({}),
      maxRssBytes,
      userMs: 0,
      systemMs: 0,
      wallMs: 0,
      left,
      outputs: [],
      ...(notApart !== undefined && { notApart }),
    });
  }

  failToSpawn(detail: string): void {
    this.#end({ kind: 'spawn-failed', detail, report: this.#report({}) });
  }

  #end(result: JobResult): void {
    assert.ok(this.channel.send('RESULT', encodeResult(result)), 'the result could not be sent');
    this.channel.close();
  }
}
