// How every program here talks to the test that started it: one JSON object per line, both ways.
// Standard output carries nothing else: prints of libraries go to standard error.

import { createInterface } from 'node:readline';

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
