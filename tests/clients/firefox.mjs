// Firefox on a string, by the same protocol as Chromium in browser.mjs, with the commands that tests of both need.
// It is driven by WebDriver BiDi, which Firefox itself offers.
// It never waits for time to pass, only for what was asked.
//
//   FIREFOX=/usr/bin/firefox-esr node firefox.mjs
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
  if (!tabs.has(key)) {
    const opened = await (await contextOf(context)).newPage();
    opened.setDefaultTimeout(PATIENCE_MS);
    const tab = { page: opened, status: null, done: Promise.resolve() };
    opened.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.frame() === opened.mainFrame()) tab.status = response.status();
    });
    tabs.set(key, tab);
  }
  return tabs.get(key);
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

/** Does `act` and, if it `navigates`, waits until the tab shows the page at the end of all redirects. */
async function perform(tab, { navigates = false }, act) {
  if (navigates) await Promise.all([tab.page.waitForNavigation(), act()]);
  else await act();
  return where(tab);
}

async function where(tab) {
  return { url: tab.page.url(), title: await tab.page.title(), status: tab.status };
}

/** The element that the keyboard is at. */
function describeFocus() {
  const element = document.activeElement;
  const name = (element.labels?.[0]?.innerText ?? element.innerText ?? '').trim().slice(0, 200) || element.getAttribute('name');
  return { tag: element.tagName.toLowerCase(), name, visible: element.matches(':focus-visible') };
}

/** Waits until nothing lies over the element: a cover lies over some buttons until the pointer has been there for a moment. */
function uncovered(element) {
  return new Promise((resolve) => {
    const look = () => {
      const { x, y, width, height } = element.getBoundingClientRect();
      const at = document.elementFromPoint(x + width / 2, y + height / 2);
      if (element.contains(at)) resolve();
      else requestAnimationFrame(look);
    };
    look();
  });
}

const commands = {
  cookies: async (_, { context = 'main' }) => ({ cookies: await (await contextOf(context)).cookies() }),

  open: (tab, { url }) => perform(tab, {}, () => tab.page.goto(url)),
  click: (tab, command) =>
    perform(tab, command, async () => {
      const element = await find(tab, command);
      await element.hover();
      await element.evaluate(uncovered);
      await element.click({ count: command.twice ? 2 : 1 });
    }),
  press: (tab, command) => perform(tab, command, () => tab.page.keyboard.press(command.key === 'Space' ? ' ' : command.key)),
  reload: (tab) => perform(tab, {}, () => tab.page.reload()),
  back: (tab) => perform(tab, {}, () => tab.page.goBack()),

  where,
  text: async (tab) => ({ text: await tab.page.evaluate(() => document.body.innerText) }),
  count: async (tab, command) => ({ count: (await findAll(tab, command)).length }),
  focus: async (tab) => ({ focus: await tab.page.evaluate(describeFocus) }),
  eval: async (tab, { expression }) => ({ value: (await tab.page.evaluate(expression)) ?? null }),
};
const wholeContext = new Set(['cookies']);

say({ ready: true, version: await browser.version() });
listen(obeying({ commands, wholeContext, tabOf }), () => browser.close());
