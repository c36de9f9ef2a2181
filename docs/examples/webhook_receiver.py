# A webhook's receiver in 40 lines: consent, signature, duplicates. Python 3.9 or newer, nothing else.
import base64, hashlib, hmac, os, time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEYS = [base64.b64decode(s.removeprefix("whsec_")) for s in os.environ["WEBHOOK_SECRETS"].split()]
seen = set()  # keep this in your database: a copy can come twice

def signed(headers, body):
    sent_at = headers.get("webhook-timestamp", "0")
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > 300:
        return False
    content = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    ours = ["v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in KEYS]
    return any(hmac.compare_digest(o, s) for o in ours for s in headers.get("webhook-signature", "").split())

class Receiver(BaseHTTPRequestHandler):
    def do_OPTIONS(self):  # consent, asked for once
        self.send_response(200)
        self.send_header("WebHook-Allowed-Origin", self.headers.get("WebHook-Request-Origin", ""))
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 4 << 20))
        if not signed(self.headers, body):
            self.send_error(401)
            return
        if self.headers["webhook-id"] not in seen:
            seen.add(self.headers["webhook-id"])
            print(self.headers["ce-type"], body[:200].decode(), flush=True)
        self.send_response(204)
        self.end_headers()

server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8801"))), Receiver)  # behind your TLS
print("listening on", server.server_port, flush=True)
server.serve_forever()
