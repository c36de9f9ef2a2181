package requestid_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"nems/internal/requestid"
)

// TestOnlyUUIDsAreAccepted: what a caller sends is logged, so it must not be a patient's number.
func TestOnlyUUIDsAreAccepted(t *testing.T) {
	t.Parallel()
	for sent, accepted := range map[string]bool{
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8": true, "6BA7B810-9DAD-11D1-80B4-00C04FD430C8": true,
		"": false, "00000000-0000-0000-0000-000000000000": false, "9912003888": false, "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}": false, "6ba7b8109dad11d180b400c04fd430c8": false,
		"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8": false, "a\nb": false,
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		if sent != "" {
			r.Header.Set("X-Request-ID", sent)
		}
		ctx := requestid.Give(t.Context(), w, r)
		got := w.Header().Get("X-Request-ID")
		if _, err := uuid.Parse(got); err != nil || requestid.Of(ctx) != got {
			t.Errorf("%q: the answer has %q, the context %q", sent, got, requestid.Of(ctx))
		}
		if (got == strings.ToLower(sent)) != accepted {
			t.Errorf("%q: expected accepted=%v; received %q", sent, accepted, got)
		}
	}
}

// TestLinesHaveTheID: lines that are logged for a request have its id, others none.
func TestLinesHaveTheID(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	log := slog.New(requestid.Handler(slog.NewTextHandler(&lines, nil))).With("a", 1)
	ctx := requestid.Give(t.Context(), httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	log.WarnContext(ctx, "one")
	log.WarnContext(context.Background(), "two")
	first, second, _ := strings.Cut(lines.String(), "\n")
	if !strings.Contains(first, "request="+requestid.Of(ctx)) || strings.Contains(second, "request=") {
		t.Errorf("received %s", lines.String())
	}
}
