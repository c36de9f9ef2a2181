package main

import (
	"cmp"
	"context"
	"strconv"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// eventsCmd is what operators look up of the events that were accepted.
type eventsCmd struct {
	List listEvents `cmd:"" default:"withargs" help:"List accepted events, the newest first (the default)."`
	Show showEvent  `cmd:"" help:"Show one event and what became of its copies, or write its message."`
}

// listEvents finds events.
type listEvents struct {
	From      instant               `env:"-" help:"Not accepted before this moment: RFC 3339, a date, or how long ago (36h)."`
	To        instant               `env:"-" help:"Accepted before this moment, in the same forms."`
	Type      string                `env:"-" help:"Of the event type with this code."`
	Kind      string                `enum:",new,update,delete" default:"" env:"-" help:"new, update or delete."`
	Publisher string                `env:"-" help:"Published by the system with this ASID."`
	ODS       string                `name:"ods" env:"-" help:"Published by a system that is registered for this organisation."`
	MessageID string                `name:"message-id" env:"-" help:"With this MessageHeader.id."`
	MESHID    string                `name:"mesh-id" env:"-" help:"With a copy that has this MESH message id or local id."`
	Outcome   operator.EventOutcome `enum:",matched,unmatched,withheld,waiting,undeliverable" default:"" env:"-" help:"matched, unmatched (nobody asked for it), withheld (the patient's record is flagged), waiting (for the patient directory) or undeliverable (the directory does not know the patient)."`
	Mailbox   string                `env:"-" help:"With a copy for this mailbox."`
	Patient   string                `env:"-" enum:",-" default:"" help:"About one patient: - reads the NHS number from standard input, which keeps it out of the shell's history."`
	Limit     int                   `default:"100" env:"-" help:"List at most this many; 0 lists all."`
	operated
	formatted
}

// Run prints the events; as JSON one per line.
func (l *listEvents) Run(ctx context.Context) error {
	f := operator.EventFilter{From: l.From.Time, To: l.To.Time, EventType: l.Type, Kind: l.Kind, Publisher: nhs.ASID(l.Publisher), ODS: nhs.ODSCode(l.ODS),
		MessageID: l.MessageID, MESHID: l.MESHID, Outcome: l.Outcome, Mailbox: l.Mailbox}
	if l.Patient == "-" {
		var err error
		if f.Patient, err = typedPatient(); err != nil {
			return err
		}
	}
	return l.with(func(d operator.Face) error {
		found := first(l.Limit, operator.Each(ctx, d, operator.FindEvents, operator.Matching(f)))
		if l.Format == "json" {
			return printLines(found)
		}
		var rows [][]string
		for e, err := range found {
			if err != nil {
				return err
			}
			rows = append(rows, []string{strconv.FormatInt(e.Event, 10), e.Accepted.Local().Format("2006-01-02 15:04:05"), e.EventType, e.Kind,
				string(e.Publisher), cmp.Or(string(e.ODS), "-"), string(e.Outcome), strconv.FormatInt(e.Copies, 10), e.MessageID})
		}
		return printTable("EVENT ACCEPTED EVENT-TYPE KIND PUBLISHER ODS OUTCOME COPIES MESSAGE-ID", rows)
	})
}
