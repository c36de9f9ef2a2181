package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/client"
	"nems/internal/plain"
)

// subscribeCmd creates a subscription, from a criteria string or from flags.
// Who is calling is not taken from the environment: NEMS_ASID and NEMS_MAILBOX
// are the service's own.
type subscribeCmd struct {
	Events       []string  `name:"event" help:"Event code, such as vaccinations-1; several for one patient."`
	NHSNumber    string    `name:"nhs-number" help:"Subscribe to one patient (explicit)."`
	Rule         string    `enum:",GP_GP_GP,CHO_GP_CCG,CHO_POSTCODE_CCG,UHV_POSTCODE_LACODE,COUNTRYCODE" default:"" help:"Subscribe by rule (generic): GP_GP_GP, CHO_GP_CCG, CHO_POSTCODE_CCG, UHV_POSTCODE_LACODE or COUNTRYCODE."`
	Organisation string    `name:"organisation" help:"Code that the rule looks for: practice, ICB sub-location, local authority or country."`
	Ages         []string  `name:"age" help:"Age filter, such as lt5 or ge60; up to two."`
	Registration string    `name:"gp-registration" enum:",RegisteredOnly,UnregisteredOnly" default:"" help:"Only patients with or without a GP: RegisteredOnly or UnregisteredOnly."`
	ServiceType  string    `enum:",GP,CHO,UHV,EPCHR" default:"" help:"Type of the subscribing service, which is only recorded: GP, CHO, UHV or EPCHR."`
	Tag          string    `help:"Tag that comes with every copy."`
	Criteria     string    `help:"The whole criteria string, instead of the flags above."`
	Mailbox      string    `env:"-" default:"MAILBOX1234" help:"MESH mailbox that gets the copies."`
	Reason       string    `default:"Subscribed with nems subscribe" help:"Why, for people."`
	End          time.Time `help:"When it ends (RFC 3339); default: never."`
	ASID         string    `name:"asid" env:"-" default:"200000000115" help:"ASID of the subscribing system."`
	ODS          string    `name:"ods" env:"-" default:"RR8" help:"ODS code of the subscribing organisation."`
	Format       string    `enum:"text,json" default:"text" help:"text: only the id on standard output; json: an object."`
	streamFlags
	hookFlags
	connection
}

// Run creates the subscription and prints its id. Everything else that the
// service says goes to standard error, so that only the id is printed to
// standard output.
func (s *subscribeCmd) Run(ctx context.Context) error {
	criteria, err := s.criteria()
	if err != nil {
		return err
	}
	c, err := s.system(s.ASID, s.ODS)
	if err != nil {
		return err
	}
	wanted := client.Subscription{Criteria: criteria, Mailbox: s.Mailbox, Reason: s.Reason, End: s.End}
	switch {
	case s.Stream && s.Webhook != "":
		return errors.New("give either --stream or --webhook: each is a subscription of its own")
	case s.Stream:
		return s.follow(ctx, c, wanted)
	case s.Webhook != "":
		if wanted.Mailbox, err = s.registerHook(ctx); err != nil {
			return err
		}
	}
	created, err := c.Subscribe(ctx, wanted)
	if id := existing(err); id != "" && s.Webhook != "" { // as it was the last time
		created, err = &client.Subscribed{ID: id}, nil
	}
	if s.Format == "json" {
		o := outcome{err: err}
		if created != nil {
			o.Subscription, o.Issues = created.ID, created.Issues
		}
		f := outcomes{Format: s.Format}
		f.say(o, "")
		return f.failed()
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout(), plain.Line(created.ID))
	for _, issue := range created.Issues {
		fmt.Fprintf(stderr(), "%s %s\n", plain.Line(issue.Severity), issue)
	}
	return nil
}

// criteria builds the criteria string from the flags.
func (s *subscribeCmd) criteria() (string, error) {
	switch {
	case s.Criteria != "":
		return s.Criteria, nil
	case len(s.Events) == 0:
		return "", errors.New("give at least one --event (nems example --help lists the codes), or --criteria")
	case (s.NHSNumber == "") == (s.Rule == ""):
		return "", errors.New("give either --nhs-number (one patient) or --rule with --organisation (everybody it selects)")
	}
	c := client.Generic(s.Rule, s.Organisation)
	if s.NHSNumber != "" {
		c = client.Explicit(s.NHSNumber)
	}
	return c.Event(s.Events...).Age(s.Ages...).Registration(s.Registration).Service(s.ServiceType).Tag(s.Tag).Search(), nil
}
