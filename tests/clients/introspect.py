"""A resource server that introspects with Authlib, or with FastMCP's IntrospectionTokenVerifier.

    python introspect.py --library authlib|fastmcp --endpoint URL --client-id ID --client-secret SECRET --auth-method METHOD

See README.md for the lines it reads and prints.
"""

import argparse
import asyncio
import json
import sys

from authlib.integrations.httpx_client import AsyncOAuth2Client
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier


async def authlib(options, token):
    async with AsyncOAuth2Client(
        options.client_id, options.client_secret, token_endpoint_auth_method=options.auth_method
    ) as client:
        response = await client.introspect_token(options.endpoint, token=token, token_type_hint="access_token")
    answer = response.json()
    return {"answer": answer} if response.status_code == 200 else {"error": answer["error"]}


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
        print(json.dumps(await introspect(options, json.loads(line)["token"])), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("library", "endpoint", "client-id", "client-secret", "auth-method"):
        parser.add_argument(f"--{name}", required=True)
    asyncio.run(main(parser.parse_args()))
