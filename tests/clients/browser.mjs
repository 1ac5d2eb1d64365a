// A real browser (Chromium) on a string: one JSON command per line in, one JSON reply per line out. What happens in
// which order is the tests' business; this file only knows how to do it and what to report.
// It never waits for time to pass, only for what was asked.
//
//   CHROMIUM=/usr/bin/chromium COOKIES=first-party node browser.mjs
//
// See README.md for the commands.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { listen, obeying, say } from './lines.mjs';

const PATIENCE_MS = 20_000;

/** Which cookies are kept and sent, as a person sets it on the page of settings: all of them if `COOKIES` is not set. */
const preferences = {
  undefined: {},
  'first-party': { cookie_controls_mode: 1, block_third_party_cookies: true },
  none: { default_content_setting_values: { cookies: 2 } },
}[process.env.COOKIES];

/** Settings of a person are in a profile on disk, and the contexts of the browser have those of its profile. */
const profile = mkdtempSync(join(tmpdir(), 'lychgate-chromium-'));
mkdirSync(join(profile, 'Default'));
writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: preferences }));

const main = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  chromiumSandbox: process.getuid?.() !== 0,
  args: [
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // Nothing leaves this computer. Names under .test are other sites that live here too: an attacker needs a host
    // that shares neither origin nor site with ours.
    '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]',
  ],
});
const browser = main.browser();

/** Contexts by name: each is a browser of its own, with its own cookies. */
const contexts = new Map();
/** Tabs by "context/page": what they show, and what they have been through. */
const tabs = new Map();

class Tab {
  constructor(page) {
    this.page = page;
    this.hops = [];
    this.problems = [];
    this.onProblem = () => {};
    this.onDeparture = () => {};
    this.done = Promise.resolve();
    page.on('request', (request) => this.isHop(request) && this.depart(request));
    page.on('response', (response) => this.isHop(response.request()) && this.arrive(response));
    page.on('requestfailed', (request) => this.isHop(request) && this.fail(request));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complain('console', message.text(), message.location().url);
    });
    page.on('pageerror', (error) => this.complain('script', error.message));
    page.on('dialog', (dialog) => {
      this.complain('dialog', dialog.message());
      dialog.dismiss();
    });
  }
  isHop(request) {
    return request.isNavigationRequest() && request.frame() === this.page.mainFrame();
  }
  complain(kind, text, at = this.page.url()) {
    this.problems.push({ kind, text, at });
    this.onProblem(text);
  }
  depart(request) {
    const url = new URL(request.url());
    this.hops.push({ request, at: url.origin + url.pathname, url: url.href, method: request.method(), status: null });
    this.onDeparture();
  }
  arrive(response) {
    const hop = this.hops.findLast((hop) => hop.request === response.request());
    Object.assign(hop, { status: response.status(), response });
  }
  fail(request) {
    const hop = this.hops.findLast((hop) => hop.request === request);
    hop.failure = request.failure()?.errorText;
  }
}

/** The tab has asked for a page at an address that begins with `url`, and perhaps did not get it. */
async function departure(tab, { url }) {
  const departed = () => tab.hops.some((hop) => hop.url.startsWith(url));
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the tab did not leave for ${url}`)), PATIENCE_MS);
    tab.onProblem = (text) => text.includes('form-action') && reject(new Error(text.trim()));
    tab.onDeparture = () => departed() && resolve(clearTimeout(late));
    tab.onDeparture();
  });
}

/** Pages that a page on this tab has the browser fetch ahead, from now on: what became of each, by its address. */
async function watchPreloads(tab) {
  const protocol = await tab.page.context().newCDPSession(tab.page);
  Object.assign(tab, { preloads: new Map(), onPreload: () => {} });
  protocol.on('Preload.prefetchStatusUpdated', ({ key, status, prefetchStatus }) => {
    tab.preloads.set(key.url, { status, reason: prefetchStatus });
    tab.onPreload();
  });
  await protocol.send('Preload.enable');
}

/** The page at `url` has been fetched ahead, or will not be. */
async function preloaded(tab, { url }) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${url} was not fetched ahead`)), PATIENCE_MS);
    tab.onPreload = () => {
      const preload = tab.preloads.get(url);
      if (['Ready', 'Success', 'Failure'].includes(preload?.status)) resolve(preload, clearTimeout(late));
    };
    tab.onPreload();
  });
}

/** A click that opens another tab, from now on known as `opens`. */
async function open(tab, { context = 'main', opens, ...element }) {
  await reach(tab, element);
  const [opened] = await Promise.all([tab.page.waitForEvent('popup'), press(tab)]);
  tabs.set(`${context}/${opens}`, new Tab(opened));
}

/** Every navigation of the tab so far, redirects included, with the headers both sides really sent. */
async function hopsOf(tab) {
  return Promise.all(
    tab.hops.map(async ({ request, response, ...hop }) => ({
      ...hop,
      request_headers: request && (hop.failure ? request.headers() : await request.allHeaders()),
      response_headers: response && (await response.allHeaders()),
    })),
  );
}

async function newContext({ context = 'main', width = 1024, height = 768, javascript = true }) {
  if (contexts.has(context)) throw new Error(`there is a context "${context}" already`);
  const opened = await browser.newContext({ viewport: { width, height }, javaScriptEnabled: javascript });
  opened.setDefaultTimeout(PATIENCE_MS);
  contexts.set(context, opened);
  return opened;
}

async function tabOf({ context = 'main', page = 'main' }) {
  const key = `${context}/${page}`;
  if (!tabs.has(key)) {
    const opened = contexts.get(context) ?? (await newContext({ context }));
    tabs.set(key, new Tab(await opened.newPage()));
  }
  return tabs.get(key);
}

/** An element as a person names it (role and name, label, placeholder), or by CSS selector. */
function find({ page }, { role, name, exact, label, placeholder, selector }) {
  if (role) return page.getByRole(role, { name, exact });
  if (label) return page.getByLabel(label, { exact });
  if (placeholder) return page.getByPlaceholder(placeholder, { exact });
  if (selector) return page.locator(selector);
  throw new Error('name an element by role and name, label, placeholder or selector');
}

/** Brings the pointer over an element and leaves it there, until the cover that lies over some buttons has gone. */
async function reach(tab, command) {
  const element = find(tab, command);
  await element.hover({ force: true });
  while (await element.evaluate(isCovered));
}

/**
 * Clicks where the pointer is. Playwright's own click would scroll first: the pointer is then over something else, the cover is back,
 * and Playwright waits for it to leave without going there again.
 */
async function press(tab, times = 1) {
  for (let clickCount = 1; clickCount <= times; clickCount += 1) {
    await tab.page.mouse.down({ clickCount });
    await tab.page.mouse.up({ clickCount });
  }
}

/** A cover belongs to the element around the button. */
function isCovered(element) {
  const { x, y, width, height } = element.getBoundingClientRect();
  return document.elementFromPoint(x + width / 2, y + height / 2) === element.parentElement;
}

/**
 * Does `act` and, if it `navigates`, waits until the tab shows the page at the end of all redirects. A navigation that
 * never happens is an error; at once, if the reason is a content security policy that stopped the form.
 */
async function perform(tab, { navigates = false }, act) {
  const arrived = navigates && Promise.race([arrival(tab), blockedForm(tab)]);
  if (arrived) arrived.catch(() => {}); // `act` may fail first; its error is the better one
  await act();
  await arrived;
  await tab.page.waitForLoadState('load');
  return where(tab);
}

function arrival({ page }) {
  return page.waitForEvent('framenavigated', (frame) => frame === page.mainFrame());
}

function blockedForm(tab) {
  return new Promise((_, reject) => {
    tab.onProblem = (text) => text.includes('form-action') && reject(new Error(text.trim()));
  });
}

async function where(tab) {
  const status = tab.hops.length ? tab.hops.at(-1).status : await firstStatus(tab);
  return { url: tab.page.url(), title: await tab.page.title(), status };
}

/** The status of the page that a popup showed before anything could watch it. */
async function firstStatus({ page }) {
  return page.evaluate(() => performance.getEntriesByType('navigation')[0]?.responseStatus || null);
}

/** The element that the keyboard is at, as a person would perceive it. */
function describeFocus() {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  return {
    tag: element.tagName.toLowerCase(),
    name: (element.getAttribute('aria-label') ?? element.innerText ?? '').trim().slice(0, 200) || element.getAttribute('name'),
    visible: element.matches(':focus-visible') && (style.outlineStyle !== 'none' || style.boxShadow !== 'none'),
  };
}

/** How wide the page is against its window, and what sticks out. */
function measure() {
  const { scrollWidth, clientWidth } = document.documentElement;
  const outside = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > clientWidth + 0.5);
  return { scroll_width: scrollWidth, client_width: clientWidth, outside: outside.map((e) => e.outerHTML.slice(0, 200)) };
}

const commands = {
  newContext: async (_, command) => void (await newContext(command)),
  closeContext: async (_, { context = 'main' }) => {
    await contexts.get(context).close();
    contexts.delete(context);
    for (const key of tabs.keys()) if (key.startsWith(`${context}/`)) tabs.delete(key);
  },
  cookies: async (_, { context = 'main' }) => ({ cookies: await contexts.get(context).cookies() }),
  clearCookies: async (_, { context = 'main' }) => void (await contexts.get(context).clearCookies()),

  open: (tab, { url, referer }) => perform(tab, {}, () => tab.page.goto(url, { referer })),
  click: (tab, command) =>
    perform(tab, command, async () => {
      await reach(tab, command);
      await press(tab, command.twice ? 2 : 1);
    }),
  clickToOpen: open,
  mouse: async ({ page }, { action, x, y }) => void (action === 'move' ? await page.mouse.move(x, y) : await page.mouse[action]()),
  fill: async (tab, command) => void (await find(tab, command).fill(command.value)),
  press: (tab, command) => perform(tab, command, () => tab.page.keyboard.press(command.key)),
  type: async (tab, { text }) => void (await tab.page.keyboard.type(text)),
  reload: (tab) => perform(tab, {}, () => tab.page.reload()),
  back: (tab) => perform(tab, {}, () => tab.page.goBack()),
  forward: (tab) => perform(tab, {}, () => tab.page.goForward()),
  waitFor: (tab, { url, ...element }) =>
    perform(tab, {}, () => (url ? tab.page.waitForURL((at) => at.href.startsWith(url)) : find(tab, element).waitFor())),
  departure,
  watchPreloads,
  preloaded: async (tab, command) => ({ preloaded: await preloaded(tab, command) }),

  where,
  text: async (tab) => ({ text: await tab.page.locator('body').innerText(), aria: await tab.page.locator('body').ariaSnapshot() }),
  count: async (tab, command) => ({ count: await find(tab, command).count() }),
  html: async (tab) => ({ html: await tab.page.content() }),
  frames: async ({ page }) => ({ frames: await Promise.all(page.mainFrame().childFrames().map((frame) => frame.content())) }),
  pace: async ({ page }, { rate }) => {
    const protocol = await page.context().newCDPSession(page);
    await protocol.send('Animation.enable');
    await protocol.send('Animation.setPlaybackRate', { playbackRate: rate });
  },
  screenshot: async (tab, { path }) => void (await tab.page.screenshot({ path, fullPage: true })),
  focus: async (tab) => ({ focus: await tab.page.evaluate(describeFocus) }),
  overflow: async (tab) => ({ overflow: await tab.page.evaluate(measure) }),
  eval: async (tab, { expression }) => ({ value: (await tab.page.evaluate(expression)) ?? null }),
  hops: async (tab) => ({ hops: await hopsOf(tab) }),
  problems: async (tab) => ({ problems: tab.problems }),
};
const wholeContext = new Set(['newContext', 'closeContext', 'cookies', 'clearCookies']);

say({ ready: true, version: browser.version() });
listen(obeying({ commands, wholeContext, tabOf }), async () => {
  await main.close();
  rmSync(profile, { recursive: true, force: true });
});
