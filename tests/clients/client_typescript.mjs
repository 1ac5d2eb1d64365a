// A real MCP client: the TypeScript SDK, end to end. Discovery, registration, authorization, tools, refresh.
// Every request to Lychgate and to the MCP server is the SDK's own; this file only keeps what an application keeps
// (registration, tokens, verifier) and plays the part of the person's desktop: it prints the authorization URL
// and waits for the browser on a loopback port.
//
//   node client_typescript.mjs --mcp-url URL [--name NAME] [--redirect-host localhost] [--auth-method METHOD]
//       [--client-metadata-url URL] [--client-id ID --client-secret SECRET]
//
// See README.md for the lines it prints.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { listen, say } from './lines.mjs';
import { Client, IssuerMismatchError, OAuthError, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

const { values: options } = parseArgs({
  options: {
    'mcp-url': { type: 'string' },
    name: { type: 'string', default: 'TypeScript SDK client' },
    'redirect-host': { type: 'string', default: '127.0.0.1' },
    'auth-method': { type: 'string', default: 'none' },
    'client-metadata-url': { type: 'string' },
    'client-id': { type: 'string' },
    'client-secret': { type: 'string' },
  },
});

/** What an application keeps for one MCP server. The SDK calls these; nothing here speaks HTTP. */
class Keeper {
  constructor(redirectUrl) {
    this.redirectUrl = redirectUrl;
    this.issued = [];
    this.clientMetadataUrl = options['client-metadata-url'];
    // What an operator has told the application beforehand, if anything.
    if (options['client-id']) this.registration = { client_id: options['client-id'], client_secret: options['client-secret'] };
  }
  get clientMetadata() {
    return {
      client_name: options.name,
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: options['auth-method'],
    };
  }
  state() {
    return (this.expectedState = randomBytes(24).toString('base64url'));
  }
  clientInformation() {
    return this.registration;
  }
  saveClientInformation(registration) {
    this.registration = registration;
  }
  tokens() {
    return this.current;
  }
  saveTokens(tokens) {
    this.current = tokens;
    this.issued.push(tokens);
  }
  codeVerifier() {
    return this.verifier;
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  discoveryState() {
    return this.discovery;
  }
  saveDiscoveryState(discovery) {
    this.discovery = discovery;
  }
  redirectToAuthorization(url) {
    say({ authorize: url.href });
  }
  /** As if the access token had run out at the server: it is answered with 401, and the SDK must refresh. */
  spoilAccessToken() {
    this.current = { ...this.current, access_token: 'run-out' };
  }
}

async function main() {
  const callback = await loopback(options['redirect-host']);
  const keeper = new Keeper(callback.url);

  const asked = await connect(keeper).catch((error) => error);
  if (!(asked instanceof UnauthorizedError)) throw asked;
  const answer = await callback.answered;
  if (answer.get('state') !== keeper.expectedState) throw new Error('the callback carries another state');
  const forgedIssuerRefused = await refusesForgedIssuer(keeper, answer);
  await transport(keeper).finishAuth(answer);

  const client = await connect(keeper);
  const { tools } = await client.listTools();
  const before = await whoami(client);
  keeper.spoilAccessToken();
  const after = await whoami(client);
  await client.close();

  const [first, second] = keeper.issued;
  return {
    issuer: keeper.discovery.authorizationServerMetadata.issuer,
    client_id: keeper.registration.client_id,
    redirect_uri: callback.url,
    scope: first.scope,
    tools: tools.map((tool) => tool.name),
    whoami: before,
    whoami_after_refresh: after,
    iss: answer.get('iss'),
    forged_iss_refused: forgedIssuerRefused,
    token_responses: keeper.issued.length,
    access_token_changed: first.access_token !== second?.access_token,
    refresh_token_rotated: Boolean(second?.refresh_token) && first.refresh_token !== second.refresh_token,
    tokens: keeper.issued,
  };
}

function transport(keeper) {
  return new StreamableHTTPClientTransport(new URL(options['mcp-url']), { authProvider: keeper });
}

async function connect(keeper) {
  const client = new Client({ name: options.name, version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(transport(keeper));
  return client;
}

async function whoami(client) {
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  if (result.isError) throw new Error(`whoami failed: ${JSON.stringify(result.content)}`);
  return result.content.map((part) => part.text).join('\n');
}

/** RFC 9207: the same answer under another issuer's name, or without one, is refused before the code goes anywhere. */
async function refusesForgedIssuer(keeper, answer) {
  const { authorization_response_iss_parameter_supported: announced } = keeper.discovery.authorizationServerMetadata;
  if (!answer.has('code') || !announced) return false; // unannounced, an answer without `iss` would be believed
  const otherName = new URLSearchParams(answer);
  otherName.set('iss', 'https://attacker.example');
  const noName = new URLSearchParams(answer);
  noName.delete('iss');
  for (const forged of [otherName, noName]) {
    const refusal = await transport(keeper).finishAuth(forged).catch((error) => error);
    if (!(refusal instanceof IssuerMismatchError)) return false;
  }
  return keeper.issued.length === 0;
}

/** The redirect URI: a loopback port, and the query of the first request that reaches it. */
async function loopback(host) {
  let answer;
  const answered = new Promise((resolve) => (answer = resolve));
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://loopback');
    const ours = url.pathname === '/callback';
    response.writeHead(ours ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!doctype html><title>Client</title><p>${ours ? 'The client has its answer.' : 'Nothing here.'}</p>`);
    if (ours) answer(url.searchParams);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, isIP(host) ? host : '127.0.0.1', resolve));
  return { url: `http://${host}:${server.address().port}/callback`, answered };
}

listen(() => {});
try {
  say({ result: await main() });
  process.exitCode = 0;
} catch (error) {
  console.error(error);
  say({ failure: { error: error instanceof OAuthError ? error.code : error.constructor.name, message: error.message } });
  process.exitCode = 1;
}
process.exit();
