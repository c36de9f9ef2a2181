#!/usr/bin/env python3
"""Publish event messages to a National Events Management Service.

    python3 publish.py                     a vaccination of the development world's Jack Dawkins,
                                           or of NEMS_PATIENT, as PDS knows them
    python3 publish.py message.xml ...     your own messages, in this order

It needs Python 3.8 and nothing else; openssl where tokens are signed. Settings are
environment variables, with the development world's as defaults:

    NEMS_URL         address of the service
    NEMS_FROM        ASID of your system           NEMS_ODS     code of your organisation
    NEMS_TO          ASID of the service
    NEMS_KEY         RSA key in PEM that signs tokens (RS512); without it they are unsigned
    NEMS_KEY_ID      the key's id at the service
    NEMS_CERT, NEMS_CERT_KEY   client certificate and its key, in PEM
    NEMS_CA          certificate of the authority that signed the service's
    NEMS_PAUSE       seconds before the second attempt; each later one takes twice as long
    NEMS_PDS         address of the PDS FHIR API; the development world has one of its own
    NEMS_PDS_TOKEN_URL, NEMS_PDS_API_KEY, NEMS_PDS_KEY, NEMS_PDS_KEY_ID
                     its token endpoint, your application's key there, the RSA key in PEM
                     that signs for it, and the key's id; without them no token is sent
"""

import base64
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as ET
from datetime import datetime, timezone
from xml.sax.saxutils import quoteattr

URL = os.environ.get("NEMS_URL", "http://localhost:8880")
FROM = os.environ.get("NEMS_FROM", "300000000161")
ODS = os.environ.get("NEMS_ODS", "A83627")
TO = os.environ.get("NEMS_TO", "111111111111")
PAUSE = float(os.environ.get("NEMS_PAUSE", "1"))
ATTEMPTS = 6

# Interaction ids of the care providers' events.
INTERACTIONS = {
    "vaccinations-1": "Vaccinations",
    "professional-contacts-1": "Professionalcontacts",
    "blood-spot-test-outcome-1": "Bloodspottestoutcome",
    "newborn-hearing-1": "Newbornhearing",
    "nipe-outcome-1": "Nipeoutcome",
}
FHIR = {"f": "http://hl7.org/fhir"}


def main(files):
    if not files:
        try:
            number, family, given, born = trace(os.environ.get("NEMS_PATIENT", "9912003888"))
        except HeldBack as reason:
            print("held back:", reason, file=sys.stderr)
            return 1
        except urllib.error.HTTPError as refused:
            print("PDS answered", refused.code, refused.read().decode(errors="replace"), file=sys.stderr)
            return 1
        return 0 if publish(vaccination(number, family, given, born)) else 1
    for name in files:
        if not os.path.exists(name):
            print("there is no file", name, file=sys.stderr)
            return 1
        with open(name, "rb") as f:
            # A message that was not accepted stops those after it: a correction must not
            # overtake what it corrects.
            if not publish(f.read()):
                return 1
    return 0


def publish(message):
    """Send a message until it is accepted or refused; return whether it was accepted.

    The message's own id is the idempotency key: whichever attempt the service has stored,
    it stores the message once. Keep message, headers, claims and times: the specification
    asks publishers to be able to show what they have sent.
    """
    header = ET.fromstring(message).find("f:entry/f:resource/f:MessageHeader", FHIR)
    message_id = header.find("f:id", FHIR).get("value")
    event = header.find("f:event/f:code", FHIR).get("value")
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(wait)
        wait = PAUSE * 2**attempt
        request = urllib.request.Request(
            URL + "/STU3/Events/1/$process-message",
            data=message,
            method="POST",
            headers={
                "Authorization": "Bearer " + token("patient/Bundle.write"),
                "fromASID": FROM,
                "toASID": TO,
                "InteractionID": "urn:nhs:names:services:events:%s.Write" % INTERACTIONS.get(event, event),
                "Content-Type": "application/fhir+xml",
                "Accept": "application/fhir+xml",
                "Idempotency-Key": message_id,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=tls()) as answer:
                print(message_id, "accepted:", answer.status)
                return True
        except urllib.error.HTTPError as refused:
            body = refused.read()
            # Busy, broken or not letting this system in: it may pass. All else is about
            # the message, which must be put right first.
            if refused.code in (401, 403, 408, 429) or refused.code >= 500:
                asked = refused.headers.get("Retry-After", "")
                wait = max(wait, float(asked) if asked.isdigit() else 0)
                print(message_id, "answered", refused.code, file=sys.stderr)
                continue
            print(message_id, "refused:", refused.code, file=sys.stderr)
            for issue in issues(body):
                print("  " + issue, file=sys.stderr)
            return False
        except (urllib.error.URLError, OSError) as lost:
            print(message_id, "no answer:", lost, file=sys.stderr)
    print(message_id, "not accepted after", ATTEMPTS, "attempts; send it again later", file=sys.stderr)
    return False


def token(scope):
    """Make the token of one request, valid for five minutes (Spine Core, "Access Tokens and Audit")."""
    now = int(time.time())
    system = "https://fhir.nhs.uk/Id/accredited-system|" + FROM
    claims = {
        "iss": URL, "sub": system, "aud": URL, "iat": now, "exp": now + 300,
        "reason_for_request": "directcare", "scope": scope, "requesting_system": system,
        "requesting_organisation": "https://fhir.nhs.uk/Id/ods-organization-code|" + ODS,
    }
    return jwt(claims, os.environ.get("NEMS_KEY"), os.environ.get("NEMS_KEY_ID"))


def jwt(claims, key, key_id):
    """Write a token; openssl signs it with RS512 if there is a key."""
    head = {"alg": "RS512" if key else "none", "typ": "JWT"}
    if key and key_id:
        head["kid"] = key_id
    signed = encode(json.dumps(head).encode()) + "." + encode(json.dumps(claims).encode())
    signature = b""
    if key:
        signature = subprocess.run(
            ["openssl", "dgst", "-sha512", "-sign", key], input=signed.encode(), capture_output=True, check=True
        ).stdout
    return signed + "." + encode(signature)


class HeldBack(Exception):
    """Nothing may be sent about this patient."""


def trace(nhs_number):
    """Ask PDS for a patient; return number, family name, given names and date of birth.

    Another number in the answer has replaced the one that was asked for. Nothing is sent
    about patients with an S flag (PDS restricts the record) or an I flag (it has no record),
    nor against what the patient wants: ask your own records for dissent here.
    """
    headers = {"X-Request-ID": str(uuid.uuid4()), "Accept": "application/fhir+json"}
    if os.environ.get("NEMS_PDS_API_KEY"):
        headers["Authorization"] = "Bearer " + pds_token()
    base = os.environ.get("NEMS_PDS", URL + "/personal-demographics/FHIR/R4")
    request = urllib.request.Request(base + "/Patient/" + nhs_number, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30, context=tls()) as answer:
            patient = json.load(answer)
    except urllib.error.HTTPError as refused:
        if refused.code == 404:
            raise HeldBack("PDS has no record of this number, or has withdrawn it") from None
        raise
    if any(label["code"] != "U" for label in patient.get("meta", {}).get("security", [])):
        raise HeldBack("PDS restricts the record")
    names = patient.get("name", [])
    name = next((n for n in names if n.get("use") == "usual"), names[0] if names else {})
    return patient["id"], name.get("family", ""), name.get("given", []), patient["birthDate"]


def pds_token():
    """Get an access token: application-restricted access, signed JWT."""
    url, key = os.environ["NEMS_PDS_TOKEN_URL"], os.environ["NEMS_PDS_API_KEY"]
    claims = {"iss": key, "sub": key, "aud": url, "jti": str(uuid.uuid4()), "exp": int(time.time()) + 240}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt(claims, os.environ["NEMS_PDS_KEY"], os.environ["NEMS_PDS_KEY_ID"]),
    }
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30, context=tls()) as answer:
        return json.load(answer)["access_token"]


def encode(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def tls():
    """Trust the service's authority, and show a client certificate."""
    if not URL.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=os.environ.get("NEMS_CA"))
    if os.environ.get("NEMS_CERT"):
        context.load_cert_chain(os.environ["NEMS_CERT"], os.environ.get("NEMS_CERT_KEY"))
    return context


def issues(outcome):
    """List what an OperationOutcome says, an issue a line."""
    try:
        found = ET.fromstring(outcome).findall("f:issue", FHIR)
    except ET.ParseError:
        return []
    lines = []
    for issue in found:
        parts = [issue.find(p, FHIR) for p in ("f:details/f:coding/f:code", "f:diagnostics", "f:expression")]
        lines.append(": ".join(p.get("value") for p in parts if p is not None))
    return lines


def vaccination(
    nhs_number="9912003888", family="DAWKINS", given=("Jack",), born="2017-10-02", kind="new",
    identifier=None, procedure=("308081000000105", "Measles mumps and rubella vaccination - first dose (procedure)"),
    vaccine=("871831003", "Vaccine product containing only live attenuated antigens of measles, mumps and rubella viruses"),
    batch="LOT0001", on=None, organisation=("A83627", "EXAMPLE SURGERY"), message_id=None,
):
    """Write a vaccination that was given (page "Vaccinations").

    Name and date of birth are those that PDS has: trace the patient first. kind is new,
    update or delete; all messages about one vaccination have the same identifier.
    """
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    on = on or now[:10]
    ids = {name: str(uuid.uuid4()) for name in ("bundle", "header", "shot", "surgery", "patient")}
    ids["header"] = message_id or ids["header"]
    shown = {"new": "New event message", "update": "Update event message", "delete": "Delete event message"}[kind]

    def value(element, text):
        return "<%s value=%s/>" % (element, quoteattr(text))

    def coding(system, code, display):
        return "<coding>" + value("system", system) + value("code", code) + value("display", display) + "</coding>"

    def concept(element, code):
        return "<%s>%s</%s>" % (element, coding("http://snomed.info/sct", *code), element)

    def reference(element, name):
        return "<%s>%s</%s>" % (element, value("reference", "urn:uuid:" + ids[name]), element)

    def entry(resource, name, profile, content):
        return "<entry>%s<resource><%s>%s<meta>%s</meta>%s</%s></resource></entry>" % (
            value("fullUrl", "urn:uuid:" + ids[name]), resource, value("id", ids[name]), profile, content, resource)

    official = "<{0}>" + value("use", "official") + value("family", family) + "".join(value("given", g) for g in given) + "</{0}>"
    number = value("system", "https://fhir.nhs.uk/Id/nhs-number") + value("value", nhs_number)
    nhs, uk = "https://fhir.nhs.uk/STU3/", "https://fhir.hl7.org.uk/STU3/"

    def care_connect(name):
        return value("profile", uk + "StructureDefinition/CareConnect-%s-1" % name)

    header = (
        '<extension url="%sStructureDefinition/Extension-RoutingDemographics-1">' % nhs
        + '<extension url="nhsNumber"><valueIdentifier>' + number + "</valueIdentifier></extension>"
        + '<extension url="name">' + official.format("valueHumanName") + "</extension>"
        + '<extension url="birthDateTime">' + value("valueDateTime", born) + "</extension></extension>"
        + '<extension url="%sStructureDefinition/Extension-MessageEventType-1"><valueCodeableConcept>' % nhs
        + coding(nhs + "CodeSystem/MessageEventType-1", kind, shown) + "</valueCodeableConcept></extension>"
        + "<event>" + value("system", nhs + "CodeSystem/EventType-1") + value("code", "vaccinations-1")
        + value("display", "Vaccinations") + "</event>" + value("timestamp", now)
        + "<source>" + value("name", "Example clinical system")
        + "<contact>" + value("system", "phone") + value("value", "0191 498 0000") + "</contact>"
        + value("endpoint", "urn:nhs:addressing:asid:" + FROM) + "</source>"
        + reference("responsible", "surgery") + reference("focus", "shot")
    )
    shot = (
        '<extension url="%sStructureDefinition/Extension-CareConnect-VaccinationProcedure-1">' % uk
        + concept("valueCodeableConcept", procedure) + "</extension>"
        + "<identifier>" + value("system", "https://surgery.example/vaccinations")
        + value("value", identifier or str(uuid.uuid4())) + "</identifier>"
        + value("status", "completed") + value("notGiven", "false") + concept("vaccineCode", vaccine)
        + reference("patient", "patient") + value("date", on) + value("primarySource", "true") + value("lotNumber", batch)
    )
    surgery = (
        "<identifier>" + value("system", "https://fhir.nhs.uk/Id/ods-organization-code") + value("value", organisation[0])
        + "</identifier>" + value("name", organisation[1])
    )
    patient = (
        '<identifier><extension url="%sStructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1">' % uk
        + "<valueCodeableConcept>"
        + coding(uk + "CodeSystem/CareConnect-NHSNumberVerificationStatus-1", "01", "Number present and verified")
        + "</valueCodeableConcept></extension>" + number + "</identifier>" + official.format("name") + value("birthDate", born)
    )
    bundle = (
        '<Bundle xmlns="http://hl7.org/fhir">' + value("id", ids["bundle"]) + value("type", "message")
        + entry("MessageHeader", "header", value("lastUpdated", now)
                + value("profile", nhs + "StructureDefinition/Event-MessageHeader-1"), header)
        + entry("Immunization", "shot", care_connect("Immunization"), shot)
        + entry("Organization", "surgery", care_connect("Organization"), surgery)
        + entry("Patient", "patient", care_connect("Patient"), patient)
        + "</Bundle>"
    )
    return bundle.encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
