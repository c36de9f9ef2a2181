package publisher

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// attempt records one attempt: before anything leaves, with all headers and the claims of
// the token; and what was answered.
type attempt struct {
	outbox *Outbox
	id     string
	number int64 // of its row, 0 before
	base   http.RoundTripper
}

// client returns a client that sends as another does and records.
func (a *attempt) client(by *http.Client) *http.Client {
	if by == nil {
		by = http.DefaultClient
	}
	recording := *by
	if a.base = by.Transport; a.base == nil {
		a.base = http.DefaultTransport
	}
	recording.Transport = a
	if recording.CheckRedirect == nil {
		// A message and its token go to nobody else.
		recording.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &recording
}

// RoundTrip implements http.RoundTripper.
func (a *attempt) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := a.begin(r.Context(), r); err != nil {
		return nil, err
	}
	return a.base.RoundTrip(r)
}

// begin stores what is about to leave. What cannot be stored is not sent.
func (a *attempt) begin(ctx context.Context, r *http.Request) error {
	shown := r.Header.Clone()
	token := strings.TrimPrefix(shown.Get("Authorization"), "Bearer ")
	if token != "" {
		// A signed token would let its reader in; its claims are what is to be shown.
		shown.Set("Authorization", "Bearer (claims are kept apart)")
	}
	headers, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	err = a.outbox.DB.QueryRowContext(ctx, `INSERT INTO nems_outbox_attempt (id, began, url, headers, claims, status, outcome, answered)
		VALUES ($1, $2, $3, $4, $5, 0, 'no answer yet', 0) RETURNING number`,
		a.id, a.outbox.now(), r.URL.String(), string(headers), claimsOf(token)).Scan(&a.number)
	if err != nil {
		return fmt.Errorf("publisher: recording what is sent: %w", err)
	}
	return nil
}

// end stores what was answered.
func (a *attempt) end(ctx context.Context, f fate) error {
	if a.number == 0 {
		return nil
	}
	outcome := f.reason
	if f.state == Sent {
		outcome = "accepted"
	}
	_, err := a.outbox.DB.ExecContext(ctx, `UPDATE nems_outbox_attempt SET status = $1, outcome = $2, answered = $3 WHERE number = $4`,
		f.status, outcome, a.outbox.now(), a.number)
	if err != nil {
		return fmt.Errorf("publisher: recording an answer: %w", err)
	}
	return nil
}

// claimsOf returns the claims of a token in compact form, as JSON.
func claimsOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) < 2 {
		return "{}"
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || !json.Valid(claims) {
		return "{}"
	}
	return string(claims)
}

func durationOf(nanoseconds int64) time.Duration { return time.Duration(nanoseconds) }
