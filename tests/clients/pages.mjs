// Checks pages in Chromium: files `LANGUAGE/PAGE-SAMPLE.html` with one style sheet in `assets`, as the edge would send them.
//
//   node pages.mjs DIR [--only SUBSTRING] [--snapshot FILE [--update]] [--screenshots OUT]
//
// Prints one line per failed fact and a last line with totals. See README.md for the facts.

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { serve } from './pages/server.mjs';

/** The language that is checked for everything; the others, for what differs between languages. */
const FULLY_CHECKED = 'en';
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;
const MOST_BYTES = 30_000;

const SMALL = { width: 320, height: 640 };
/** A window of 1280 pixels at a zoom of 200 %. */
const ZOOMED = { width: 640, height: 800 };
const PICTURES = {
  phone: { width: 390, height: 844 },
  popup: { width: 480, height: 640 },
  laptop: { width: 1366, height: 768 },
};

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const AXE_RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const AXE_ALL = { runOnly: AXE_RULES, resultTypes: ['violations', 'incomplete'], preload: false };
/** What a scheme of other colours can change. */
const AXE_COLOURS = { ...AXE_ALL, runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } };

const SCREEN = { media: 'screen', colorScheme: 'light', forcedColors: 'none', reducedMotion: 'no-preference' };

/**
 * Checks the pages below `directory` whose path contains `only`: representative ones, unless `only` or `screenshots` is given or
 * `every` is true. Returns `complaints` (`"FILE [STATE] FACT"`), `snapshot`,
 * and the numbers of `pages` and `facts`.
 */
export async function check(directory, { only = '', screenshots, every = Boolean(only || screenshots) } = {}) {
  const pages = pagesIn(directory, every ? (files) => files : representative).filter((page) => page.path.includes(only));
  if (!pages.length) throw new Error(`no pages in ${directory}`);
  const [server, browser] = await Promise.all([serve(directory), launch()]);
  try {
    const report = { complaints: [], facts: 0, pages: pages.length, trees: new Map() };
    const queue = pages[Symbol.iterator]();
    const work = async () => {
      const tab = await Tab.open(browser, server.origin, report);
      for (const page of queue) await tab.check(page, screenshots);
      await tab.close();
    };
    // The second tab works while the first waits for an answer.
    await Promise.all([work(), work()]);
    const trees = [...report.trees].sort(([a], [b]) => (a < b ? -1 : 1));
    return { ...report, complaints: report.complaints.sort(), snapshot: trees.map(([path, tree]) => `# ${path}\n${tree}\n`).join('\n') };
  } finally {
    await browser.close();
    server.close();
  }
}

function pagesIn(directory, choose) {
  const languages = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'assets');
  return languages.flatMap(({ name: language }) => {
    const files = readdirSync(join(directory, language)).filter((file) => file.endsWith('.html'));
    return choose(files, join(directory, language), language).sort().map((file) => ({ language, path: `${language}/${file}` }));
  });
}

/** Pages of other languages: those with the longest sentences, and one in which nearly every message of a template stands. */
const REPRESENTATIVE = /^(consent-(longest|grouped-scopes)|signed_in-linked-policy|account-full)/;

/**
 * All English files, but of the error pages of single reasons only the longest: they differ in nothing but their sentences. Of
 * the other languages those that can differ in more than that.
 */
function representative(files, directory, language) {
  const isError = (file) => /^error-[A-Z]/.test(file);
  const size = (file) => statSync(join(directory, file)).size;
  const [longest] = files.filter(isError).sort((a, b) => size(b) - size(a));
  const isChosen = (file) => (language === FULLY_CHECKED ? !isError(file) : REPRESENTATIVE.test(file));
  return files.filter((file) => isChosen(file) || file === longest);
}

function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A tab that shows one page after another, each in all its states. */
class Tab {
  static async open(browser, origin, report) {
    const [scripted, plain] = await Promise.all([true, false].map((javaScriptEnabled) => browser.newContext({ javaScriptEnabled })));
    await scripted.addInitScript({ path: AXE });
    await scripted.addInitScript({ path: new URL('pages/inside.js', import.meta.url).pathname });
    const [page, unscripted] = await Promise.all([scripted.newPage(), plain.newPage()]);
    const tab = new Tab();
    Object.assign(tab, { page, unscripted, origin, report, protocol: await scripted.newCDPSession(page) });
    page.on('request', (request) => tab.requests.push(request));
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && tab.problems.push(message.text()));
    return tab;
  }

  async close() {
    await Promise.all([this.page.context().close(), this.unscripted.context().close()]);
  }

  async check(shown, screenshots) {
    this.shown = shown;
    this.forForm = shown.language === FULLY_CHECKED;
    await this.state('load', SMALL, SCREEN);
    await this.load();
    await this.layout();
    if (this.forForm) await this.form();
    if (screenshots) await this.pictures(screenshots);
  }

  /** What the page is made of, and what it fetches. */
  async load() {
    Object.assign(this, { requests: [], problems: [] });
    await this.page.goto(`${this.origin}/${this.shown.path}`);
    const { language } = this.shown;
    await this.say('language', { language, direction: RIGHT_TO_LEFT.test(language) ? 'rtl' : 'ltr' });
    await this.say('headings');
    await this.say('scripts');
    this.hold(this.requests.filter((request) => !this.isOurs(request)).map((request) => `asks for ${request.resourceType()} ${request.url()}`));
    this.hold(this.problems.map((text) => `complaint of the browser: ${text}`));
    const bodies = await Promise.all(this.requests.map(async (request) => (await (await request.response())?.body())?.length ?? 0));
    const bytes = bodies.reduce((sum, length) => sum + length, 0);
    this.hold(bytes < MOST_BYTES ? [] : [`${bytes} bytes in all, allowed are ${MOST_BYTES}`]);
    await this.settle();
  }

  isOurs(request) {
    return request.url().startsWith(`${this.origin}/`) && ['document', 'stylesheet', 'image'].includes(request.resourceType());
  }

  /** What words of another length, another direction and other colours can break: for every language. */
  async layout() {
    await this.state('320 px', SMALL);
    await this.say('overflow');
    await this.state('200 % zoom', ZOOMED);
    await this.say('overflow');
    // Of what is outside of the window, axe cannot tell what lies above what.
    await this.state('light', await this.whole(SMALL));
    await this.say('axe', AXE_ALL);
    await this.state('dark', await this.whole(ZOOMED), { colorScheme: 'dark' });
    await this.say('axe', this.forForm ? AXE_ALL : AXE_COLOURS);
  }

  /** What is the same in all languages. */
  async form() {
    await this.state('print', ZOOMED, { media: 'print' });
    await this.say('faded');
    await this.page.evaluate(() => facts.rewind());
    await this.say('faded');
    await this.state('reduced motion', ZOOMED, { reducedMotion: 'reduce' });
    await this.say('motion');
    await this.state('forced colours', ZOOMED, { forcedColors: 'active' });
    await this.say('edgeless');
    await this.state('light', ZOOMED);
    const tree = await this.page.locator('body').ariaSnapshot();
    this.report.trees.set(this.shown.path, tree);
    await this.keyboard();
    await this.withoutScripts(tree);
  }

  /** A person with a keyboard and nothing else reaches every control, and sees where they are. */
  async keyboard() {
    const whole = await this.whole(ZOOMED);
    for (const [name, media] of [['light', {}], ['dark', { colorScheme: 'dark' }], ['forced colours', { forcedColors: 'active' }]]) {
      await this.state(`keyboard, ${name}`, whole, media);
      const controls = await this.page.evaluate(() => facts.controls());
      const places = await this.page.evaluate((all) => all.map((_, number) => facts.place(number)), controls);
      const before = await this.picture({ left: 0, top: 0, right: whole.width, bottom: whole.height });
      await this.page.evaluate((picture) => facts.keep(picture), before);
      for (const [number, control] of controls.entries()) {
        await this.page.keyboard.press('Tab');
        const at = await this.page.evaluate(() => facts.focused());
        if (at !== number) {
          this.hold([`Tab reaches ${controls[at] ?? 'no control'} in place of ${control}`]);
          break;
        }
        const place = places[number];
        const changed = await this.page.evaluate((pictures) => facts.changed(pictures), [await this.picture(place), place]);
        // A line of two pixels around the control would change twice its edge.
        this.hold(changed >= 1.5 * place.edge ? [] : [`no visible focus (${changed} pixels): ${control}`]);
      }
    }
  }

  async picture({ left: x, top: y, right, bottom }) {
    const clip = { x, y, width: right - x, height: bottom - y, scale: 1 };
    const { data } = await this.protocol.send('Page.captureScreenshot', { format: 'png', clip, optimizeForSpeed: true });
    return data;
  }

  async withoutScripts(tree) {
    this.name = 'no scripts';
    await this.unscripted.goto(`${this.origin}/${this.shown.path}`);
    await this.unscripted.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
    const same = (await this.unscripted.locator('body').ariaSnapshot()) === tree;
    this.hold(same ? [] : ['another page than with scripts']);
  }

  async pictures(out) {
    for (const [name, size] of Object.entries(PICTURES)) {
      for (const colorScheme of ['light', 'dark']) {
        await this.state('picture', size, { colorScheme });
        const path = join(out, `${this.shown.path.replace(/\.html$/, '')}.${name}.${colorScheme}.png`);
        await this.page.screenshot({ path, fullPage: true });
      }
    }
  }

  /** Shows the page in a window of this size, to a person with these preferences. */
  async state(name, size, media = {}) {
    this.name = name;
    await this.page.setViewportSize(size);
    await this.page.emulateMedia({ ...SCREEN, ...media });
    if (name !== 'load') await this.settle();
  }

  /** A window of this width as high as the page. */
  async whole({ width }) {
    await this.page.setViewportSize({ width, height: 1 });
    const height = await this.page.evaluate(() => document.documentElement.scrollHeight);
    return { width, height: Math.min(height, 8000) };
  }

  settle() {
    return this.page.evaluate(() => facts.settle());
  }

  /** Holds the page to a fact of `pages/inside.js`. */
  async say(fact, argument) {
    this.hold(await this.page.evaluate(([fact, argument]) => facts[fact](argument), [fact, argument]), fact);
  }

  hold(complaints, fact) {
    this.report.facts += 1;
    for (const text of complaints) this.report.complaints.push(`${this.shown.path} [${this.name}] ${fact ? `${fact}: ` : ''}${text}`);
  }
}

/** Compares the accessibility trees with those of `file`, or writes them there. Returns the difference, "" for none. */
export function compare(snapshot, file, update) {
  if (update) {
    writeFileSync(file, snapshot);
    return '';
  }
  const { status, stdout, stderr } = spawnSync('diff', ['-u', '--label', file, '--label', 'now', file, '-'], { input: snapshot, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}accessibility trees differ from ${file}; --update writes them there`;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      snapshot: { type: 'string' },
      update: { type: 'boolean' },
      screenshots: { type: 'string' },
    },
  });
  if (positionals.length !== 1) throw new Error('usage: pages.mjs DIR [--only SUBSTRING] [--snapshot FILE [--update]] [--screenshots OUT]');
  const began = performance.now();
  const { complaints, pages, facts, snapshot } = await check(positionals[0], values);
  for (const complaint of complaints) console.log(complaint);
  const difference = values.snapshot ? compare(snapshot, values.snapshot, values.update) : '';
  if (difference) console.log(difference);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${pages} pages, ${facts} facts, ${complaints.length} complaints, ${seconds} s`);
  process.exit(difference || complaints.length ? 1 : 0);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
