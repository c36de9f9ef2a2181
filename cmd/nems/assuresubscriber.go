package main

import (
	"cmp"
	"context"

	"nems/internal/assure"
)

// assureSubscriber is the subscriber's side. It has the flags of the publisher's.
type assureSubscriber struct {
	assurePublisher
	Reports string `type:"path" env:"-" placeholder:"FILE" help:"File with what your system made of each message, one JSON object in a line, instead of POST to /assure/report."`
}

// Help tells what comes.
func (*assureSubscriber) Help() string {
	return `Starts a NEMS with a MESH and invented patients, to which you point your system, and takes you through the steps of a plan: subscribe, collect what is normal, repeated, late, withdrawn, broken, large or much, come back after an outage, and unsubscribe. Judged are the requests, what is acknowledged and when, and what your system reports of each message.

  nems assure subscriber --supplier "Example Ltd" --product Ward --product-version 3.1 --events vaccinations-1

The mailbox is ASSURE01 (or --mailbox), its password is password, the shared key TestKey. Your system reports with POST to /assure/report, {"message": "MESH message id", "outcome": "processed"}, or in a file (--reports). Without reports, what only they show is not tested.

Exits with 0 if everything passed, 1 if something failed, 2 if nothing failed and not all was tested.`
}

// Run tests.
func (p *assureSubscriber) Run(ctx context.Context) error {
	p.Mailbox = cmp.Or(p.Mailbox, "ASSURE01")
	return p.run(ctx, assure.Subscriber, p.Reports)
}
