// Package devworld holds the data with which `nems serve --dev` and the demo
// start: systems, mailboxes, organisations, postcodes and patients, enough to
// see every rule at work. All people are invented; docs/dev-world.md lists
// them. The codes of organisations and areas have their real form and mostly
// their real place, because messages and subscriptions name them.
package devworld

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"

	"nems/internal/access"
	"nems/internal/directory"
	"nems/internal/nhs"
)

// The service's own identity, and the secrets of its MESH.
const (
	NEMS nhs.ASID = "111111111111"

	Mailbox, SharedKey, Password = "X26NEMS", "TestKey", "password"
)

//go:embed patients.csv
var patients []byte

//go:embed organisations.csv
var organisations []byte

//go:embed postcodes.csv
var postcodes []byte

// Seed passes the directory's part of the world to a sink: organisations and
// postcodes first, then patients.
func Seed(ctx context.Context, sink directory.Sink) error {
	for _, file := range []struct {
		kind directory.Kind
		data []byte
	}{
		{directory.KindOrganisations, organisations},
		{directory.KindPostcodes, postcodes},
		{directory.KindPatients, patients},
	} {
		summary, err := directory.Import(ctx, file.kind, bytes.NewReader(file.data), sink, nil)
		if err != nil {
			return fmt.Errorf("devworld: %s: %w", file.kind, err)
		}
		if summary.Bad > 0 {
			p := summary.Problems[0]
			return fmt.Errorf("devworld: %s, line %d: %s", file.kind, p.Line, p)
		}
	}
	return nil
}

// The interaction ids for publishing and for subscribing.
const (
	publishing  = "urn:nhs:names:services:events:*"
	subscribing = "urn:nhs:names:services:clinicals-sync:*"
)

// Systems returns the systems of the world. Each may use every interaction of its side.
func Systems() []access.System {
	subscriber := func(asid nhs.ASID, name string, ods nhs.ODSCode) access.System {
		return access.System{
			ASID: asid, Name: name, ODSCodes: []nhs.ODSCode{ods}, Interactions: []string{subscribing},
			Kinds: []access.SubscriptionKind{access.Explicit, access.Generic}, Mailboxes: []string{"*"},
		}
	}
	return []access.System{
		{ASID: "300000000161", Name: "Dev publisher", ODSCodes: []nhs.ODSCode{"A83627"}, Interactions: []string{publishing}},
		{ASID: "477121000323", Name: "Dev demographics of the Spine", ODSCodes: []nhs.ODSCode{"X26"}, Interactions: []string{publishing}, Spine: true},
		subscriber("200000000115", "Dev subscriber in Leeds", "RR8"),
		subscriber("200000000116", "Dev national subscriber", "X26"),
	}
}

// Box is a MESH mailbox of the world, hosted by the NEMS itself.
type Box struct {
	ID       string
	Name     string
	ODS      nhs.ODSCode
	Password string
}

// Mailboxes returns the mailboxes of the world: the service's own, those of the
// two subscribers, and some that the MESH sandbox has as well.
func Mailboxes() []Box {
	return []Box{
		{Mailbox, "Dev NEMS", "X26", Password},
		{"MAILBOX1234", "Dev subscriber in Leeds", "RR8", Password},
		{"X26ABC1", "TESTMB1", "X26", Password},
		{"X26ABC2", "TESTMB2", "X26", Password},
		{"X26ABC3", "TESTMB3", "X27", Password},
	}
}
