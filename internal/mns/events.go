package mns

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/form"
	"nems/internal/nhs"
	"nems/internal/subscription"
)

// publish answers POST /events: an event that is on disk, with its matches, has 200.
func (a *API) publish(x *exchange) error {
	body, err := x.body()
	if err != nil {
		return err
	}
	var e form.Published
	switch x.media() {
	case "application/cloudevents+json":
		e, err = a.readCloudEvent(x, body)
	case asJSON:
		e, err = readLegacy(body)
	default:
		return wrongMedia
	}
	if err != nil {
		return err
	}
	if err := x.may(access.PublishInteraction(e.Type)); err != nil {
		return err
	}
	_, err = a.Broker.PublishSignal(x.r.Context(), x.caller, signal(&e, body))
	if err != nil {
		return err
	}
	x.write(http.StatusOK, asJSON, map[string]string{"id": e.ID})
	return nil
}

// signal is an event as the broker takes it.
func signal(e *form.Published, body []byte) broker.Signal {
	s := broker.Signal{ID: e.ID, Source: e.Source, Type: e.Type, Body: body}
	s.Subject, _ = nhs.ParseNHSNumber(e.Subject) // one that is none is nobody's
	attributes := e.Attributes()
	for _, name := range []string{subscription.FilterPractice, subscription.FilterRegisteredGP} {
		for _, text := range attributes[name] {
			if code, err := nhs.ParseODSCode(text); err == nil {
				s.Practices = append(s.Practices, code)
			}
		}
	}
	return s
}

// Attributes returns by what an event that was published here can be filtered.
func Attributes(message []byte) map[string][]string {
	e, _, err := form.ReadPublished(message)
	if err != nil {
		return nil // it was checked when it was accepted
	}
	out := e.Attributes()
	for _, name := range []string{subscription.FilterPractice, subscription.FilterRegisteredGP} {
		for i, text := range out[name] {
			if code, err := nhs.ParseODSCode(text); err == nil {
				out[name][i] = string(code)
			}
		}
	}
	if n, err := nhs.ParseNHSNumber(e.Subject); err == nil {
		out[subscription.FilterNHSNumber] = append(out[subscription.FilterNHSNumber], n.Digits())
	}
	return out
}

// members of a CloudEvent that are taken.
var members = []string{"specversion", "id", "source", "type", "time", "subject", "dataref", "versionid", "filtering"}

// readCloudEvent reads an event of the second version.
func (a *API) readCloudEvent(x *exchange, body []byte) (e form.Published, err error) {
	there, err := object(body)
	if err != nil {
		return e, err
	}
	wrong := invalid{}
	for name := range there {
		if !slices.Contains(members, name) {
			wrong[shown(name)] = "Please remove this attribute: events have none of this name"
		}
	}
	if err := json.Unmarshal(body, &e); err != nil {
		wrong.mistyped(err)
		return e, wrong.fault()
	}
	if e.SpecVersion != "1.0" {
		wrong["specversion"] = "Please provide a valid specversion"
	}
	wrong.common(&e, there)
	if u, err := url.Parse(e.Source); err != nil || e.Source == "" || u.String() == "" {
		wrong["source"] = "Please provide a valid source"
	}
	if u, err := url.Parse(e.DataRef); e.DataRef != "" && (err != nil || !u.IsAbs()) {
		wrong["dataref"] = "Please provide a valid dataref"
	}
	if !a.knows(x, e.Type) {
		wrong["type"] = badType
	}
	for name, v := range e.Filtering {
		if !filterable(v) {
			wrong["filtering."+shown(name)] = "Please provide a text, a number, true or false, or a list of texts and numbers"
		}
	}
	return e, wrong.fault()
}

// common checks what both versions have.
func (v invalid) common(e *form.Published, there map[string]jsontext.Value) {
	for name, text := range map[string]string{"id": e.ID, "source": e.Source, "type": e.Type, "subject": e.Subject, "dataref": e.DataRef, "versionid": e.VersionID} {
		if _, is := there[name]; len(text) > mostText || is && text == "" || !printable(text) {
			v[name] = "Please provide a valid " + name
		}
	}
	if e.ID == "" {
		v["id"] = "Please provide a valid id"
	}
	if _, err := e.At(); err != nil {
		v["time"] = "Please provide a valid time"
	}
}

// mostText is the length of the longest attribute, in bytes.
const mostText = 2048

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '�' })
}

const badType = "Please provide a valid event type"

// object reads the members of a JSON object.
func object(body []byte) (map[string]jsontext.Value, error) {
	var there map[string]jsontext.Value
	if err := json.Unmarshal(body, &there); err != nil || there == nil {
		return nil, failed(http.StatusBadRequest, "Please provide a valid JSON object")
	}
	for name, v := range there {
		if bytes.Equal(v, []byte("null")) {
			delete(there, name)
		}
	}
	return there, nil
}

// mistyped says which member has a value of the wrong kind.
func (v invalid) mistyped(err error) {
	name := "body"
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		if last := semantic.JSONPointer.LastToken(); last != "" {
			name = shown(last)
		}
	}
	v[name] = "Please provide a valid " + name
}

// shown limits what an answer repeats of a name.
func shown(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '?'
	}, name)
	return clean[:min(len(clean), 64)]
}

// filterable reports whether a value of filtering is one of those that the schema
// has. null is taken for an attribute that is absent: publishers send it.
func filterable(v any) bool {
	switch v := v.(type) {
	case nil, string, bool, float64:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool {
			switch one.(type) {
			case string, float64:
				return false
			}
			return true
		})
	}
	return false
}

// readLegacy reads an event of the first version.
func readLegacy(body []byte) (e form.Published, err error) {
	there, err := object(body)
	if err != nil {
		return e, err
	}
	wrong := invalid{}
	var l form.LegacyEvent
	if err := json.Unmarshal(body, &l); err != nil {
		wrong.mistyped(err)
		return e, wrong.fault()
	}
	if e, _, err = form.ReadPublished(body); err != nil {
		return e, failed(http.StatusBadRequest, "Please provide a valid JSON object")
	}
	if _, cloudEvent := there["specversion"]; cloudEvent {
		wrong["specversion"] = "Please send CloudEvents as application/cloudevents+json"
	}
	wrong.common(&e, nil)
	if !slices.Contains(legacyTypes, e.Type) {
		wrong["type"] = badType
	}
	if l.Source.Name == "" && l.Source.Identifier.Value == "" {
		wrong["source"] = "Please provide a valid source"
	}
	if _, err := nhs.ParseNHSNumber(l.Subject.NHSNumber); err != nil {
		wrong["subject"] = "Please provide a valid subject"
	}
	return e, wrong.fault()
}
