package form

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/nhs"
)

// Published is what is published at the MNS's API: a CloudEvent 1.0 without data.
// Source: NHSDigital/multicast-notification-service,
// specification/schemas/cloudevents/mns-publish-cloudevent.yaml.
type Published struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Time        string `json:"time"`
	Subject     string `json:"subject,omitzero"` // an NHS number
	DataRef     string `json:"dataref,omitzero"`
	VersionID   string `json:"versionid,omitzero"`
	// Filtering are attributes to filter by. Subscribers never receive them.
	Filtering map[string]any `json:"filtering,omitzero"`
}

// LegacyEvent is the JSON of the MNS's first version, of three types of PDS's events.
// Source: the same, pdsDeathSignal.yaml and its neighbours.
type LegacyEvent struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Subject struct {
		NHSNumber string `json:"nhsNumber"`
	} `json:"subject"`
	Source struct {
		Name       string `json:"name"`
		Identifier struct {
			System string `json:"system"`
			Value  string `json:"value"`
		} `json:"identifier"`
	} `json:"source"`
	Time string `json:"time"`
	Data struct {
		VersionID string `json:"versionId"`
		FullURL   string `json:"fullUrl"`
	} `json:"data"`
}

// cloudEvent returns the same as a CloudEvent.
func (l *LegacyEvent) cloudEvent() Published {
	source := l.Source.Identifier.Value
	if l.Source.Identifier.System != "" {
		source = l.Source.Identifier.System + "/" + source
	}
	return Published{SpecVersion: "1.0", ID: l.ID, Source: cmp.Or(source, l.Source.Name), Type: l.Type, Time: l.Time,
		Subject: l.Subject.NHSNumber, DataRef: l.Data.FullURL, VersionID: l.Data.VersionID}
}

// ReadPublished reads what was published at the MNS's API, in either version.
func ReadPublished(body []byte) (e Published, legacy bool, err error) {
	var version struct {
		SpecVersion string `json:"specversion"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return e, false, fmt.Errorf("an event of the MNS cannot be read: %w", err)
	}
	if version.SpecVersion != "" {
		return e, false, json.Unmarshal(body, &e)
	}
	var l LegacyEvent
	if err := json.Unmarshal(body, &l); err != nil {
		return e, true, err
	}
	return l.cloudEvent(), true, nil
}

// Attributes returns the values of Filtering as criteria write them. An attribute
// that is null is absent.
func (e *Published) Attributes() map[string][]string {
	out := map[string][]string{}
	for name, value := range e.Filtering {
		list, is := value.([]any)
		if !is {
			list = []any{value}
		}
		for _, one := range list {
			switch v := one.(type) {
			case string:
				out[name] = append(out[name], v)
			case bool:
				out[name] = append(out[name], strconv.FormatBool(v))
			case float64:
				out[name] = append(out[name], strconv.FormatFloat(v, 'f', -1, 64))
			}
		}
	}
	return out
}

// JSON returns the CloudEvent as subscribers get it: without Filtering.
func (e Published) JSON() ([]byte, error) {
	e.Filtering = nil
	return json.Marshal(e)
}

// At returns the moment of Time.
func (e *Published) At() (time.Time, error) { return time.Parse(time.RFC3339Nano, e.Time) }

// published says of an event that was published at the MNS's API what is known of it.
func (e Event) published(message []byte) Event {
	p, _, err := ReadPublished(message)
	if err != nil {
		return e
	}
	e.ID, e.Source = p.ID, p.Source
	if at, err := p.At(); err == nil {
		e.Time = at
	}
	e.Patient, _ = nhs.ParseNHSNumber(p.Subject)
	return e
}
