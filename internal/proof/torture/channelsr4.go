//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nems/internal/access"
	"nems/internal/directory/devworld"
	"nems/internal/jwt"
)

// backport is where the extensions of HL7's backport are.
const backport = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"

// subscribeR4 subscribes a receiver to notifications of FHIR R4.
func (dep *deployment) subscribeR4(receiver string) error {
	body := `{"resourceType":"Subscription","status":"requested","reason":"Torture","criteria":"urn:nhs-uk:nems:topic:vaccinations-1",
"_criteria":{"extension":[{"url":"` + backport + `backport-filter-criteria","valueString":"patient=https://fhir.nhs.uk/Id/nhs-number|9912003888"}]},
"channel":{"type":"rest-hook","endpoint":"http://` + receiver + `/r4","payload":"application/fhir+json",
"_payload":{"extension":[{"url":"` + backport + `backport-payload-content","valueCode":"id-only"}]}}}`
	r, err := http.NewRequest(http.MethodPost, dep.here.url+"/R4/Subscription", strings.NewReader(body))
	if err != nil {
		return err
	}
	t := jwt.Token{Issuer: dep.here.url, Audience: dep.here.url, ASID: "200000000115", ODS: "RR8", Reason: "directcare", Scope: jwt.ScopeWrite, Issued: time.Now()}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + t.Unsigned(), "fromASID": "200000000115", "toASID": string(devworld.NEMS),
		"InteractionID": access.CreateInteraction, "Content-Type": "application/fhir+json",
	} {
		r.Header.Set(name, value)
	}
	answer, err := dep.here.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("an R4 subscription is answered %d: %s", answer.StatusCode, said)
	}
	return nil
}

// parameter is a part of a notification.
type parameter struct {
	Name           string                     `json:"name"`
	ValueString    string                     `json:"valueString"`
	ValueReference struct{ Reference string } `json:"valueReference"`
	Part           []parameter                `json:"part"`
}

// readNotification returns the number and the focus of a notification of one event; ok is
// false for a handshake.
func readNotification(body []byte) (number uint64, focus string, ok bool, err error) {
	var bundle struct {
		Entry []struct {
			Resource struct{ Parameter []parameter }
		}
	}
	if err := json.Unmarshal(body, &bundle); err != nil || len(bundle.Entry) == 0 {
		return 0, "", false, fmt.Errorf("a notification of %d bytes: %w", len(body), err)
	}
	for _, p := range bundle.Entry[0].Resource.Parameter {
		if p.Name != "notification-event" {
			continue
		}
		for _, part := range p.Part {
			switch part.Name {
			case "event-number":
				if number, err = strconv.ParseUint(part.ValueString, 10, 64); err != nil {
					return 0, "", false, err
				}
			case "focus":
				focus = part.ValueReference.Reference
			}
		}
		return number, focus, true, nil
	}
	return 0, "", false, nil
}
