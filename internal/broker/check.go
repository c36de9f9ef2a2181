package broker

import (
	"context"

	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/subscription"
)

// Checked is what publishing a message would find out.
type Checked struct {
	EventType, Kind, MessageID string
	Patient                    nhs.NHSNumber // zero: nobody's, see store.Acceptance
	// Facts are what it would be matched by.
	Facts subscription.Facts
	// Withheld and Deferred are as in store.Acceptance.
	Withheld, Deferred bool
}

// Check does to a message what Publish does before it stores anything, but for what
// depends on the publisher. A message that Publish would refuse for any publisher
// earns the same refusal.
func (b *Broker) Check(ctx context.Context, body []byte) (Checked, error) {
	p := publication{body: body}
	for _, stage := range []func(context.Context, *publication) error{
		b.parse, b.readFacts, b.findType, b.checkNumber, b.judge, b.lifeCycle, b.findPatient,
	} {
		if err := ctx.Err(); err != nil {
			return Checked{}, err
		}
		if err := stage(ctx, &p); err != nil {
			return Checked{}, err
		}
	}
	return Checked{
		EventType: p.eventType.Code, Kind: string(p.event.Kind), MessageID: p.event.MessageID, Patient: patientOf(&p.event),
		Facts: p.route.Facts(p.event.Code, b.Now()), Withheld: p.route.Withheld, Deferred: p.deferred,
	}, nil
}

// findType finds the event type by the message alone.
func (b *Broker) findType(_ context.Context, p *publication) error {
	t, ok := b.Catalogue().Type(p.event.Code)
	if !ok {
		return refuse.InvalidResource(refuse.ResourceIssue("error", "code-invalid",
			"MessageHeader.event: expected a supported event code; received "+refuse.Show(p.event.Code), "Bundle", "/f:Bundle"))
	}
	p.eventType = t
	return nil
}
