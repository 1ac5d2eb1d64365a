// How every program here talks to the test that started it: one JSON object per line, both ways.
// Standard output carries nothing else: prints of libraries go to standard error.

import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';

console.log = console.info = console.debug = console.error;

/** One JSON line to the test. */
export function say(object) {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

/**
 * Hands every JSON line from the test to `onLine`. Ends the program, after `onEnd`, when the test closes its end or
 * sends SIGTERM: a test that dies must not leave a server or a browser behind.
 */
export function listen(onLine, onEnd = () => {}) {
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await onEnd();
    process.exit(0);
  };
  createInterface({ input: process.stdin }).on('line', (line) => line.trim() && onLine(JSON.parse(line))).on('close', end);
  process.on('SIGTERM', end);
}

/**
 * Obeys commands for tabs of a browser: `tabOf(command)` finds or opens the tab, and `commands` do the work, those in
 * `wholeContext` without a tab.
 */
export function obeying({ commands, wholeContext, tabOf }) {
  return async ({ id, cmd, ...command }) => {
    let tab;
    try {
      const run = commands[cmd];
      if (!run) throw new Error(`no such command: ${cmd}`);
      if (!wholeContext.has(cmd)) tab = await tabOf(command);
      // One tab does one thing after another; two tabs, or two browsers, race as they do in life.
      const turn = tab?.done ?? Promise.resolve();
      const reply = turn.then(() => run(tab, command));
      if (tab) tab.done = reply.catch(() => {});
      say({ id, ok: true, ...(await reply) });
    } catch (error) {
      say({ id, ok: false, error: stripVTControlCharacters(error.message), url: tab?.page.url(), problems: tab?.problems });
    }
  };
}
