"""An MCP server that believes the headers of each request, as a server behind a proxy does.

    python believing_server.py --port N
"""

import argparse
import os
import sys
import threading
from urllib.parse import unquote

from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_headers

mcp = FastMCP("Behind a proxy")


@mcp.tool
def whoami() -> dict:
    """The identity in the headers of the proxy."""
    headers = get_http_headers()
    names = ("subject", "client", "scope", "issuer", "resource", "expires")
    return {name: unquote(headers[f"x-lychgate-{name}"]) for name in names}


def stop_with_the_test():
    """A test that dies must not leave a server behind."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    threading.Thread(target=stop_with_the_test, daemon=True).start()
    mcp.run(transport="http", host="127.0.0.1", port=parser.parse_args().port, path="/mcp")
