package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/plain"
	"nems/internal/store"
)

// hookFlags are what subscribe --webhook needs to know.
type hookFlags struct {
	Webhook string `env:"-" placeholder:"URL" help:"Have the events posted to this URL instead of having copies put into a mailbox. Works on the service's own machine: it registers the endpoint if it is not there, and prints its secret, once."`
	Form    string `env:"-" enum:"signal,message" default:"signal" help:"What --webhook is sent: signal (which event happened, nothing about the patient) or message (the whole message)."`
}

// hook is the id of the endpoint with a URL that --webhook registers for an organisation.
func hook(ods, url string) string {
	sum := sha256.Sum256([]byte(url))
	return "HOOK-" + ods + "-" + strings.ToUpper(hex.EncodeToString(sum[:4]))
}

// registerHook registers the endpoint, if it is not there in this form, and returns its id.
func (s *subscribeCmd) registerHook(ctx context.Context) (id string, err error) {
	ods, err := nhs.ParseODSCode(s.ODS)
	if err != nil {
		return "", fmt.Errorf("--ods: %w", err)
	}
	id = hook(string(ods), s.Webhook)
	return id, operated{Data: s.Data, tlsFiles: s.tlsFiles}.with(func(d operator.Face) error {
		kept, err := operator.ShowEndpoint.Do(ctx, d, operator.EndpointRef{ID: id})
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case err == nil && kept.Form == s.Form:
			fmt.Fprintf(stderr(), "endpoint %[1]s is there already; nems endpoints show %[1]s tells its state, nems endpoints rotate %[1]s gives it a new secret\n", plain.Line(id))
			return nil
		}
		out, err := operator.PutEndpoint.Do(ctx, d, operator.Endpoint{ID: id, ODS: ods, Channel: store.WebhookChannel, URL: s.Webhook, Form: s.Form, Name: "nems subscribe --webhook"})
		if err == nil && out.Secret != "" {
			fmt.Fprintf(stderr(), "endpoint %[1]s is registered. Its secret, which is not shown again: %[2]s\nStart your receiver with it. It is asked for its consent first; try that, and a test event, with: nems endpoints test %[1]s\n", plain.Line(id), out.Secret)
		}
		if err != nil {
			return fmt.Errorf("--webhook: %w", err)
		}
		return nil
	})
}
