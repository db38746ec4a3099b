import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { listenOnLoopback } from '../../../../src/cli/loopback.ts';
import { createPageServer } from '../../../../src/cli/web/page-server.ts';

const token = 'Zm9vYmFyYmF6';

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly policy: string;
}

test('only who knows the token, and names this machine, is answered', async () => {
  const joined: string[] = [];
  const server = createPageServer({
    token,
    files: new Map([['', { type: 'text/html', bytes: Buffer.from('page') }]]),
    feed: {
      join: (response) => {
        joined.push('join');
        response.end('events');
      },
      examine: () => joined.push('examine'),
    },
  });
  const port = await listenOnLoopback(server, 0);
  const own = `127.0.0.1:${port}`;
  const ask = async (path: string, host = own, method = 'GET'): Promise<Answer> =>
    await new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, method, headers: { host }, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => {
          const policy = String(response.headers['content-security-policy']);
          resolve({ status: response.statusCode, body, policy });
        });
      })
        .once('error', reject)
        .end();
    });
  try {
    const page = await ask(`/${token}/`);
    assert.deepEqual([page.status, page.body], [200, 'page']);
    assert.match(page.policy, /^default-src 'none'; script-src 'self'; /);
    assert.doesNotMatch(page.policy, /unsafe|http|\*/);
    for (const host of [`localhost:${port}`, 'localhost:8080', '[::1]:1', '127.0.0.1'])
      assert.equal((await ask(`/${token}/`, host)).status, 200, host);
    assert.equal((await ask(`/${token}/events`)).body, 'events');
    assert.equal((await ask(`/${token}/doctor`, own, 'POST')).status, 202);
    assert.deepEqual(joined, ['join', 'examine']);

    const nothing: readonly (readonly [path: string, host?: string, method?: string])[] = [
      ['/'],
      [`/${token}`],
      [`/${token.slice(0, -1)}/`],
      [`/${token}x/`],
      [`/${token.toLowerCase()}/events`],
      [`//${token}/`],
      [`/${token}/../${token}/`],
      [`/${token}/no-such-file`],
      [`/${token}/__proto__`],
      [`/${token}/doctor`],
      [`/${token}/events`, own, 'POST'],
      [`/${token}/`, 'evil.example'],
      [`/${token}/events`, `127.0.0.1.evil.example:${port}`],
      [`/${token}/`, `localhost:${port}.evil.example`],
      [`/${token}/doctor`, 'evil.example', 'POST'],
    ];
    for (const [path, host, method] of nothing) {
      const { status, body } = await ask(path, host, method);
      assert.deepEqual([status, body], [404, ''], `${method ?? 'GET'} ${path} of ${host ?? own}`);
    }
    assert.deepEqual(joined, ['join', 'examine']);
  } finally {
    server.close();
  }
});
