/** The thread behind `Disk`: one request, one answer, in order. Everything it does is in ./blocking/. */
import { parentPort } from 'node:worker_threads';
import { errorCode } from './blocking/look.ts';
import { operations } from './blocking/operations.ts';
import type { DiskAnswer, DiskRequest } from './disk.ts';

function answer(request: DiskRequest): DiskAnswer {
  try {
    const operation = operations[request.operation] as (input: unknown) => unknown;
    return { output: operation(request.input) };
  } catch (error) {
    const code = errorCode(error);
    const message = (error as Error).message.replace(/Unknown system error -\d+/g, code);
    return { message, code };
  }
}

const port = parentPort;
if (port === null) throw new Error('internal: disk-thread runs only as a worker thread');
port.on('message', (request: DiskRequest) => port.postMessage(answer(request)));
