package extract

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nems/internal/controllers"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func source(t *testing.T) (*httptest.Server, *[]controllers.Row) {
	day := func(text string) controllers.Date {
		d, err := controllers.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	rows := &[]controllers.Row{
		{Organisation: "RAT", Role: controllers.Consumer, Setting: "UHV", Event: "vaccinations-1", Status: controllers.Live, Purpose: "<b>care</b>",
			Basis: controllers.Basis{Code: "direct-care"}, Contact: "jane.doe@example.test", Notes: "ask Jane Doe", Evidence: []controllers.Evidence{{Kind: "dspt", Expires: day("2026-11-27")}}},
		{Organisation: "X26", Role: controllers.Publisher, Event: "pds-birth-notification-1", Status: controllers.Live, Purpose: "notification"},
	}
	mux := http.NewServeMux()
	Source{
		Catalogue: func() *controllers.Catalogue { return controllers.New(*rows) }, Mode: func() controllers.Mode { return controllers.Enforce },
		Display: strings.ToUpper, Now: func() time.Time { return now },
	}.Mount(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s, rows
}

func get(t *testing.T, url, accept, tag string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("If-None-Match", tag)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestEveryFormSaysTheSame(t *testing.T) {
	s, _ := source(t)
	for path, accept := range map[string]string{Path: "text/html", PathCSV: "", PathJSON: "", Path + "?": "text/csv", Path + "/": "application/json"} {
		answer, body := get(t, s.URL+path, accept, "")
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, answer.Status)
		}
		for _, want := range []string{"RAT", "X26", "vaccinations-1", "notification", "2026-11-27"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s in\n%s", path, want, body)
			}
		}
		if strings.Contains(body, "Jane") || strings.Contains(body, "jane") || accept == "text/html" && strings.Contains(body, "<b>care") {
			t.Errorf("%s: says too much", path)
		}
	}
}

// What has expired is said to permit nothing, and rows can be selected.
func TestStates(t *testing.T) {
	s, rows := source(t)
	read := func(query string) (found []published) {
		var all struct {
			Mode string
			Rows []published
		}
		_, body := get(t, s.URL+PathJSON+query, "", "")
		if err := json.Unmarshal([]byte(body), &all); err != nil || all.Mode != "enforce" {
			t.Fatalf("%s: %v", body, err)
		}
		return all.Rows
	}
	if found := read("?status=expired"); len(found) != 1 || found[0].Permits || found[0].Lacks == "" || found[0].Organisation != "RAT" {
		t.Errorf("expired: %+v", found)
	}
	if found := read("?event=pds-birth-notification-1"); len(found) != 1 || !found[0].Permits {
		t.Errorf("an event: %+v", found)
	}
	if found := read("?organisation=rat"); len(found) != 1 {
		t.Errorf("an organisation: %+v", found)
	}
	answer, _ := get(t, s.URL+PathJSON, "", "")
	tag := answer.Header.Get("ETag")
	if answer, _ := get(t, s.URL+PathJSON, "", tag); answer.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged: %s", answer.Status)
	}
	(*rows)[1].Status = controllers.Ended
	if answer, _ := get(t, s.URL+PathJSON, "", tag); answer.StatusCode != http.StatusOK {
		t.Errorf("changed: %s", answer.Status)
	}
}
