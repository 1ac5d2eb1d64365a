"""An MCP server on FastMCP that Lychgate protects: it verifies access tokens itself, with the issuer's published keys.

    pip install fastmcp
    python fastmcp_server.py

A revoked token is good here for the rest of its ten minutes. Where that is too long, put a proxy in front that checks each
request (nginx.conf, envoy.yaml), or introspect: in place of the JWTVerifier use

    IntrospectionTokenVerifier(
        introspection_url=f"{ISSUER}/introspect", client_id=NAME, client_secret=TOKEN, audience=f"{SERVER}/mcp"
    )

with the name and a token of a principal with role "resource" (from fastmcp.server.auth.providers.introspection).
"""

import os

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_access_token
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

# The issuer's `url` and this server's own: with /mcp it is the resource's `uri`. Both byte for byte as the control plane has
# them.
ISSUER = os.environ.get("LYCHGATE_ISSUER", "https://gate.example.com")
SERVER = os.environ.get("MCP_SERVER", "https://mcp.example.com")

verifier = JWTVerifier(
    jwks_uri=f"{ISSUER}/jwks.json",
    issuer=ISSUER,
    # Without it, a token for any other server of the issuer would be accepted here.
    audience=f"{SERVER}/mcp",
    # The issuer's `access_tokens.algorithm`.
    algorithm="ES256",
)
# Answers 401 with a link to /.well-known/oauth-protected-resource/mcp, which names the issuer.
auth = RemoteAuthProvider(
    verifier, authorization_servers=[ISSUER], base_url=SERVER, scopes_supported=["notes:read"]
)
# Scopes that every request needs. The verifier's own `required_scopes` would answer 401 to a token without them, and clients
# would discard it. This answers 403 and `insufficient_scope`, and clients ask the person for more.
auth.required_scopes = ["notes:read"]
mcp = FastMCP("Notes", auth=auth)


@mcp.tool
def whoami() -> dict:
    """Returns your identity here, and the app that acts for you."""
    claims = get_access_token().claims
    return {name: claims[name] for name in ("sub", "client_id", "scope", "grant_id")}


# Clients that are web pages, such as MCP Inspector in direct mode: a browser's preflight never has a token, and a page must read
# the challenge. People configure headers in their clients, so any is allowed; credentials are not.
cors = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "DELETE"],
    allow_headers=["*"],
    expose_headers=["WWW-Authenticate", "Retry-After", "Mcp-Session-Id"],
)

if __name__ == "__main__":
    mcp.run(
        transport="http", host="127.0.0.1", port=int(os.environ.get("PORT", "9000")), path="/mcp", middleware=[cors]
    )
