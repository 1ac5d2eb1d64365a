"""A real MCP client: the Python SDK, end to end. Discovery, registration, authorization, tools, refresh.

Every request to Lychgate and to the MCP server is the SDK's own; this file only keeps what an application keeps
(registration, tokens) and plays the part of the person's desktop: it prints the authorization URL and waits for the
browser on a loopback port.

    python client_python.py --mcp-url URL [--name NAME] [--redirect-host localhost] [--auth-method METHOD]
        [--client-metadata-url URL] [--client-id ID --client-secret SECRET]

See README.md for the lines it prints.
"""

import argparse
import json
import os
import sys
import threading
import time
import traceback
from urllib.parse import parse_qs, urlsplit

import anyio
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, OAuthFlowError
from mcp.client.auth.utils import validate_authorization_response_iss
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata


class Denied(Exception):
    """The browser came back with an OAuth error instead of a code."""


class Keeper:
    """What an application keeps for one MCP server (the SDK's TokenStorage)."""

    def __init__(self, registration):
        self.registration = registration
        self.issued = []

    async def get_tokens(self):
        return self.issued[-1] if self.issued else None

    async def set_tokens(self, tokens):
        self.issued.append(tokens.model_copy())

    async def get_client_info(self):
        return self.registration

    async def set_client_info(self, registration):
        self.registration = registration


class Callback:
    """The redirect URI: a loopback port, and the query of the first request that reaches it."""

    @classmethod
    async def open(cls, host):
        self = cls()
        self._listener = await anyio.create_tcp_listener(
            local_host="127.0.0.1" if host == "localhost" else host, local_port=0
        )
        port = self._listener.extra(anyio.abc.SocketAttribute.local_port)
        self.url = f"http://{host}:{port}/callback"
        self.query = None
        self._answered = anyio.Event()
        return self

    async def serve(self):
        await self._listener.serve(self._answer)

    async def _answer(self, stream):
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            target = urlsplit(head.split(b" ", 2)[1].decode("ascii"))
            ours = target.path == "/callback"
            status = "200 OK" if ours else "404 Not Found"
            page = "The client has its answer." if ours else "Nothing here."
            body = f"<!doctype html><title>Client</title><p>{page}</p>".encode()
            await stream.send(
                f"HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
            )
            if ours and self.query is None:
                self.query = {name: values[0] for name, values in parse_qs(target.query).items()}
                self._answered.set()

    async def answer(self):
        await self._answered.wait()
        if "error" in self.query:
            raise Denied(self.query["error"])
        return AuthorizationCodeResult(
            code=self.query["code"], state=self.query.get("state"), iss=self.query.get("iss")
        )


async def main(options):
    async with anyio.create_task_group() as tasks:
        callback = await Callback.open(options.redirect_host)
        tasks.start_soon(callback.serve)
        result = await use(options, callback)
        tasks.cancel_scope.cancel()
    return result


async def use(options, callback):
    keeper = Keeper(known(options, callback))

    async def show(url):
        say({"authorize": url})

    provider = OAuthClientProvider(
        server_url=options.mcp_url,
        client_metadata=OAuthClientMetadata(
            client_name=options.name,
            redirect_uris=[callback.url],
            token_endpoint_auth_method=options.auth_method,
        ),
        client_metadata_url=options.client_metadata_url,
        storage=keeper,
        redirect_handler=show,
        callback_handler=callback.answer,
    )
    async with create_mcp_http_client(auth=provider) as http:
        async with Client(streamable_http_client(options.mcp_url, http_client=http)) as client:
            tools = await client.list_tools()
            before = await whoami(client)
            # As if the access token's lifetime had passed: the SDK refreshes before its next request.
            provider.context.token_expiry_time = time.time() - 1
            after = await whoami(client)

    first, second = keeper.issued[0], keeper.issued[-1]
    metadata = provider.context.oauth_metadata
    return {
        "issuer": str(metadata.issuer),
        "client_id": keeper.registration.client_id,
        "redirect_uri": callback.url,
        "scope": first.scope,
        "tools": [tool.name for tool in tools.tools],
        "whoami": before,
        "whoami_after_refresh": after,
        "iss": callback.query.get("iss"),
        "forged_iss_refused": refuses_forged_issuer(metadata),
        "token_responses": len(keeper.issued),
        "access_token_changed": first.access_token != second.access_token,
        "refresh_token_rotated": bool(second.refresh_token) and first.refresh_token != second.refresh_token,
        "tokens": [tokens.model_dump(exclude_none=True) for tokens in keeper.issued],
    }


def known(options, callback):
    """What an operator has told the application beforehand, if anything."""
    if options.client_id is None:
        return None
    return OAuthClientInformationFull(
        client_id=options.client_id,
        client_secret=options.client_secret,
        redirect_uris=[callback.url],
        token_endpoint_auth_method=options.auth_method,
    )


async def whoami(client):
    result = await client.call_tool("whoami", {})
    text = "\n".join(part.text for part in result.content)
    if result.is_error:
        raise RuntimeError(f"whoami failed: {text}")
    return text


def refuses_forged_issuer(metadata):
    """RFC 9207: what the SDK would have done with the same answer under another issuer's name, or without one."""
    for forged in ("https://attacker.example", None):
        try:
            validate_authorization_response_iss(forged, metadata)
            return False
        except OAuthFlowError:
            pass
    return True


def say(line):
    print(json.dumps(line), flush=True)


def stop_with_the_test():
    """A test that dies must not leave a client behind."""
    sys.stdin.buffer.read()
    os._exit(0)


def cause(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mcp-url", required=True)
    parser.add_argument("--name", default="Python SDK client")
    parser.add_argument("--redirect-host", default="127.0.0.1")
    parser.add_argument("--auth-method", default="none")
    parser.add_argument("--client-metadata-url")
    parser.add_argument("--client-id")
    parser.add_argument("--client-secret")
    threading.Thread(target=stop_with_the_test, daemon=True).start()
    try:
        say({"result": anyio.run(main, parser.parse_args())})
        code = 0
    except BaseException as error:
        traceback.print_exc()
        error = cause(error)
        name = str(error) if isinstance(error, Denied) else type(error).__name__
        say({"failure": {"error": name, "message": str(error)}})
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the thread that waits for the test would hold a normal exit back
