#!/usr/bin/env python3
"""Follow the events of a subscription whose endpoint has the channel stream.

    python3 follow.py ID [FILE [COUNT]]

It prints each event, and keeps in FILE how far it has come, so that it goes on there the
next time. It ends after COUNT events; without COUNT it goes on for ever. It needs Python
3.8, publish.py beside it, and nothing else; the settings are those of publish.py.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

os.environ.setdefault("NEMS_FROM", "200000000115")
os.environ.setdefault("NEMS_ODS", "RR8")

import publish  # noqa: E402, it reads the settings


def main(arguments):
    if not 1 <= len(arguments) <= 3:
        print(__doc__, file=sys.stderr)
        return 2
    path = arguments[1] if len(arguments) > 1 else None
    left = int(arguments[2]) if len(arguments) > 2 else -1
    for place, kind, data in follow(arguments[0], kept(path)):
        if kind == "gap":
            print("events before number", data["next"], "are missing:", data["reason"])
        else:
            event = data.get("event", {})  # none: it is not kept any more
            print(data["number"], event.get("eventtype", "-"), event.get("kind", "-"), event.get("id", "-"), flush=True)
            left -= 1
        keep(path, place)  # only when the event is dealt with: what is kept does not come again
        if left == 0:
            return 0
    return 0


def follow(subscription, place):
    """Yield events; connect again whenever the connection is lost."""
    pause = 1.0
    while True:
        try:
            for got, kind, data, retry in events(subscription, place):
                pause = retry or pause
                if kind == "end":  # the subscription was deleted
                    return
                if kind in ("message", "gap"):
                    yield got, kind, json.loads(data)
                    place = got
        except urllib.error.HTTPError as refused:
            if refused.code < 500 and refused.code != 429:
                raise SystemExit("refused: %d\n  %s" % (refused.code, "\n  ".join(publish.issues(refused.read()))))
        except OSError:  # also when nothing has come for a minute
            pass
        time.sleep(pause)


def events(subscription, place):
    """Open the stream and yield what it has: id, name, data, and the pause to make later."""
    headers = {
        "Authorization": "Bearer " + publish.token("patient/Subscription.read"),
        "fromASID": publish.FROM, "toASID": publish.TO,
        "InteractionID": "urn:nhs:names:services:clinicals-sync:SubscriptionsApiGet", "Accept": "text/event-stream",
    }
    if place:
        headers["Last-Event-ID"] = place
    request = urllib.request.Request(publish.URL + "/STU3/Subscription/" + subscription + "/$stream", headers=headers)
    with urllib.request.urlopen(request, timeout=60, context=publish.tls()) as answer:
        fields = {}
        for line in answer:
            line = line.decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(":")
                fields[name] = value[1:] if value.startswith(" ") else value
            elif fields:
                retry = int(fields["retry"]) / 1000 if "retry" in fields else None
                yield fields.get("id"), fields.get("event"), fields.get("data"), retry
                fields = {}


def kept(path):
    """Return how far the events were dealt with."""
    if path and os.path.exists(path):
        with open(path) as f:
            return f.read().strip()
    return None


def keep(path, place):
    """Keep that, so that a crash leaves the old or the new place."""
    if path:
        with open(path + ".part", "w") as f:
            f.write(place)
            f.flush()
            os.fsync(f.fileno())
        os.replace(path + ".part", path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
