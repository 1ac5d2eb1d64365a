// Each check of pages.mjs reports a page that is broken in that one way, and nothing else about it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, compare } from './pages.mjs';

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #111; --action: #1f5c43; --action-ink: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #111; --ink: #eee; --action: #8fd3b0; --action-ink: #111; } }
body { margin: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 sans-serif; }
button { min-height: 3rem; border: 2px solid var(--action); font: inherit; background: var(--ground); color: var(--ink); }
.approve { background: var(--action); color: var(--action-ink); }
a { color: inherit; }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 3px; }
`;

/** A page without a fault, and the parts that the table below changes. */
const GOOD = {
  language: 'de',
  root: 'lang="de" dir="ltr"',
  title: 'Connect',
  heading: '<h1>Connect the app?</h1><h2>What it could do</h2><p>Read your notes</p>',
  before: '<p><a href="/more">Show everything</a></p>',
  form: `<form method="post" action="/consent" id="decide">
    <p><label><input type="checkbox" name="chosen_scope" value="notes:write"> Change your notes</label></p>
    <button name="decision" value="deny">Deny</button> <button name="decision" value="approve" class="approve">Approve</button>
    </form>`,
  head: '',
  style: '',
};

const WIDE = 'Unbreakable'.repeat(30);
const SHOOT = '@keyframes appear { from { transform: translateX(2rem) } } h1 { animation: appear 9s }';
const DELAY = '@keyframes wait { from { opacity: 0.4 } } .approve { animation: wait 1s step-end }';

const ENGLISH = { language: 'en', root: 'lang="en" dir="ltr"' };
const ARABIC = { language: 'ar', root: 'lang="ar" dir="rtl"' };

/** The name of a case, the change to the good page, and what is said of it: one pattern per complaint. */
const CASES = [
  ['good', {}, []],
  ['good in english', ENGLISH, []],
  ['good in arabic', ARABIC, []],
  ['good with a delay', { ...ENGLISH, style: `${DELAY} @media print { .approve { animation: none } }` }, []],
  ['good with details', { ...ENGLISH, before: '<details><summary>More</summary><p><a href="/more">Show everything</a></p></details>' }, []],

  ['another language', { root: 'lang="en" dir="ltr"' }, [/load. language: lang is "en", not "de"/]],
  ['no direction', { root: 'lang="de"' }, [/load. language: dir is "", not "ltr"/]],
  ['arabic from the left', { language: 'ar', root: 'lang="ar" dir="ltr"' }, [/load. language: dir is "ltr", not "rtl"/]],
  ['no title', { title: '' }, [/language: no title/, /axe: document-title/]],
  ['two main headings', { before: '<h1>Again</h1>' }, [/headings: 2 headings of level 1/]],
  ['no main heading', { heading: '<p>Connect?</p>' }, [/headings: 0 headings of level 1/, /axe: page-has-heading-one/]],
  ['a level left out', { heading: '<h1>Connect?</h1><h3>What</h3>' }, [/headings: .*level 3 follows one of level 1/, /axe: heading-order/]],

  ['a script', { before: '<script>document.title = "x"</script>' }, [/scripts: a script: <script>/, /complaint of the browser: .*script-src/]],
  ['a handler', { before: '<p onclick="alert()">x</p>' }, [/scripts: a script: <p onclick/, /complaint of the browser: .*event handler/]],
  ['a style attribute', { before: '<p style="color: red">x</p>' }, [/complaint of the browser: .*style-src/]],
  ['a foreign image', { before: '<img src="http://attacker.test/x.png" alt="x">' }, [/asks for image http:\/\/attacker.test/, /complaint of the browser: .*img-src/]],
  ['a missing image', { before: '<img src="/assets/none.png" alt="x">' }, [/complaint of the browser: .*404/]],
  ['a font', { style: '@font-face { font-family: F; src: url(/assets/f.woff2) } h1 { font-family: F }' }, [/asks for font /, /complaint of the browser: .*font-src/]],
  ['too many bytes', { style: `/* ${'x'.repeat(30_000)} */` }, [/3\d\d\d\d bytes in all/]],

  ['too wide for a phone', { style: 'h2 { width: 400px }' }, [/320 px. overflow: the page is \d+ px wide in 320/, /320 px. overflow: sticks out: <h2/, /320 px.* wider than it: <(main|body)/]],
  ['too wide at a zoom', { style: '@media (min-width: 600px) { h2 { width: 700px } }' }, [/200 % zoom. overflow: the page is/, /200 % zoom. overflow: sticks out/, /200 % zoom.* wider than it: <(main|body)/]],
  ['too wide to the left', { ...ARABIC, style: 'h2 { width: 400px }' }, [/320 px. overflow: the page is/, /320 px. overflow: sticks out/, /wider than it: <(main|body)/]],
  ['cut to the right', { heading: `<h1>Connect?</h1><p class="cut">${WIDE}</p>`, style: '.cut { overflow: hidden; text-overflow: ellipsis }' }, [/320 px. overflow: its content is wider than it: <p class="cut"/, /200 % zoom. overflow: its content is wider than it/]],
  ['scrolls within', { heading: `<h1>Connect?</h1><p class="box" tabindex="0">${WIDE}</p>`, style: '.box { overflow: auto }' }, [/320 px. .* wider than it: <p class="box"/, /200 % zoom. .* wider than it/]],
  ['cut below', { style: 'h1 { height: 1rem; overflow: hidden }' }, [/320 px. overflow: its content is higher/, /200 % zoom. overflow: its content is higher/]],
  ['spills out of a button', { style: 'button { height: 3rem; width: 3rem; overflow-wrap: anywhere }' }, [/320 px. overflow: its content is higher than it: <button/, /200 % zoom. overflow: its content is higher than it: <button/]],

  ['pale', { style: 'h2 { color: #aaa } @media (prefers-color-scheme: dark) { h2 { color: #ddd } }' }, [/light. axe: color-contrast: <h2/]],
  ['pale in the dark', { style: '@media (prefers-color-scheme: dark) { h2 { color: #333 } }' }, [/dark. axe: color-contrast: <h2/]],
  ['a button without a name', { before: '<button></button>' }, [/light. axe: button-name/]],
  ['a tick box without a name', { before: '<input type="checkbox">' }, [/light. axe: label/]],
  ['no main part', { heading: '</main><h1>Connect?</h1>' }, [/light. axe: region/]],
  ['small targets', { before: '<a class="s" href="/a">a</a><a class="s" href="/b">b</a>', style: '.s { display: inline-block; width: 12px; height: 12px; line-height: 1 }' }, [/light. axe: target-size/]],

  ['faded in print', { ...ENGLISH, style: '@media print { .approve { opacity: 0.4 } }' }, [/print. faded: opacity 0.40: <button/]],
  ['faded by a delay in print', { ...ENGLISH, style: DELAY }, [/print. faded: opacity 0.40: <button/]],
  ['grey in print', { ...ENGLISH, style: '@media print { .approve { background: #eee; color: #bbb } }' }, [/print. faded: contrast 1/]],
  ['moves', { ...ENGLISH, style: SHOOT }, [/reduced motion. motion: transform is animated: <h1/]],
  ['moves under the pointer', { ...ENGLISH, style: 'button { transition: transform 1s }' }, [/reduced motion. motion: transform has a transition: <button/]],
  ['scrolls smoothly', { ...ENGLISH, style: 'html { scroll-behavior: smooth }' }, [/reduced motion. motion: scrolls smoothly/]],
  ['buttons by colour alone', { ...ENGLISH, style: 'button { border: 0 }' }, [/forced colours. edgeless: no edge: <button/]],

  ['out of the reach of tab', { ...ENGLISH, form: GOOD.form.replace('value="deny"', '$& tabindex="-1"') }, [/keyboard, light. Tab reaches <button .*Approve/, /keyboard, dark/, /keyboard, forced/]],
  ['another order', { ...ENGLISH, form: GOOD.form.replace('value="approve"', '$& tabindex="1"') }, [/keyboard, light. Tab reaches .* in place of <button/, /keyboard, dark/, /keyboard, forced/, /axe: tabindex/]],
  ['no outline', { ...ENGLISH, style: 'button:focus-visible { outline: 0 }' }, [/keyboard, light. no visible focus .*<button/, /keyboard, dark. no visible focus/, /keyboard, forced colours. no visible focus/]],
  ['a pale outline in the dark', { ...ENGLISH, style: '@media (prefers-color-scheme: dark) { :focus-visible { outline-color: #222 } }' }, [/keyboard, dark. no visible focus/]],
  ['an outline that is cut off', { ...ENGLISH, before: '<p class="cut"><a href="/more">Show everything</a></p>', style: '.cut { overflow: clip; width: fit-content } .cut a { display: block; outline-offset: 1px }' }, [/keyboard, light. no visible focus .*<a/, /keyboard, dark/, /keyboard, forced/]],
  ['other without scripts', { ...ENGLISH, style: '@media (scripting: none) { h2 { display: none } }' }, [/no scripts. another page than with scripts/]],
];

const fileName = (name, { language }) => `${language}/${name.replaceAll(' ', '-')}.html`;

function write(directory, name, page) {
  const style = `${name.replaceAll(' ', '-')}.css`;
  const html = `<!doctype html><html ${page.root}><head><meta charset="utf-8"><title>${page.title}</title>
    <meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/assets/${style}">${page.head}</head>
    <body><main>${page.heading}${page.before}${page.form}</main></body></html>`;
  for (const [path, text] of [[fileName(name, page), html], [`assets/${style}`, STYLE + page.style]]) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

let directory;
before(() => (directory = mkdtempSync(join(tmpdir(), 'lychgate-pages-'))));
after(() => rmSync(directory, { recursive: true }));

test('each broken page is reported, for what is broken and for nothing else', async () => {
  for (const [name, change] of CASES) write(directory, name, { ...GOOD, ...change });
  const { complaints, pages } = await check(directory, { every: true });
  assert.equal(pages, CASES.length);
  const faults = CASES.flatMap(([name, change, patterns]) => {
    const said = complaints.filter((complaint) => complaint.startsWith(`${fileName(name, { ...GOOD, ...change })} `));
    const missing = patterns.filter((pattern) => !said.some((complaint) => pattern.test(complaint)));
    const more = said.filter((complaint) => !patterns.some((pattern) => pattern.test(complaint)));
    return [...missing.map((pattern) => `${name}: nothing says ${pattern}`), ...more.map((complaint) => `not expected: ${complaint}`)];
  });
  assert.deepEqual(faults, []);
});

test('the accessibility trees are compared with the committed ones, and written on demand', async () => {
  const trees = async (page) => {
    write(directory, 'compared', { ...GOOD, ...ENGLISH, ...page });
    return (await check(directory, { only: 'en/compared.html' })).snapshot;
  };
  const [committed, file] = [await trees({}), join(directory, 'trees.txt')];
  assert.match(committed, /^# en\/compared.html\n[^]*heading "Connect the app\?" \[level=1\][^]*button "Deny"/);
  assert.match(compare(committed, file), /No such file/);
  assert.equal(compare(committed, file, true), '');
  assert.equal(compare(committed, file), '');
  const changed = await trees({ form: GOOD.form.replace('>Deny<', '>No<') });
  assert.match(compare(changed, file), /^-.*button "Deny"\n\+.*button "No"$/m);
});

test('a directory without pages is a failure', async () => {
  await assert.rejects(check(directory, { only: 'no such page' }), /no pages in/);
});

test('the program fails with a complaint, and without one it does not', () => {
  const run = (only) => spawnSync(process.execPath, [new URL('pages.mjs', import.meta.url).pathname, directory, '--only', only], { encoding: 'utf8' });
  const { status, stdout } = run('de/pale.html');
  assert.equal(status, 1);
  assert.match(stdout, /^de\/pale.html \[light\] axe: color-contrast: .*\n1 pages, \d+ facts, 1 complaints, [\d.]+ s\n$/);
  assert.equal(run('de/good.html').status, 0);
});
