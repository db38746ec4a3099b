/** The local socket: whose directory it may be in, stale and busy sockets, and garbage on it. */
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SwarmError } from '../../src/core/swarm-error.ts';
import { request, requestOne } from '../../src/local/client.ts';
import { type CliRequest, listenLocal } from '../../src/local/server.ts';
import { encodeReply } from '../../src/wire/cli-messages.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { raw, rawJson } from '../rig/raw.ts';

const uid = process.getuid?.() ?? 0;

class Place implements AsyncDisposable {
  readonly directory: string;
  readonly path: string;
  readonly garbage: string[] = [];
  #open: { close(): void; destroy(): void }[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, 'run', 'peer.sock');
  }

  static async make(): Promise<Place> {
    return new Place(await mkdtemp(join(tmpdir(), 'local-')));
  }

  async listen(onRequest: (request: CliRequest) => void = () => undefined): Promise<void> {
    this.#open.push(
      await listenLocal({
        path: this.path,
        uid,
        onJob: () => undefined,
        onRequest,
        onGarbage: (why) => this.garbage.push(why),
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#open) {
      server.close();
      server.destroy();
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof SwarmError && error.code === code;
}

test('the directory is made 0700 and the socket 0600', async () => {
  await using place = await Place.make();
  await place.listen();
  assert.equal((await stat(join(place.directory, 'run'))).mode & 0o777, 0o700);
  assert.equal((await stat(place.path)).mode & 0o777, 0o600);
});

test('a directory that others may enter, or a link to one, is refused with what to do', async () => {
  await using place = await Place.make();
  await mkdir(join(place.directory, 'run'), { mode: 0o755 });
  await chmod(join(place.directory, 'run'), 0o755);
  await assert.rejects(
    place.listen(),
    (error) => withCode('E_SOCKET_DIRECTORY')(error) && /chmod 700/.test(String(error)),
  );
  await rm(join(place.directory, 'run'), { recursive: true });
  await mkdir(join(place.directory, 'elsewhere'), { mode: 0o700 });
  await symlink('elsewhere', join(place.directory, 'run'));
  await assert.rejects(place.listen(), withCode('E_SOCKET_DIRECTORY'));
});

test('a socket file that nobody listens on is replaced', async () => {
  await using place = await Place.make();
  await mkdir(join(place.directory, 'run'), { mode: 0o700 });
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(join(place.directory, 'dead.sock'), resolve));
  const { rename } = await import('node:fs/promises');
  await rename(join(place.directory, 'dead.sock'), place.path);
  await new Promise((resolve) => dead.close(resolve));
  await place.listen();
});

test('a second peer on the same socket ends with a clear error, and the first goes on', async () => {
  await using place = await Place.make();
  await place.listen((cli) => {
    cli.reply(encodeReply('why', { jobs: [] }));
    cli.end();
  });
  await assert.rejects(
    place.listen(),
    (error) => withCode('E_SOCKET_BUSY')(error) && /buildswarm stop/.test(String(error)),
  );
  assert.deepEqual(await requestOne(place.path, { op: 'why' }), { jobs: [] });
});

test('what is no request ends its own connection only', async () => {
  await using place = await Place.make();
  await place.listen((cli) => {
    cli.reply(encodeReply('why', { jobs: [] }));
    cli.end();
  });
  const rubbish = [
    Buffer.from('GET / HTTP/1.0\r\n\r\n'),
    encodeFrame('STDOUT', Buffer.from('not yours to say')),
    encodeFrame('STDIN', Buffer.from('before the request')),
    encodeFrame('REQUEST', raw('{no json')),
    Buffer.concat([encodeFrame('ARGV', Buffer.from('a\0')), encodeFrame('ARGV', Buffer.from('b\0'))]),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 1]),
  ];
  for (const bytes of rubbish) {
    const socket = connect(place.path);
    socket.write(bytes);
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.resume();
    });
  }
  assert.equal(place.garbage.length, rubbish.length);
  assert.deepEqual(await requestOne(place.path, { op: 'why' }), { jobs: [] });
});

test('a client hears that no peer runs, or that one does not answer', async () => {
  await using place = await Place.make();
  await mkdir(join(place.directory, 'run'), { mode: 0o700 });
  await assert.rejects(requestOne(place.path, { op: 'status' }), withCode('E_NO_PEER'));
  await writeFile(place.path, '');
  await assert.rejects(requestOne(place.path, { op: 'status' }), withCode('E_NO_PEER'));
  await rm(place.path);
  await place.listen();
  await assert.rejects(requestOne(place.path, { op: 'status' }, 50), withCode('E_PEER_SILENT'));
});

test('replies come one by one until the peer ends the connection', async () => {
  await using place = await Place.make();
  await place.listen((cli) => {
    for (const waiting of [1, 2, 3]) cli.reply(encodeReply('stop', { waiting }));
    cli.end();
  });
  const got: unknown[] = [];
  for await (const reply of request(place.path, { op: 'stop', now: false })) got.push(reply);
  assert.deepEqual(got, [{ waiting: 1 }, { waiting: 2 }, { waiting: 3 }]);
});

test('a request that this version does not know is told apart from one that makes no sense', async () => {
  await using place = await Place.make();
  const asked: unknown[] = [];
  await place.listen((cli) => {
    asked.push(cli.asked);
    cli.reply(encodeReply('error', { error: 'Ask something else.' }));
    cli.end();
  });
  const socket = connect(place.path);
  socket.write(encodeFrame('REQUEST', rawJson({ op: 'brew' })));
  await new Promise((resolve) => {
    socket.once('close', resolve);
    socket.resume();
  });
  assert.deepEqual([asked, place.garbage], [[undefined], []]);
  await assert.rejects(requestOne(place.path, { op: 'status' }), (error) => {
    assert.ok(error instanceof SwarmError && error.code === 'E_VERSION');
    return error.message === 'Ask something else.';
  });
});
