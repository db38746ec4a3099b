/** Makes the pictures of docs/: what `buildswarm web` shows during a real build, on a LAN of namespaces. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../test/rig/child.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { until } from '../test/rig/until.ts';
import { WebPage } from '../test/rig/web-page.ts';

const target = path.join(checkout, 'docs/pictures');
const slots = 3;
const names = ['desk', 'lab1', 'lab2', 'lab3', 'lab4'] as const;
const libraries = ['core', 'codec', 'store', 'net', 'render', 'query', 'audio', 'script'];
const filesOfLibrary = 12;
/** So many of the jobs have begun when the pictures of a running build are taken. */
const shareBegun = 0.6;
/** Where all machines see the project: a path that says nothing of this machine. The shell script has made it. */
const project = '/mnt/project';

await using swarm = await SwarmRig.start(undefined, { machines: names.length, slots, peers: [] });
const { hosts } = swarm.lan;
for (const [index, host] of hosts.entries()) {
  await swarm.check(host, ['mount', '--bind', swarm.share, project]);
  await swarm.startPeer(host, '--name', names[index] ?? host);
}
for (const host of hosts) await swarm.untilSees(host, hosts.length - 1);
writeProject(swarm.share, libraries);
// Another machine builds too: the swarm is shared.
const other = path.join(swarm.share, 'tools');
mkdirSync(other);
writeProject(other, ['lint', 'pack']);
await using web = await WebPage.open(swarm, 'm1', project);
const page = await web.browser.newPage({ viewport: { width: 1600, height: 1150 }, colorScheme: 'light' });
await page.goto(web.url);
await swarm.check('m1', [
  ...'tmux -L pictures -f /dev/null new-session -d -x 110 -y 34'.split(' '),
  'buildswarm top',
]);
const make = swarm.start('m1', ['make', '-C', project, `-j${hosts.length * slots + 5}`, 'CC=swarmrun gcc'], {
  timeoutMs: 150_000,
});
const theirs = swarm.start('m2', ['make', '-C', `${project}/tools`, '-j6', 'CC=swarmrun gcc'], {
  timeoutMs: 150_000,
});
const built = page.locator('.figure', { hasText: 'This build' }).locator('.value');
const enough = shareBegun * libraries.length * filesOfLibrary;
await until(async () => Number(await built.textContent()) > enough, 120_000, 'most jobs have begun');
// The doctor looked when the page was opened, before the first job.
await page.getByRole('button', { name: 'Check again' }).click();
await until(
  async () => (await page.getByText('has not joined the share').count()) === 0,
  30_000,
  'it has looked again',
);
await page.screenshot({ path: path.join(target, 'web-live.png') });
const screen = await swarm.check('m1', ['tmux', '-L', 'pictures', 'capture-pane', '-p', '-e']);
await Promise.all([make.ended, theirs.ended]);
await page.waitForTimeout(3_000);
await page.getByRole('button', { name: 'By submitter' }).click();
const canvas = page.locator('canvas[role=img]').first();
await page.emulateMedia({ colorScheme: 'dark' });
await canvas.hover({ position: { x: 700, y: 150 } });
await page.waitForTimeout(500);
await page.screenshot({ path: path.join(target, 'web-dark.png') });
await page.setViewportSize({ width: 390, height: 844 });
await page.mouse.move(0, 0);
await page.waitForTimeout(500);
await page.screenshot({
  path: path.join(target, 'web-narrow.png'),
  fullPage: true,
  clip: { x: 0, y: 0, width: 390, height: 1_400 },
});
await swarm.check('m1', ['tmux', '-L', 'pictures', 'kill-server']);
await page.setViewportSize({ width: 1200, height: 800 });
await page.goto('about:blank');
await page.setContent(terminalPage(screen));
await page.locator('pre').screenshot({ path: path.join(target, 'top.png') });

/** Libraries of C files of many sizes, and a program for each. */
function writeProject(folder: string, names: readonly string[]): void {
  const rules: string[] = [];
  const words = ['parse', 'table', 'cache', 'frame', 'index', 'queue', 'state', 'value'];
  for (const [number, library] of names.entries()) {
    mkdirSync(path.join(folder, library));
    const objects: string[] = [];
    for (let file = 0; file < filesOfLibrary; file += 1) {
      const name = `${library}/${words[file % words.length]}_${file}`;
      const functions = Array.from({ length: 8 + ((file * 37 + number * 91) % 9) ** 2 }, (_, n) =>
        functionOf(n),
      );
      writeFileSync(
        path.join(folder, `${name}.c`),
        `#include <stdio.h>\n#include <stdlib.h>\n${functions.join('\n')}\n`,
      );
      objects.push(`${name}.o`);
    }
    writeFileSync(path.join(folder, library, 'main.c'), 'int main(void) { return 0; }\n');
    rules.push(
      `lib${library}.a: ${objects.join(' ')}\n\tswarmrun ar rcs $@ $^`,
      `${library}/${library}: ${library}/main.o lib${library}.a\n\t$(CC) -o $@ $^`,
    );
  }
  const programs = names.map((library) => `${library}/${library}`);
  writeFileSync(
    path.join(folder, 'Makefile'),
    `all: ${programs.join(' ')}\n%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\n${rules.join('\n')}\n`,
  );
}

function functionOf(n: number): string {
  return `static int f${n}(int *a, int b) { for (int i = 0; i < b; i++) a[i] = a[i] * ${n} + (a[(i + ${n}) % b] ^ i); return a[b / 2]; }
int g${n}(int *a, int b) { return f${n}(a, b) + f${n}(a + 1, b - 1); }`;
}

/** A screen of tmux, with its colours, as a page. */
function terminalPage(screen: string): string {
  const colours: Readonly<Record<string, string>> = { 33: '#e0af68', 34: '#7aa2f7', 90: '#6b7490' };
  let style = '';
  let html = '';
  for (const [index, part] of screen.replace(/\n+$/, '').split('\u001b[').entries()) {
    const end = index === 0 ? -1 : part.indexOf('m');
    const codes = part.slice(0, Math.max(0, end)).split(';');
    for (const code of end < 0 ? [] : codes) {
      if (code === '1') style += 'font-weight:bold;';
      else if (code === '7') style += 'background:#c0caf5;color:#16161e;';
      else if (code in colours) style += `color:${colours[code]};`;
      else style = '';
    }
    const text = part.slice(end + 1).replace(/[&<]/g, (letter) => (letter === '&' ? '&amp;' : '&lt;'));
    html += `<span style="${style}">${text}</span>`;
  }
  return `<body style="margin:0;background:#16161e"><pre style="display:inline-block;margin:0;padding:16px 20px;color:#c0caf5;font:14px/1.3 'DejaVu Sans Mono',monospace">${html}</pre>`;
}
