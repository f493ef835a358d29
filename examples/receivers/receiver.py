"""A receiver of webhooks in Python, with nothing installed:

    WEBHOOK_SECRET=whsec_… PORT=9001 python3 receiver.py
"""

import base64
import binascii
import hashlib
import hmac
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds that a clock may be wrong by
MAX_BODY = 1 << 20


def verify(key, headers, body):
    """Says why a webhook is not by who knows the secret; "" if it is. The body is the
    bytes that came in: what JSON makes of them may be written differently."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not id or not timestamp.isdecimal() or len(timestamp) > 12 or not signatures:
        return "a header is missing: webhook-id, webhook-timestamp, webhook-signature"
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return "it was signed too long ago, or a clock is wrong"
    want = hmac.digest(key, f"{id}.{timestamp}.".encode("latin-1") + body, "sha256")
    for signature in signatures.split(" "):  # while a secret is replaced there are two
        version, _, text = signature.partition(",")
        try:
            got = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and hmac.compare_digest(got, want):
            return ""
    return "the signature is not by this secret"


class Receiver(BaseHTTPRequestHandler):
    key = b""
    had = set()  # in production a table with a unique column

    def do_POST(self):
        try:
            size = int(self.headers.get("Content-Length", ""))
        except ValueError:
            self.answer(411, "say how long the body is")
            return
        if not 0 <= size <= MAX_BODY:
            self.answer(413, "more than 1 MiB")
            return
        body = self.rfile.read(size)
        wrong = verify(self.key, self.headers, body)
        if wrong:
            self.answer(401, wrong)
            return
        id = self.headers["webhook-id"]
        if id not in self.had:
            self.had.add(id)
            print(id, self.headers.get("webhook-event-type", "-"), body.decode("utf-8", "replace"), flush=True)
        self.answer(204)

    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if status != 204:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass  # what is of interest is printed


def main():
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if not secret.startswith("whsec_"):
        sys.exit("receiver: set WEBHOOK_SECRET to the endpoint's secret, whsec_…")
    Receiver.key = base64.b64decode(secret.removeprefix("whsec_"))
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9001"))), Receiver)
    print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
