/** The live views of people: `buildswarm web` in a real browser, `buildswarm top` in a real terminal. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { visibleField } from '../../src/core/visible.ts';
import type { Status } from '../../src/wire/cli-messages.ts';
import { checked, tell } from '../rig/child.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';
import { WebPage } from '../rig/web-page.ts';

/** What strangers may call their files: it must stay text, and no terminal may obey it. */
const red = '\u001b[31m';
const hostileFile = `<img src=x onerror=alert(1)>${red}.o`;
const hostile = visibleField(hostileFile);

test('what happens is seen while it happens', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 2 });
  await mkdir(path.join(swarm.share, 'src'));
  await writeFile(path.join(swarm.share, 'src/a.c'), 'int a;\n');
  await t.test('in a browser, and by nobody who was not told the URL', () => testPage(swarm));
  await t.test('in a terminal', () => testTop(swarm));
});

async function testPage(swarm: SwarmRig): Promise<void> {
  await using web = await WebPage.open(swarm, 'm1');
  const page = await web.browser.newPage({ viewport: { width: 1600, height: 1000 }, colorScheme: 'light' });
  const faults: string[] = [];
  const asked = new Set<string>();
  page.on('console', (message) => faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => faults.push(dialog.message()));
  page.on('request', (request) => asked.add(new URL(request.url()).host));
  const answer = await page.goto(web.url);
  assert.match(answer?.headers()['content-security-policy'] ?? '', /^default-src 'none'; script-src 'self';/);
  await page.getByText('No job has run so far: build').waitFor();

  // It lives: what is done now appears without a reload.
  const compile = ['gcc', '-c', '-o', hostileFile, 'src/a.c'];
  await swarm.check('m1', ['swarmrun', '--remote', ...compile]);
  await swarm.check('m1', ['swarmrun', '--local', 'gcc', '-c', '-o', 'here.o', 'src/a.c']);
  await page.locator('.slowest').getByText(hostile).waitFor();
  await page.locator('.tallies').getByText('asked').waitFor();
  assert.match(await figure(page, 'This build'), /^2.*1 elsewhere, 1 here/);
  assert.match(await page.locator('.findings').allTextContents().then(String), /multicast/);

  // The keyboard finds what the mouse does: where it ran, and why.
  const tip = page.locator('.tip');
  await reach(page, hostile);
  assert.match(await tip.innerText(), /done elsewhere on m2: .*gcc -c -o/s);
  await page.keyboard.press('Escape');
  await until(async () => (await tip.count()) === 0, 5_000, 'Escape closes it');
  await until(async () => await isFoundByMouse(page), 60_000, 'the mouse finds it too');

  await testSubmitters(swarm, page);
  await testTraceFile(swarm, page);

  for (const width of [1600, 390]) {
    await page.setViewportSize({ width, height: 844 });
    const inner = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.equal(inner, width, 'nothing is cut off or scrolls sideways');
  }
  const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  await until(async () => (await ground()) !== light, 5_000, 'the page follows the system into the dark');
  await page.getByRole('button', { name: 'Light' }).click();
  assert.equal(await ground(), light);

  assert.deepEqual(faults, []);
  const own = new URL(web.url).host;
  assert.deepEqual([...asked], [own]);
  await assertNothingFor(swarm, web.url);
}

/** A job of the other machine is in the timeline too, and colours tell whose is whose. */
async function testSubmitters(swarm: SwarmRig, page: Page): Promise<void> {
  await swarm.check('m2', ['swarmrun', '--remote', 'gcc', '-c', '-o', 'theirs.o', 'src/a.c']);
  await page.getByRole('button', { name: 'By submitter' }).click();
  const legend = page.locator('.timeline .legend');
  await until(async () => /m1\s+m2/.test(await legend.innerText()), 10_000, 'the legend has both');
  // The page may still show it as running when its wrapper has ended.
  await reach(page, 'theirs.o', /here on m1: .*for m2/s);
  await page.keyboard.press('Escape');
}

/** What `buildswarm trace` writes is shown by the same timeline. */
async function testTraceFile(swarm: SwarmRig, page: Page): Promise<void> {
  await swarm.check('m1', ['buildswarm', 'trace', '-o', 'build.json']);
  await page.locator('.timeline input[type=file]').setInputFiles(path.join(swarm.share, 'build.json'));
  const close = page.getByRole('button', { name: 'Close build.json' });
  await close.waitFor();
  await reach(page, 'here.o');
  assert.match(await page.locator('.tip').innerText(), /here on m1 \(here\): .*asked/s);
  await close.click();
  await page.getByRole('button', { name: 'Open a trace' }).waitFor();
}

/** Goes by keys through the jobs in the timeline until the tip tells of this one, and says so. */
async function reach(page: Page, title: string, says = /^/): Promise<void> {
  await page.locator('.timeline canvas').focus();
  const tip = page.locator('.tip');
  // Along a row, then to the other one: each job is passed.
  const along = ['Left', 'Left', 'Left', 'Right', 'Right', 'Right'];
  const keys = ['Up', ...along, 'Down', ...along].map((name) => `Arrow${name}`);
  let pressed = 0;
  await until(
    async () => {
      await page.keyboard.press(keys[(pressed = pressed + 1) % keys.length] ?? '');
      const text = (await tip.count()) > 0 ? await tip.innerText() : '';
      return text.includes(title) && says.test(text);
    },
    10_000,
    `the keys reach ${title}`,
  );
}

/** Bars move on with time: on a busy machine one may be gone from where it was found. */
async function isFoundByMouse(page: Page): Promise<boolean> {
  const tip = page.locator('.tip');
  await reach(page, hostile);
  const box = await tip.boundingBox();
  await page.keyboard.press('Escape');
  if (box === null) return false;
  await page.mouse.move(box.x - 9, box.y - 11);
  const [text = ''] = await tip.allInnerTexts();
  return /done elsewhere on m2/.test(text);
}

/** A figure with its note. */
async function figure(page: Page, label: string): Promise<string> {
  return (await page.locator('.figure', { hasText: label }).innerText())
    .replace(label, '')
    .replaceAll('\n', ' ')
    .trim();
}

/** Neither to a wrong token nor to a web site whose name points here. */
async function assertNothingFor(swarm: SwarmRig, url: string): Promise<void> {
  const get = (address: string, host: string) =>
    swarm.check('m1', [
      process.execPath,
      '-e',
      `require('http').get(process.argv[1], { headers: { host: process.argv[2] } }, (r) => {
        let body = ''; r.on('data', (c) => (body += c)).on('end', () => console.log(r.statusCode, body.length)); })`,
      address,
      host,
    ]);
  const { host } = new URL(url);
  const wrong = url.slice(0, -2) + (url.at(-2) === 'A' ? 'B/' : 'A/');
  assert.match(await get(url, host), /^200 [1-9]/);
  for (const file of ['', 'page.js', 'events', 'doctor'])
    assert.equal(await get(wrong + file, host), '404 0\n');
  assert.equal(await get(`http://${host}/`, host), '404 0\n');
  assert.equal(await get(url, 'evil.example'), '404 0\n');
}

/** Units of C++ that take a compiler a while, and a program of them all, by make. */
const unitNames = ['main', 'u1', 'u2', 'u3'] as const;
const makefile = `all: program
	./program
program: ${unitNames.map((name) => `${name}.o`).join(' ')}
	$(CXX) -o $@ $^
%.o: %.cc
	$(CXX) -c -o $@ $<
`;

async function writeProject(directory: string): Promise<void> {
  await mkdir(directory);
  await writeFile(path.join(directory, 'Makefile'), makefile);
  const units = unitNames.slice(1);
  const include = '#include <algorithm>\n#include <iostream>\n#include <map>\n#include <sstream>\n';
  const sum = units.map((name) => `${name}("2")`).join(' + ');
  const sources: Record<string, string> = {
    main: `${units.map((name) => `int ${name}(const char *);\n`).join('')}int main() { std::cout << ${sum} << std::endl; }\n`,
  };
  for (const name of units)
    sources[name] =
      `int ${name}(const char *text) { std::map<std::string, int> m; std::istringstream(text) >> m["a"]; return m["a"]; }\n`;
  for (const [name, source] of Object.entries(sources))
    await writeFile(path.join(directory, `${name}.cc`), include + source);
}

/**
 * A real build, again and again until both screens have told what the status did at that moment, besides a job with a
 * name that no terminal may obey.
 */
async function testTop(swarm: SwarmRig): Promise<void> {
  const tmux = async (...words: string[]): Promise<string> =>
    swarm.check('m1', ['tmux', '-L', 'top', ...words]);
  await writeProject(path.join(swarm.share, 'project'));
  const here = swarm.start('m1', ['swarmrun', '--local', 'env', `A=${red}`, 'sleep', '301']);
  here.ended.catch(() => undefined);
  const again = "while [ ! -e compared ]; do make -s -B -j4 CXX='swarmrun g++' || exit; done";
  const build = swarm.start('m1', ['sh', '-c', `cd project; ${again}`], { timeoutMs: 200_000 });
  let isOver = false;
  const over = build.ended.finally(() => (isOver = true));
  over.catch(() => undefined);
  await tmux(
    'new-session',
    '-d',
    '-x',
    '80',
    '-y',
    '24',
    'NO_COLOR=1 buildswarm top; echo left $?; sleep 60',
  );
  for (const [columns, lines] of [
    [80, 24],
    [200, 60],
  ] as const) {
    await tmux('resize-window', '-x', String(columns), '-y', String(lines));
    let shown = '';
    await until(
      async () => {
        if (isOver) return true;
        shown = await tmux('capture-pane', '-p', '-e');
        assertAgrees(shown, await swarm.status('m1'), columns);
        return true;
      },
      20_000,
      `the screen of ${columns}x${lines} tells what the status does`,
    );
    assert.ok(!isOver, `the build has ended: ${isOver && tell(await over)}`);
    assert.ok(!shown.includes('\u001b['), 'NO_COLOR');
    assert.match(shown, /asked: `buildswarm run --local`/);
  }
  await writeFile(path.join(swarm.share, 'project/compared'), '');
  await tmux('send-keys', 'q');
  await until(async () => (await tmux('capture-pane', '-p')).includes('left 0'), 10_000, 'q ends it');
  await tmux('kill-server');
  assert.match(checked(['make'], await over), /^(?:6\n)+$/, 'each build made a program that runs');
  here.signalGroup('SIGKILL');
}

/** Each machine's row, and the head, tell what the status does, and each job that runs has its line. */
function assertAgrees(screen: string, { self, peers, jobs }: Status, columns: number): void {
  const lines = screen.split('\n');
  assert.ok(!lines.some((line) => line.length > columns), screen);
  for (const { name, running, slots, queued } of [self, ...peers]) {
    const row = lines.find((line) => line.startsWith(`${name} `) && line.includes('/'));
    const [, bar = '', used, waiting] = /(?: |\))([#+.]+) +(\d+\/\d+) +(\d+)/.exec(row ?? '') ?? [];
    assert.equal(used, `${running}/${slots}`, screen);
    assert.equal(waiting, String(queued), screen);
    assert.equal(bar.length, slots, screen);
    assert.equal(bar.replaceAll('.', '').length, running, screen);
  }
  assert.match(screen, / m1 +env A=\\u001b\[31m sleep 301$/m);
  assert.match(screen, / m2 +(?:main|u\d)\.o$/m, 'a unit is compiled elsewhere');
  const shownJobs = lines.filter((line) => / m[12] +(?:program|\w+\.o|env .*)$/.test(line));
  const [, underWay = '0'] = / (\d+) {2}on the way to a worker/.exec(screen) ?? [];
  assert.equal(shownJobs.length + Number(underWay), jobs.running, screen);
  assert.ok(screen.includes(` ${jobs.running} running, ${jobs.queued} queued`), screen);
  assert.ok(screen.includes(` ${jobs.retried} retried, ${jobs.failed} failed`), screen);
}
