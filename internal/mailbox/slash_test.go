package mailbox_test

import (
	"net/http"
	"strings"
	"testing"

	"nems/internal/mailbox"
)

// An unneeded slash at the end of a path is redirected as in the MESH sandbox,
// whose framework does so for every endpoint: 307, before the token is checked,
// whatever the method.
func TestTrailingSlashes(t *testing.T) {
	fx := newFixture(t)
	const id = "20200529155357895317_357001"
	for path, want := range map[string]string{
		"ALICE/":                     "ALICE",
		"ALICE//":                    "ALICE",
		"ALICE/inbox/":               "ALICE/inbox",
		"ALICE/inbox/?max_results=7": "ALICE/inbox?max_results=7",
		"ALICE/count/":               "ALICE/count",
		"ALICE/inbox/rich/":          "ALICE/inbox/rich",
		"ALICE/inbox/" + id + "/":    "ALICE/inbox/" + id,
		"ALICE/inbox/" + id + "/2/":  "ALICE/inbox/" + id + "/2",
		"ALICE/inbox/" + id + "/status/acknowledged/": "ALICE/inbox/" + id + "/status/acknowledged",
		"ALICE/outbox/":                    "ALICE/outbox",
		"ALICE/outbox/rich/":               "ALICE/outbox/rich",
		"ALICE/outbox/tracking/":           "ALICE/outbox/tracking",
		"ALICE/outbox/tracking/local/":     "ALICE/outbox/tracking/local",
		"ALICE/outbox/" + id + "/2/":       "ALICE/outbox/" + id + "/2",
		"_ping/":                           "_ping",
		"deepping/":                        "deepping",
		"endpointlookup/X26/W/":            "endpointlookup/X26/W",
		"workflowsearch/a%2Fb/":            "workflowsearch/a%2Fb",
		"mailbox/ALICE/":                   "mailbox/ALICE",
		"admin/reset/":                     "admin/reset",
		"/admin/reset/":                    "/admin/reset",
		"/admin/reset/ALICE/":              "/admin/reset/ALICE",
		"/admin/message/" + id + "/event/": "/admin/message/" + id + "/event",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			answer, body := fx.do(request{method, path, map[string]string{"Authorization": "-"}, ""})
			if !strings.HasPrefix(want, "/") {
				want = "/messageexchange/" + want
			}
			if answer.StatusCode != http.StatusTemporaryRedirect || answer.Header.Get("Location") != want || body != "" {
				t.Errorf("%s %s: expected 307 to %s; received %d to %q", method, path, want, answer.StatusCode, answer.Header.Get("Location"))
			}
		}
	}
	for _, path := range []string{"/messageexchange/", "ALICE/outfit/", "/admin/", "//evil.example/", "ALICE//inbox/"} {
		if answer, _ := fx.do(request{"GET", path, nil, ""}); answer.StatusCode != 404 {
			t.Errorf("%s: expected 404; received %d to %q", path, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
	sent := fx.send("BOB", "ALICE", "W", "hello")
	// A client follows, with its token.
	q, err := http.NewRequest("GET", fx.http.URL+"/messageexchange/ALICE/inbox/"+sent+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", fx.token("ALICE"))
	answer, err := fx.http.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 || answer.ContentLength != int64(len("hello")) {
		t.Errorf("followed: %d, %d bytes", answer.StatusCode, answer.ContentLength)
	}
	production := newFixture(t, func(c *mailbox.Config) { c.Dev = false })
	if answer, _ := production.do(request{"DELETE", "/admin/reset/", nil, ""}); answer.StatusCode != 404 {
		t.Errorf("outside dev mode: expected 404; received %d", answer.StatusCode)
	}
}
