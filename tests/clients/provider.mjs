// An OpenID provider that Lychgate's authors did not write (npm: oidc-provider), as the upstream of the tests.
// It has its own login page, its own session, and it remembers what was granted to its one client: a second
// authorization in the same browser shows no page at all. That is what makes the confused deputy possible.
//
//   node provider.mjs --client-id ID --client-secret SECRET [--redirect-uri URI]... [--port N]
//
// See README.md for the lines it prints and reads.

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { listen, say } from './lines.mjs';
// After lines.mjs: the provider announces its development features on what would be standard output.
import { Provider } from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'client-id': { type: 'string' },
    'client-secret': { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true, default: [] },
  },
});
for (const required of ['client-id', 'client-secret']) {
  if (!options[required]) throw new Error(`--${required} is missing`);
}

// The one static client. Its redirect URIs may be told later, because Lychgate needs to know this provider's issuer
// before it has an address itself.
const client = {
  client_id: options['client-id'],
  client_secret: options['client-secret'],
  redirect_uris: options['redirect-uri'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

const server = createServer();
await new Promise((resolve, reject) => server.once('error', reject).listen(Number(options.port), '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const provider = new Provider(issuer, {
  adapter: (model) => (model === 'Client' ? onlyClient : new MemoryAdapter(model)),
  claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => account(id) }),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
});

/** Any login is an account of that name; any password is accepted. */
function account(id) {
  return { sub: id, name: id, preferred_username: id, email: `${id}@example.com`, email_verified: true };
}

const onlyClient = {
  find: async (id) => (id === client.client_id ? { ...client } : undefined),
};

// What a test counts: how often which code was redeemed, and whether a person was asked anything.
provider.use(async (ctx, next) => {
  await next();
  if (ctx.method === 'POST' && ctx.path === '/token') {
    const { grant_type, code, refresh_token } = ctx.oidc?.params ?? {};
    say({ event: 'token', grant_type, presented: digest(code ?? refresh_token), status: ctx.status, error: ctx.body?.error });
  }
});
provider.on('interaction.started', (_, prompt) => say({ event: 'prompt', prompt: prompt.name }));
provider.on('authorization.success', (ctx) => ctx.oidc.entities.AuthorizationCode && say({ event: 'authorization' }));
provider.on('authorization.error', (_, error) => say({ event: 'authorization_error', error: error.error }));
provider.on('server_error', (_, error) => console.error(error));

/** Tells one code from another without printing it. */
function digest(secret) {
  return secret && createHash('sha256').update(secret).digest('hex').slice(0, 16);
}

server.on('request', provider.callback());
say({ issuer });

listen(
  ({ cmd, redirect_uris }) => {
    if (cmd === 'redirect_uris') client.redirect_uris = redirect_uris;
    say({ event: cmd }); // also answers "sync": events before it have been printed before it
  },
  () => server.closeAllConnections(),
);
