package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"nems/receiver"
)

// Collect all waiting messages, keep them, and see what became of each.
func Example() {
	mesh := newFakeMESH( // stands for the MESH; its address would be https://msg.intspineservices.nhs.uk
		notice{id: "8a4ff06b-0f0e-4d3a-9c1b-0a8b1b0c0001", updated: "2026-01-02T09:00:00+00:00", thing: "jab-1"}.in("20260102090001000000_000001"),
		notice{id: "8a4ff06b-0f0e-4d3a-9c1b-0a8b1b0c0001", updated: "2026-01-02T09:00:00+00:00", thing: "jab-1"}.in("20260102090002000000_000001"),
		notice{id: "8a4ff06b-0f0e-4d3a-9c1b-0a8b1b0c0002", updated: "2026-01-01T09:00:00+00:00", thing: "jab-1"}.in("20260102090003000000_000001"),
	)
	defer mesh.Close()
	folder, err := os.MkdirTemp("", "received-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)

	memory, err := receiver.OpenMemory(filepath.Join(folder, "memory"), receiver.MemoryOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer memory.Close()
	r, err := receiver.New(receiver.Config{
		URL: mesh.URL, Mailbox: "MAILBOX1234", Password: "password", SharedKey: "TestKey",
		Memory:   memory,
		SetAside: filepath.Join(folder, "aside"),
		Observe: func(m receiver.Message, o receiver.Outcome, _ error) {
			fmt.Println(m.ID, m.Facts.Code, m.Order, o)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	tally, err := r.Collect(context.Background(), func(_ context.Context, m receiver.Message) error {
		if m.Kind != receiver.Event { // anybody can send to a mailbox
			return receiver.Permanent(m.Problem)
		}
		return receiver.WriteFile(filepath.Join(folder, m.BaseName()+".xml"), m.Body)
	})
	fmt.Printf("%+v %v\n", tally, err)
	// Output:
	// 20260102090001000000_000001 vaccinations-1 first handled
	// 20260102090002000000_000001 vaccinations-1 same repeat
	// 20260102090003000000_000001 vaccinations-1 stale superseded
	// {Handled:1 Repeats:1 Superseded:1 Ignored:0 Aside:0 Left:0} <nil>
}

// A Handler decides by the facts of each message. Run goes on until its context
// ends.
func ExampleReceiver_Run() {
	mesh := newFakeMESH(
		notice{id: "1", asid: "200000000115"}.in("M1"),
		notice{id: "2", updated: "2026-01-02T09:00:00+00:00", thing: "jab"}.in("M2"),
		notice{id: "3", updated: "2026-01-03T09:00:00+00:00", thing: "jab", kind: "delete"}.in("M3"),
		fakeMessage{id: "M4", headers: map[string]string{"mex-messagetype": "REPORT", "mex-statuscode": "14", "mex-linkedmsgid": "M0"}},
	)
	defer mesh.Close()
	r, err := receiver.New(receiver.Config{
		URL: mesh.URL, Mailbox: "MAILBOX1234", Password: "password", SharedKey: "TestKey",
		OwnASIDs: []string{"200000000115"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	err = r.Run(ctx, func(_ context.Context, m receiver.Message) error {
		switch {
		case m.Kind == receiver.Report:
			fmt.Println("MESH reports", m.Status.Code, "for", m.Status.LinkedID)
			stop()
		case m.Kind == receiver.Other:
			return receiver.Ignore(m.Problem)
		case m.Own:
			fmt.Println("our own event", m.Facts.MessageID)
		case m.Effect() == receiver.Remove:
			fmt.Println("out of the record: what event", m.Earlier.MessageID, "brought")
		default:
			fmt.Println("into the record: event", m.Facts.MessageID, "as", m.Effect())
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// our own event 1
	// into the record: event 2 as create
	// out of the record: what event 2 brought
	// MESH reports 14 for M0
	// <nil>
}

// A system that stores vaccinations does what each event means to them. In
// whatever order the versions arrive, the newest stays.
func ExampleMessage_Effect() {
	mesh := newFakeMESH(
		notice{id: "e2", updated: "2026-01-02T09:00:00+00:00", thing: "jab-1", kind: "update"}.in("M1"),
		notice{id: "e1", updated: "2026-01-01T09:00:00+00:00", thing: "jab-1"}.in("M2"), // arrives too late
		notice{id: "e3", updated: "2026-01-03T09:00:00+00:00", thing: "jab-1", kind: "update"}.in("M3"),
		notice{id: "e4", updated: "2026-01-01T09:00:00+00:00", thing: "jab-2", kind: "delete"}.in("M4"), // never seen
	)
	defer mesh.Close()
	r, err := receiver.New(receiver.Config{URL: mesh.URL, Mailbox: "MAILBOX1234", Password: "password", SharedKey: "TestKey"})
	if err != nil {
		fmt.Println(err)
		return
	}
	vaccinations := map[receiver.Identifier]string{}
	tally, err := r.Collect(context.Background(), func(_ context.Context, m receiver.Message) error {
		jab := m.Facts.Identifier
		switch m.Effect() {
		case receiver.Create:
			vaccinations[jab] = m.Facts.MessageID
		case receiver.Replace:
			fmt.Println(m.Facts.MessageID, "replaces", m.Earlier.MessageID)
			vaccinations[jab] = m.Facts.MessageID
		case receiver.Remove:
			if _, known := vaccinations[jab]; !known {
				return receiver.Ignore(errors.New("nothing to remove"))
			}
			delete(vaccinations, jab)
		}
		return nil
	})
	fmt.Println(len(vaccinations), "kept;", tally.Superseded, "superseded,", tally.Ignored, "ignored;", err)
	// Output:
	// e3 replaces e2
	// 1 kept; 1 superseded, 1 ignored; <nil>
}

// Ask what became of the messages about a patient, either in the process that
// writes the audit or, with ReadAudit, in another one.
func ExampleAudit() {
	mesh := newFakeMESH(
		notice{id: "e1", updated: "2026-01-02T09:00:00+00:00", thing: "jab-1"}.in("M1"),
		notice{id: "e1", updated: "2026-01-02T09:00:00+00:00", thing: "jab-1"}.in("M2"),
		notice{id: "e2", updated: "2026-01-02T09:00:00+00:00", thing: "jab-9", patient: "9434765919"}.in("M3"),
	)
	defer mesh.Close()
	folder, err := os.MkdirTemp("", "audit-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	audit, err := receiver.OpenAudit(folder, receiver.AuditOptions{MaxAge: 8 * 365 * 24 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer audit.Close()
	r, err := receiver.New(receiver.Config{URL: mesh.URL, Mailbox: "MAILBOX1234", Password: "password", SharedKey: "TestKey", Audit: audit})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = r.Collect(context.Background(), func(_ context.Context, m receiver.Message) error {
		return audit.Note(m, "dr.watson", "filed in the record")
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range audit.Entries(receiver.AuditFilter{Patient: audit.Patient("9990000026")}) {
		fmt.Println(e.MeshID, e.Step, e.Outcome, e.Who, e.Why, err)
	}
	// Output:
	// M1 received    <nil>
	// M1 noted  dr.watson filed in the record <nil>
	// M1 processed handled   <nil>
	// M2 received    <nil>
	// M2 discarded repeat  finished before <nil>
}
