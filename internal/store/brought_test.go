package store_test

import (
	"testing"

	"nems/internal/store"
)

func TestHolds(t *testing.T) {
	off := func(member string) []byte {
		return []byte(`{` + member + `,"off":true,"why":"` + store.SwitchedOff + `"}`)
	}
	held := store.HeldBy(off(`"url":"https://Hooks.example.nhs.uk./events?key=1"`))
	for url, want := range map[string]bool{
		"https://hooks.example.nhs.uk/events":          true,
		"https://hooks.example.nhs.uk/events?other":    true,
		"https://hooks.example.nhs.uk:443/events/":     true,
		"https://hooks.example.nhs.uk//%65vents/./":    true,
		"https://hooks.example.nhs.uk/events/below":    true,
		"https://hooks.example.nhs.uk/events/../other": false,
		"https://hooks.example.nhs.uk/eventsother":     false,
		"https://hooks.example.nhs.uk/":                false,
		"https://hooks.example.nhs.uk:8443/events":     false,
		"https://other.example.nhs.uk/events":          false,
	} {
		if got := store.Holds(held, store.AddressOf([]byte(`{"url":"`+url+`"}`))); got != want {
			t.Errorf("%s: expected %t", url, want)
		}
	}
	box := store.HeldBy(off(`"endpoint":"mesh://MAILBOX1?workflow_id=A","mailbox":"MAILBOX1"`))
	for value, want := range map[string]bool{
		`{"endpoint":"mesh://mailbox1?workflow_id=B","mailbox":"mailbox1"}`:                         true,
		`{"endpoint":"arn:aws:sqs:eu-west-2:000000000000:MAILBOX1","mailbox":"MAILBOX1"}`:           true,
		`{"endpoint":"mesh://MAILBOX12?workflow_id=A","mailbox":"MAILBOX12"}`:                       false,
		`{"target":{"endpoint":"arn:aws:sqs:eu-west-2:123456789012:Q"},"url":"https://a.test/box"}`: false,
	} {
		if got := store.Holds(box, store.AddressOf([]byte(value))); got != want {
			t.Errorf("%s: expected %t", value, want)
		}
	}
	queue := store.HeldBy(off(`"endpoint":"arn:aws:sqs:eu-west-2:123456789012:Q"`))
	if !store.Holds(queue, store.AddressOf([]byte(`{"endpoint":"arn:aws:sqs:eu-west-2:123456789012:Q"}`))) {
		t.Error("a queue that is switched off")
	}
	for _, value := range []string{`{"url":"https://a.test/","off":true,"why":"answered 410"}`, `{"url":"https://a.test/"}`, `{"off":true,"why":"` + store.SwitchedOff + `"}`, "no JSON"} {
		if held := store.HeldBy([]byte(value)); held != "" {
			t.Errorf("%s holds %q", value, held)
		}
	}
}
