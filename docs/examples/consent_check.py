"""A service that acts for people, such as a nightly export, and asks Lychgate first whether the person's consent is live.

    pip install grpcio grpcio-tools
    python -m grpc_tools.protoc -I ../../proto --python_out=. --grpc_python_out=. lychgate/v1/consent.proto
    LYCHGATE_CONTROL=control.example.com:7441 LYCHGATE_TOKEN=… python consent_check.py < jobs

One job a line, as JSON: {"subject": …, "client_id": …, "scopes": […]}. Prints one line for each: whether it may be done, and the reason.
The token is that of a principal with role "checker". The file proto/lychgate/v1/consent.proto is the manual.
"""

import json
import os
import sys

import grpc
from lychgate.v1 import consent_pb2, consent_pb2_grpc

ISSUER_ID = os.environ.get("LYCHGATE_ISSUER_ID", "main")
RESOURCE = os.environ.get("LYCHGATE_RESOURCE", "https://mcp.example.com/mcp")

TIMEOUT_SECONDS = 2


class Consents:
    """One connection for the life of the service."""

    def __init__(self, address, token):
        # Reconnects within a second after the control plane was away.
        options = [("grpc.max_reconnect_backoff_ms", 1000)]
        # The control plane refuses tokens over plaintext, except on loopback.
        if address.startswith(("127.0.0.1:", "localhost:")):
            channel = grpc.insecure_channel(address, options)
        else:
            channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(), options)
        self._stub = consent_pb2_grpc.ConsentServiceStub(channel)
        self._metadata = [("authorization", f"Bearer {token}")]

    def allow(self, subject, client_id, scopes):
        """Returns whether the job may be done, and the reason. Without an answer the job must not be done."""
        request = consent_pb2.CheckRequest(
            issuer_id=ISSUER_ID, subject=subject, client_id=client_id, resource=RESOURCE, scopes=scopes
        )
        try:
            answer = self._stub.Check(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            return False, f"no answer: {error.code().name}"
        result = answer.result
        if result.verdict == consent_pb2.CHECK_VERDICT_GRANTED:
            return True, "granted"
        if result.verdict == consent_pb2.CHECK_VERDICT_MISSING_SCOPES:
            return False, "missing: " + " ".join(result.missing_scopes)
        # Denied, or a verdict of a later version, which counts as a no.
        known = result.denial in consent_pb2.CheckDenial.values()
        return False, consent_pb2.CheckDenial.Name(result.denial) if known else "no"


if __name__ == "__main__":
    consents = Consents(os.environ["LYCHGATE_CONTROL"], os.environ["LYCHGATE_TOKEN"])
    for line in sys.stdin:
        job = json.loads(line)
        done, why = consents.allow(job["subject"], job["client_id"], job["scopes"])
        print(json.dumps({"allowed": done, "why": why}), flush=True)
