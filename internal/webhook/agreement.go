package webhook

import (
	"context"
	"errors"

	"nems/internal/form"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Agreement returns the row of the webhook with which an operator has agreed that
// messages of an organisation go to a URL; 0 if there is none.
func Agreement(ctx context.Context, in interface {
	// EndpointsAfter is operator.Endpoints'.
	EndpointsAfter(ctx context.Context, row int64, max int) ([]store.Endpoint, error)
}, ods nhs.ODSCode, url string) (int64, error) {
	for last := int64(0); ; {
		page, err := in.EndpointsAfter(ctx, last, pulsePage)
		if err != nil || len(page) == 0 {
			return 0, err
		}
		for _, row := range page {
			if agrees(row, ods, url) {
				return row.Mailbox.Row, nil
			}
		}
		last = page[len(page)-1].Mailbox.Row
	}
}

// agrees reports whether an endpoint is such a webhook today.
func agrees(row store.Endpoint, ods nhs.ODSCode, url string) bool {
	if row.Mailbox.ODS != ods || row.Channel != store.WebhookChannel {
		return false
	}
	e, err := Read(row)
	return err == nil && e.URL == url && e.Form == Message && !e.Off
}

// stillAgreed reports whether what an R4 subscription is sent may go to its URL still: an
// operator can take back at any time what allowed messages there.
func (s *Sender) stillAgreed(ctx context.Context, row store.Endpoint, to Endpoint) (bool, error) {
	hook := to.RestHook
	if hook == nil || hook.Content != form.Full {
		return true, nil
	}
	if hook.By != 0 {
		by, err := s.Endpoints.Endpoint(ctx, hook.By)
		if err == nil && agrees(by, row.Mailbox.ODS, to.URL) {
			return true, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	by, err := Agreement(ctx, s.RestHooks, row.Mailbox.ODS, to.URL)
	return by != 0, err
}
