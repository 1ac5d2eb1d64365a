// A resource server that introspects and exchanges tokens with `openid-client`, as any other user of that library does.
//
//   node introspect.mjs --issuer URL --client-id ID --client-secret SECRET --auth-method METHOD
//
// See README.md for the lines it reads and prints.

import { parseArgs } from 'node:util';
import * as client from 'openid-client';
import { listen, say } from './lines.mjs';

const text = { type: 'string' };
const { values: options } = parseArgs({
  options: { issuer: text, 'client-id': text, 'client-secret': text, 'auth-method': text },
});
const methods = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost };
const authentication = methods[options['auth-method']](options['client-secret']);
const config = await client.discovery(new URL(options.issuer), options['client-id'], undefined, authentication, {
  algorithm: 'oauth2',
  execute: [client.allowInsecureRequests],
});

say({ advertised: config.serverMetadata().introspection_endpoint_auth_methods_supported });
listen(async ({ token, exchange }) => {
  try {
    if (exchange) {
      const parameters = { subject_token: exchange, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
      const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
      say({ answer: await client.genericGrantRequest(config, grantType, parameters) });
      return;
    }
    say({ answer: await client.tokenIntrospection(config, token) });
  } catch (error) {
    // A 401 reaches the application as a challenge, any other error by its OAuth code.
    const scheme = error.cause?.[0]?.scheme;
    say({ error: error.error ?? (scheme ? `challenge:${scheme}` : error.message) });
  }
});
