package main

import (
	"context"
	"fmt"
	"time"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
)

// endpointsCmd manages the endpoints that copies can be sent to.
type endpointsCmd struct {
	Add     addEndpoint     `cmd:"" help:"Register an endpoint, and print the secret that signs requests to a webhook, once; or change the URL, name or form of one."`
	List    listEndpoints   `cmd:"" help:"List the endpoints, without their secrets."`
	Show    showEndpoint    `cmd:"" help:"Print everything known about one endpoint, but its secrets."`
	Test    testEndpoint    `cmd:"" help:"Send a test event now, and say what the receiver answered."`
	Rotate  rotateEndpoint  `cmd:"" help:"Make a new secret for a webhook and print it, once. The previous one signs too for a day."`
	Enable  enableEndpoint  `cmd:"" help:"Send again to an endpoint that is off, or try again at once."`
	Disable disableEndpoint `cmd:"" help:"Send nothing any more. Copies wait for five days."`
}

type addEndpoint struct {
	ID        string        `arg:"" help:"Id of the endpoint, by which subscriptions name it as they name a mailbox."`
	ODS       string        `name:"ods" required:"" env:"-" help:"ODS code of the organisation that it belongs to."`
	Channel   store.Channel `env:"-" enum:"webhook,stream,sqs" default:"webhook" help:"How copies go there: webhook (they are posted), stream (subscribers read them), or sqs (they are messages of a queue)."`
	URL       string        `name:"url" env:"-" help:"Where events are posted: https, port 443 or 8443; or the ARN or URL of a queue."`
	Region    string        `env:"-" help:"Region of a queue, where its address does not say it."`
	AccessKey string        `env:"-" help:"Access key that signs what a queue elsewhere is sent: a profile of the file of the setting sqs-credentials; default: the profile default."`
	Name      string        `env:"-" help:"Name, for people."`
	Form      string        `env:"-" enum:",signal,message,mns" default:"" help:"What it is sent: signal (the default: which event happened, nothing about the patient), message (the whole message), or mns (signals as the MNS sends them, which name the patient)."`
	operated
}

// Run registers it.
func (a *addEndpoint) Run(ctx context.Context) error {
	ods, err := nhs.ParseODSCode(a.ODS)
	if err != nil {
		return fmt.Errorf("--ods: %w", err)
	}
	return a.with(func(d operator.Face) error {
		out, err := operator.PutEndpoint.Do(ctx, d, operator.Endpoint{ID: a.ID, ODS: ods, Channel: a.Channel, URL: a.URL, Region: a.Region, Key: a.AccessKey, Name: a.Name, Form: a.Form})
		if err != nil {
			return err
		}
		if out.Secret == "" {
			stays := ""
			if a.Channel == store.WebhookChannel {
				stays = "; its secret stays"
			}
			fmt.Fprintf(stdout(), "%s is registered%s\n", a.ID, stays)
			return nil
		}
		fmt.Fprintf(stdout(), "%s added. Its secret, which is not shown again: %s\n", a.ID, out.Secret)
		return nil
	})
}

type listEndpoints struct {
	operated
	formatted
}

// Run prints them.
func (l *listEndpoints) Run(ctx context.Context) error {
	return l.with(func(d operator.Face) error {
		all, err := operator.All(ctx, d, operator.ListEndpoints, operator.Paging{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, e := range all {
			state := "on"
			switch {
			case e.Off:
				state = "off since " + e.Since.Format(time.RFC3339) + ": " + e.Why
			case e.Channel == store.WebhookChannel && e.Consented.IsZero():
				state = "no consent yet"
			}
			rows = append(rows, []string{e.ID, string(e.ODS), string(e.Channel), e.Form, e.URL, state})
		}
		return l.print(all, "ENDPOINT ODS CHANNEL FORM URL STATE", rows)
	})
}

// oneEndpoint names an endpoint.
type oneEndpoint struct {
	ID string `arg:"" help:"Id of the endpoint."`
	operated
}

func (o *oneEndpoint) ref() operator.EndpointRef { return operator.EndpointRef{ID: o.ID} }

type showEndpoint struct{ oneEndpoint }

// Run prints it as JSON.
func (s *showEndpoint) Run(ctx context.Context) error {
	return s.with(func(d operator.Face) error {
		e, err := operator.ShowEndpoint.Do(ctx, d, s.ref())
		if err != nil {
			return err
		}
		return printJSON(e)
	})
}

type testEndpoint struct{ oneEndpoint }

// Run sends a test event.
func (t *testEndpoint) Run(ctx context.Context) error {
	return t.with(func(d operator.Face) error {
		a, err := operator.TestEndpoint.Do(ctx, d, t.ref())
		switch {
		case err != nil:
			return err
		case a.Why != "":
			return fmt.Errorf("the test event was not taken: %s", a.Why)
		}
		fmt.Fprintf(stdout(), "the receiver took the test event, within %d ms\n", a.Milliseconds)
		return nil
	})
}

type rotateEndpoint struct{ oneEndpoint }

// Run makes a new secret.
func (r *rotateEndpoint) Run(ctx context.Context) error {
	return r.with(func(d operator.Face) error {
		out, err := operator.RotateEndpoint.Do(ctx, d, r.ref())
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "The new secret of %s, which is not shown again: %s\nThe previous one signs too for a day.\n", r.ID, out.Secret)
		return nil
	})
}

type enableEndpoint struct{ oneEndpoint }

// Run has it sent to again.
func (e *enableEndpoint) Run(ctx context.Context) error {
	return e.with(func(d operator.Face) error { return operator.EnableEndpoint.Run(ctx, d, e.ref()) })
}

type disableEndpoint struct{ oneEndpoint }

// Run stops sending.
func (e *disableEndpoint) Run(ctx context.Context) error {
	return e.with(func(d operator.Face) error { return operator.DisableEndpoint.Run(ctx, d, e.ref()) })
}
