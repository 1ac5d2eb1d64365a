// Serves a directory of pages as the edge serves them: with its content security policy, and from nowhere else.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon' };
const EDGE = new URL('../../../crates/edge/src/http/response.rs', import.meta.url);

/** The policy that the edge sends with each page, from the source of the edge. */
export function contentPolicy() {
  const found = /const CONTENT_POLICY: &str =\s*"([^"]+)"/.exec(readFileSync(EDGE, 'utf8'));
  if (!found) throw new Error(`no CONTENT_POLICY in ${EDGE.pathname}`);
  return found[1];
}

/** An HTTP server for `directory` on a free port. `/LANGUAGE/assets/…` is `/assets/…`. */
export async function serve(directory, policy = contentPolicy()) {
  const server = createServer((request, response) => {
    // Browsers ask for it by themselves.
    if (request.url === '/favicon.ico') return response.writeHead(204).end();
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    try {
      const body = readFileSync(join(directory, path.replace(/^\/[^/]+(?=\/assets\/)/, '')));
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-security-policy': policy, 'cache-control': 'no-store' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()) };
}
