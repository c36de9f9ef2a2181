#!/usr/bin/env python3
"""Subscribe to events, and collect the copies from a MESH mailbox.

    python3 collect.py subscribe 9912003888 vaccinations-1 ...   events about one patient
    python3 collect.py collect FOLDER                            save all copies, and acknowledge them

It needs Python 3.8, publish.py beside it, and nothing else. Settings are environment
variables, with the development world's as defaults: those of publish.py, and

    NEMS_MAILBOX     id of the mailbox             NEMS_PASSWORD   its password
    NEMS_SHARED_KEY  key of the MESH tokens        NEMS_MESH       address of the MESH
"""

import gzip
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from xml.sax.saxutils import quoteattr

os.environ.setdefault("NEMS_FROM", "200000000115")
os.environ.setdefault("NEMS_ODS", "RR8")

import publish  # noqa: E402, it reads the settings

MAILBOX = os.environ.get("NEMS_MAILBOX", "MAILBOX1234").upper()
PASSWORD = os.environ.get("NEMS_PASSWORD", "password")
SHARED_KEY = os.environ.get("NEMS_SHARED_KEY", "TestKey")
MESH = os.environ.get("NEMS_MESH", publish.URL)


def main(arguments):
    if len(arguments) > 2 and arguments[0] == "subscribe":
        return subscribe(arguments[1], arguments[2:])
    if len(arguments) == 2 and arguments[0] == "collect":
        return collect(arguments[1])
    print(__doc__, file=sys.stderr)
    return 2


def subscribe(nhs_number, events):
    """Create one subscription: the events of one patient, to the mailbox."""
    criteria = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs_number
    criteria += "".join("&MessageHeader.event=" + event for event in events)
    value = lambda element, text: "<%s value=%s/>" % (element, quoteattr(text))  # noqa: E731
    resource = (
        '<Subscription xmlns="http://hl7.org/fhir"><meta>'
        + value("profile", "https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1") + "</meta>"
        + value("status", "requested") + "<contact>" + value("system", "url")
        + value("value", "https://directory.spineservices.nhs.uk/STU3/Organization/" + publish.ODS)
        + value("use", "work") + "</contact>" + value("reason", "Follow-up of our patients")
        + value("criteria", criteria) + "<channel>" + value("type", "message") + value("endpoint", MAILBOX) + "</channel></Subscription>"
    )
    request = urllib.request.Request(
        publish.URL + "/STU3/Subscription", data=resource.encode(), method="POST",
        headers={
            "Authorization": "Bearer " + publish.token("patient/Subscription.write"),
            "fromASID": publish.FROM, "toASID": publish.TO,
            "InteractionID": "urn:nhs:names:services:clinicals-sync:SubscriptionsApiPost",
            "Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30, context=publish.tls()) as answer:
            print("subscribed:", answer.headers["Location"].rsplit("/", 1)[-1])
            return 0
    except urllib.error.HTTPError as refused:
        print("refused:", refused.code, *publish.issues(refused.read()), sep="\n  ", file=sys.stderr)
        return 1


def collect(folder):
    """Save each copy, then acknowledge it: what is acknowledged is not shown again."""
    os.makedirs(folder, exist_ok=True)
    while True:
        ids = json.loads(mesh("GET", "/inbox"))["messages"]
        if not ids:
            return 0
        for name in ids:
            copy = mesh("GET", "/inbox/" + name)
            path = os.path.join(folder, name + ".xml")
            with open(path + ".part", "wb") as f:
                f.write(copy)
                f.flush()
                os.fsync(f.fileno())
            os.replace(path + ".part", path)
            mesh("PUT", "/inbox/" + name + "/status/acknowledged")
            print("collected:", path)


NONCE, count = str(uuid.uuid4()), 0


def mesh(method, path):
    """Make one call of the MESH API; each call has a token of its own."""
    global count
    count += 1
    at = datetime.now(timezone.utc).strftime("%Y%m%d%H%M")
    signed = ":".join([MAILBOX, NONCE, str(count), PASSWORD, at])
    digest = hmac.new(SHARED_KEY.encode(), signed.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(
        MESH + "/messageexchange/" + MAILBOX + path, method=method,
        headers={
            "Authorization": "NHSMESH " + ":".join([MAILBOX, NONCE, str(count), at, digest]),
            "Accept": "application/vnd.mesh.v2+json",
        },
    )
    with urllib.request.urlopen(request, timeout=60, context=publish.tls()) as answer:
        # 206: the message has several chunks, which have URLs of their own. Events of the
        # NEMS have one; a large message of somebody else in the mailbox may have more.
        body = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        chunks = answer.headers.get("Mex-Chunk-Range", "1:1")
        for chunk in range(2, int(chunks.split(":")[1]) + 1) if answer.status == 206 and path.count("/") == 2 else ():
            body += mesh(method, path + "/%d" % chunk)
        return body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
