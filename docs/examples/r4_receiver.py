# A receiver of R4 notifications: handshakes, heartbeats, events, gaps. Python 3.9 or newer, nothing else.
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["HOOK_SECRET"]  # what your Subscription has in channel.header
last = {}  # the last number of each subscription: keep this in your database

def read(bundle):
    status = bundle["entry"][0]["resource"]["parameter"]
    one = {p["name"]: next((v for k, v in p.items() if k.startswith("value")), None) for p in status if "part" not in p}
    events = [{q["name"]: q.get("valueString") or q.get("valueInstant") for q in p["part"]} for p in status if p["name"] == "notification-event"]
    return one["subscription"]["reference"], one["type"], int(one["events-since-subscription-start"]), events

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 8 << 20))
        if self.headers.get("Authorization") != "Bearer " + SECRET:
            self.send_error(401)
            return
        subscription, kind, total, events = read(json.loads(body))
        for event in events:  # the same number again is the same event
            print(kind, event["event-number"], flush=True)
            last[subscription] = max(last.get(subscription, 0), int(event["event-number"]))
        if not events:
            print(kind, flush=True)
            if total > last.get(subscription, 0):
                print("missing: ask $events from", last.get(subscription, 0) + 1, flush=True)
        self.send_response(200)  # any 2xx: of a handshake it makes the subscription active
        self.end_headers()

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8802"))), Receiver)  # behind your TLS
print("listening on", server.server_port, flush=True)
server.serve_forever()
