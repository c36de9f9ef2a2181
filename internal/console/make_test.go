package console

import (
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"nems/internal/broker"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
)

var editor = regexp.MustCompile(`(?s)<textarea[^>]*>(.*?)</textarea>`)

// TestEditorKeepsTheMessage sends the form again and again with what the page shows, as
// a browser does, which ends lines with CR LF: the message stays as it was, for checking
// and for publishing.
func TestEditorKeepsTheMessage(t *testing.T) {
	s := site{t, sqlitetest.Open(t, sqlite.Options{}), http.NewServeMux()}
	var received []string
	desk := operator.Desk{Store: s.db, Types: embedded(t), Now: time.Now, Caller: operator.Caller{User: "console", Roles: operator.AllRoles}}
	desk.Check = func(_ context.Context, message []byte) (broker.Checked, error) {
		received = append(received, string(message))
		return broker.Checked{}, nil
	}
	desk.Publish = func(_ context.Context, _ nhs.ASID, _ nhs.ODSCode, _ string, message []byte) (int, []byte, error) {
		received = append(received, string(message))
		return http.StatusAccepted, nil, nil
	}
	New(Config{Desk: desk, Roles: operator.AllRoles, Types: desk.Types, Now: time.Now, Log: slog.New(slog.DiscardHandler), Dev: true}).Mount(s.mux)

	_, body := s.post("http://nems.test", "make", url.Values{"do": {"compose"}, "type": {"vaccinations-1"}})
	shown := func() string {
		t.Helper()
		found := editor.FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("no editor: %s", body)
		}
		return html.UnescapeString(found[1])
	}
	made := shown()
	for _, do := range []string{"check", "publish", "publish", "check"} {
		sent := strings.ReplaceAll(shown(), "\n", "\r\n")
		_, body = s.post("http://nems.test", "make", url.Values{"do": {do}, "message": {sent}, "system": {"300000000161 A83627"}})
		if shown() != made {
			t.Fatalf("%s: the editor has another message: %.200q", do, shown())
		}
		if do == "publish" && (strings.Contains(body, "The message was refused") || !strings.Contains(body, "The event is on disk")) {
			t.Errorf("an event without a number that was found is shown as refused: %s", body)
		}
	}
	for _, message := range received {
		if message != made {
			t.Errorf("another message was checked or published: %.200q", message)
		}
	}
	if len(received) < 6 {
		t.Errorf("the message was checked and published %d times; expected 6 or more", len(received))
	}
}
