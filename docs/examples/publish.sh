#!/bin/sh
# Publish event messages to a National Events Management Service with curl.
#
#   sh publish.sh message.xml ...
#
# It needs curl and openssl. Settings are environment variables, with the development
# world's as defaults: NEMS_URL, NEMS_FROM (ASID of your system), NEMS_ODS (code of your
# organisation), NEMS_TO (ASID of the service), NEMS_KEY (RSA key in PEM that signs tokens;
# without it they are unsigned), NEMS_KEY_ID, and for curl itself NEMS_CURL, such as
# "--cacert ca.pem --cert mine.pem --key mine.key".
set -eu
url=${NEMS_URL:-http://localhost:8880}
from=${NEMS_FROM:-300000000161}
ods=${NEMS_ODS:-A83627}
to=${NEMS_TO:-111111111111}

encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# token SCOPE makes the token of one request, valid for five minutes.
token() {
  now=$(date +%s)
  system="https://fhir.nhs.uk/Id/accredited-system|$from"
  head='{"alg":"none","typ":"JWT"}'
  if [ -n "${NEMS_KEY:-}" ]; then head='{"alg":"RS512","typ":"JWT"'${NEMS_KEY_ID:+',"kid":"'"$NEMS_KEY_ID"'"'}'}'; fi
  signed=$(printf '%s' "$head" | encode).$(printf '{"iss":"%s","sub":"%s","aud":"%s","iat":%d,"exp":%d,"reason_for_request":"directcare","scope":"%s","requesting_system":"%s","requesting_organisation":"https://fhir.nhs.uk/Id/ods-organization-code|%s"}' \
    "$url" "$system" "$url" "$now" $((now + 300)) "$1" "$system" "$ods" | encode)
  printf '%s.' "$signed"
  if [ -n "${NEMS_KEY:-}" ]; then printf '%s' "$signed" | openssl dgst -sha512 -sign "$NEMS_KEY" | encode; fi
}

# header FILE prints what is in the message's MessageHeader, on one line.
header() { tr -d '\n' <"$1" | sed 's/.*<MessageHeader>//; s/<\/MessageHeader>.*//'; }

for file in "$@"; do
  id=$(header "$file" | sed 's/^[^<]*<id value="\([^"]*\)".*/\1/')
  event=$(header "$file" | sed 's/.*<event>\(.*\)<\/event>.*/\1/; s/.*<code value="\([^"]*\)".*/\1/')
  case $event in
    vaccinations-1) name=Vaccinations ;;
    professional-contacts-1) name=Professionalcontacts ;;
    blood-spot-test-outcome-1) name=Bloodspottestoutcome ;;
    newborn-hearing-1) name=Newbornhearing ;;
    nipe-outcome-1) name=Nipeoutcome ;;
    *) name=$event ;;
  esac
  answer=$(mktemp)
  # curl tries again when no answer comes, or 408, 429 or 5xx. The message's own id is the
  # idempotency key: whichever attempt the service has stored, it stores the message once.
  # shellcheck disable=SC2086
  status=$(curl --silent --show-error --output "$answer" --write-out '%{http_code}' ${NEMS_CURL:-} \
    --max-time 30 --retry 5 --retry-connrefused \
    -H "Authorization: Bearer $(token patient/Bundle.write)" -H "fromASID: $from" -H "toASID: $to" \
    -H "InteractionID: urn:nhs:names:services:events:$name.Write" \
    -H 'Content-Type: application/fhir+xml' -H 'Accept: application/fhir+xml' -H "Idempotency-Key: $id" \
    --data-binary "@$file" "$url/STU3/Events/1/\$process-message") || status=000
  case $status in
    2*) echo "$id accepted: $status" ;;
    *)
      echo "$id not accepted: $status" >&2
      cat "$answer" >&2
      rm -f "$answer"
      exit 1 # a correction must not overtake what it corrects
      ;;
  esac
  rm -f "$answer"
done
