// Firefox on a string, by the same protocol as Chromium in browser.mjs, with the commands that tests of both need.
// It is driven by WebDriver BiDi, which Firefox itself offers.
// It never waits for time to pass, only for what was asked.
//
//   FIREFOX=/usr/bin/firefox-esr COOKIES=first-party node firefox.mjs
//
// See README.md for the commands.

import puppeteer from 'puppeteer-core';
import { listen, obeying, say } from './lines.mjs';

const PATIENCE_MS = 20_000;

const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
  headless: true,
  extraPrefsFirefox: {
    // All cookies, none of third parties, or none at all.
    'network.cookie.cookieBehavior': { undefined: 0, 'first-party': 1, none: 2 }[process.env.COOKIES],
    // Nothing leaves this computer: every other host is "at" a proxy that does not exist.
    'network.proxy.type': 1,
    'network.proxy.http': '127.0.0.1',
    'network.proxy.http_port': 9,
    'network.proxy.ssl': '127.0.0.1',
    'network.proxy.ssl_port': 9,
    'network.proxy.no_proxies_on': '127.0.0.1, localhost, [::1]',
    'network.proxy.allow_hijacking_localhost': false,
  },
});

/** Contexts by name: each is a browser of its own, with its own cookies. */
const contexts = new Map();
/** Tabs by "context/page". */
const tabs = new Map();

async function contextOf(context) {
  if (!contexts.has(context)) contexts.set(context, await browser.createBrowserContext());
  return contexts.get(context);
}

async function tabOf({ context = 'main', page = 'main' }) {
  const key = `${context}/${page}`;
  if (!tabs.has(key)) tabs.set(key, new Tab(await (await contextOf(context)).newPage()));
  return tabs.get(key);
}

class Tab {
  constructor(page) {
    this.page = page;
    this.hops = [];
    this.onDeparture = () => {};
    this.done = Promise.resolve();
    page.setDefaultTimeout(PATIENCE_MS);
    const isHop = (request) => request.isNavigationRequest() && request.frame() === page.mainFrame();
    page.on('request', (request) => isHop(request) && this.depart(request.url(), { method: request.method() }));
    page.on('response', (response) => isHop(response.request()) && this.arrive(response));
    page.on('requestfailed', (request) => isHop(request) && this.fail(request.failure()?.errorText));
  }
  get status() {
    return this.hops.findLast((hop) => hop.status)?.status ?? null;
  }
  depart(url, hop) {
    const { origin, pathname } = new URL(url);
    this.hops.push({ at: origin + pathname, url, status: null, ...hop });
    this.onDeparture();
  }
  arrive(response) {
    const hop = this.hops.findLast((hop) => hop.url === response.request().url());
    if (hop) Object.assign(hop, { status: response.status(), location: response.headers().location });
  }
  fail(failure) {
    const hop = this.hops.at(-1);
    // Firefox tells of no request for a scheme that it does not know: only that the redirect there failed.
    if (failure === 'NS_ERROR_UNKNOWN_PROTOCOL' && hop?.location) this.depart(hop.location, { method: 'GET', failure });
    else if (hop) hop.failure = failure;
  }
}

const roles = { button: 'button, input[type=submit]', link: 'a[href]', checkbox: 'input[type=checkbox]' };

/** Elements as a person names them (role and name), or by CSS selector. */
async function findAll({ page }, { role, name, selector }) {
  if (selector) return page.$$(selector);
  if (!roles[role]) throw new Error(`name an element by selector, or by one of the roles ${Object.keys(roles)}`);
  const isNamed = (element, name) => {
    const text = element.labels?.[0]?.innerText ?? element.innerText ?? element.value ?? '';
    return element.checkVisibility() && text.toLowerCase().includes(name.toLowerCase());
  };
  const found = [];
  for (const element of await page.$$(roles[role])) if (await element.evaluate(isNamed, name)) found.push(element);
  return found;
}

async function find(tab, command) {
  const found = await findAll(tab, command);
  if (found.length !== 1) throw new Error(`${found.length} elements are ${JSON.stringify(command)}`);
  return found[0];
}

/** The pointer is over an element before it clicks, and a cover lies over some buttons until it has been there for a moment. */
async function ready(tab, command) {
  const element = await find(tab, command);
  await element.scrollIntoView();
  const takesClicks = (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    return !element.disabled && (element.contains(hit) || [...(element.labels ?? [])].some((label) => label.contains(hit)));
  };
  await element.hover();
  await tab.page.waitForFunction(takesClicks, {}, element);
  return element;
}

/** The tab has asked for a page at an address that begins with `url`, and perhaps did not get it. */
async function departure(tab, { url }) {
  const departed = () => tab.hops.some((hop) => hop.url.startsWith(url));
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the tab did not leave for ${url}`)), PATIENCE_MS);
    tab.onDeparture = () => departed() && resolve(clearTimeout(late));
    tab.onDeparture();
  });
}

/** The tab shows a whole page at an address that begins with `url`. */
async function arrival({ page }, url) {
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the tab did not come to ${url}`)), PATIENCE_MS);
    const look = () => page.url().startsWith(url) && resolve(clearTimeout(late));
    page.on('framenavigated', look);
    look();
  });
  await page.waitForFunction(() => document.readyState === 'complete');
}

/** A click that opens another tab, from now on known as `opens`. */
async function open(tab, { context = 'main', opens, ...element }) {
  const target = await ready(tab, element);
  const [opened] = await Promise.all([new Promise((popup) => tab.page.once('popup', popup)), target.click()]);
  tabs.set(`${context}/${opens}`, new Tab(opened));
}

/** Does `act` and, if it `navigates`, waits until the tab shows the page at the end of all redirects. */
async function perform(tab, { navigates = false }, act) {
  if (navigates) await Promise.all([tab.page.waitForNavigation(), act()]);
  else await act();
  return where(tab);
}

async function where(tab) {
  return { url: tab.page.url(), title: await tab.page.title(), status: tab.status ?? (await firstStatus(tab)) };
}

/** The status of the page that a popup showed before anything could watch it. */
async function firstStatus({ page }) {
  return page.evaluate(() => performance.getEntriesByType('navigation')[0]?.responseStatus || null);
}

/** The element that the keyboard is at. */
function describeFocus() {
  const element = document.activeElement;
  const name = (element.labels?.[0]?.innerText ?? element.innerText ?? '').trim().slice(0, 200) || element.getAttribute('name');
  return { tag: element.tagName.toLowerCase(), name, visible: element.matches(':focus-visible') };
}

const commands = {
  cookies: async (_, { context = 'main' }) => ({ cookies: await (await contextOf(context)).cookies() }),

  open: (tab, { url }) => perform(tab, {}, () => tab.page.goto(url)),
  click: (tab, command) =>
    perform(tab, command, async () => (await ready(tab, command)).click({ count: command.twice ? 2 : 1 })),
  clickToOpen: open,
  mouse: async ({ page }, { action, x, y }) => void (action === 'move' ? await page.mouse.move(x, y) : await page.mouse[action]()),
  press: (tab, command) => perform(tab, command, () => tab.page.keyboard.press(command.key === 'Space' ? ' ' : command.key)),
  reload: (tab) => perform(tab, {}, () => tab.page.reload()),
  back: (tab) => perform(tab, {}, () => tab.page.goBack()),
  departure,
  waitFor: (tab, { url }) => perform(tab, {}, () => arrival(tab, url)),

  where,
  text: async (tab) => ({ text: await tab.page.evaluate(() => document.body.innerText) }),
  count: async (tab, command) => ({ count: (await findAll(tab, command)).length }),
  html: async (tab) => ({ html: await tab.page.content() }),
  frames: async ({ page }) => ({ frames: await Promise.all(page.mainFrame().childFrames().map((frame) => frame.content())) }),
  hops: async (tab) => ({ hops: tab.hops }),
  focus: async (tab) => ({ focus: await tab.page.evaluate(describeFocus) }),
  eval: async (tab, { expression }) => ({ value: (await tab.page.evaluate(expression)) ?? null }),
};
const wholeContext = new Set(['cookies']);

say({ ready: true, version: await browser.version() });
listen(obeying({ commands, wholeContext, tabOf }), () => browser.close());
