package webhook

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"nems/internal/form"
	"nems/internal/store"
)

// pair keeps the endpoint of a subscription and the one that its signals go through.
type pair struct {
	*memory // the latter
	via     store.Endpoint
}

func (p *pair) Endpoint(_ context.Context, row int64) (store.Endpoint, error) {
	if row == p.row.Mailbox.Row {
		return p.row, nil
	}
	return p.via, nil
}

// Signals name patients: they wait while an operator does not want them at the webhook.
func TestSignalsWaitForAnOperator(t *testing.T) {
	fx := newFixture(t, func(http.ResponseWriter, *http.Request) {})
	base := store.Mailbox{Row: 1, ID: "HOOK", ODS: "RR8"}
	fx.row.Mailbox = base
	via := Endpoint{Form: MNS, Via: 1, Target: &form.Target{Payload: asCloudEvent}}
	fx.Sender.Endpoints = &pair{fx.memory, store.Endpoint{Mailbox: store.Mailbox{Row: 2, ODS: "RR8"}, Value: via.Pack()}}
	fx.Sender.Signal = func(store.Delivery, store.Event, form.Target) ([]byte, error) { return []byte("{}"), nil }
	d := copyOf("abc")
	d.Mailbox = 2
	for _, row := range []struct {
		name   string
		form   Form
		change func(*Endpoint)
		moved  bool
		sent   bool
	}{
		{name: "for signals", form: MNS, sent: true},
		{name: "for messages", form: Message, sent: true},
		{name: "for notes only", form: Signal},
		{name: "off", form: MNS, change: func(e *Endpoint) { e.Off = true }},
		{name: "on again", form: MNS, change: func(e *Endpoint) { e.Off = false }, sent: true},
		{name: "of another organisation", form: MNS, moved: true},
	} {
		fx.received = nil
		fx.put(func(e *Endpoint) {
			if e.Form = row.form; row.change != nil {
				row.change(e)
			}
		})
		if fx.row.Mailbox = base; row.moved {
			fx.row.Mailbox.ODS = "X26"
		}
		got, err := fx.send(0, d)
		if sent := len(fx.received) == 1; sent != row.sent || sent != (got.State == store.Sent) {
			t.Errorf("%s: %d requests, %+v, %v", row.name, len(fx.received), got, err)
		}
		if !row.sent && (err == nil || !strings.Contains(err.Error(), "off") || fx.Pause(store.Lane{Failures: 1}, err) != errorPause) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
