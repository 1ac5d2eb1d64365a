"""A resource server that introspects with Authlib, or with FastMCP's IntrospectionTokenVerifier. Authlib exchanges tokens, too.

    python introspect.py --library authlib|fastmcp --endpoint URL --client-id ID --client-secret SECRET --auth-method METHOD

See README.md for the lines it reads and prints.
"""

import argparse
import asyncio
import json
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier


async def authlib(options, token):
    async with AsyncOAuth2Client(
        options.client_id, options.client_secret, token_endpoint_auth_method=options.auth_method
    ) as client:
        response = await client.introspect_token(options.endpoint, token=token, token_type_hint="access_token")
    answer = response.json()
    return {"answer": answer} if response.status_code == 200 else {"error": answer["error"]}


async def exchange(options, token):
    async with AsyncOAuth2Client(
        options.client_id, options.client_secret, token_endpoint_auth_method=options.auth_method
    ) as client:
        try:
            answer = await client.fetch_token(
                options.endpoint,
                grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
                subject_token=token,
                subject_token_type="urn:ietf:params:oauth:token-type:access_token",
            )
        except OAuthError as error:
            return {"error": error.error}
    return {"answer": answer}


async def fastmcp(options, token):
    verifier = IntrospectionTokenVerifier(
        introspection_url=options.endpoint,
        client_id=options.client_id,
        client_secret=options.client_secret,
        client_auth_method=options.auth_method,
    )
    verified = await verifier.verify_token(token)
    # The verifier does not say why it refuses a token.
    return {"answer": verified.claims} if verified else {"error": "refused"}


async def main(options):
    introspect = {"authlib": authlib, "fastmcp": fastmcp}[options.library]
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        if "exchange" in order:
            answer = await exchange(options, order["exchange"])
        else:
            answer = await introspect(options, order["token"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("library", "endpoint", "client-id", "client-secret", "auth-method"):
        parser.add_argument(f"--{name}", required=True)
    asyncio.run(main(parser.parse_args()))
