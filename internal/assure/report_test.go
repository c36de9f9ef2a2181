package assure_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nems/internal/assure"
)

// sample is the report of a surgery that is wrong in one way.
var sample = sync.OnceValue(func() func(t *testing.T) *assure.Report {
	var report *assure.Report
	var once sync.Once
	return func(t *testing.T) *assure.Report {
		t.Helper()
		once.Do(func() { report = publish(t, "tokens live an hour") })
		return report
	}
})

func signed(t *testing.T) (file []byte, public ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err = assure.Sign(sample()(t), private)
	if err != nil {
		t.Fatal(err)
	}
	return file, public
}

func TestReportIsSigned(t *testing.T) {
	file, public := signed(t)
	for _, key := range []ed25519.PublicKey{public, nil} {
		r, by, err := assure.Verify(file, key)
		if err != nil || r.Verdict != assure.Fail || by != assure.Fingerprint(public) {
			t.Errorf("%v by %s", err, by)
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, file); err != nil {
		t.Fatal(err)
	}
	if _, _, err := assure.Verify(compact.Bytes(), public); err != nil {
		t.Errorf("without blanks: %v", err)
	}
	other, _, _ := ed25519.GenerateKey(nil)
	if _, _, err := assure.Verify(file, other); !errors.Is(err, assure.ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	changed := bytes.Replace(file, []byte(`"verdict": "fail"`), []byte(`"verdict": "pass"`), 1)
	if _, _, err := assure.Verify(changed, nil); !errors.Is(err, assure.ErrSignature) {
		t.Errorf("a changed report: %v", err)
	}
	for _, text := range []string{"", "{}", `{"report":{},"signature":{}}`, "no JSON"} {
		if _, _, err := assure.Verify([]byte(text), nil); err == nil {
			t.Errorf("%q was taken for a report", text)
		}
	}
}

func TestJUnit(t *testing.T) {
	r := sample()(t)
	text, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Text string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Suites) != len(r.Steps)+1 || got.Failures != 1 || got.Tests < 100 {
		t.Errorf("%d suites, %d tests, %d failures", len(got.Suites), got.Tests, got.Failures)
	}
	last := got.Suites[len(got.Suites)-1]
	if len(last.Cases) != 1 || last.Cases[0].Name != "publisher/token-times" || last.Cases[0].Failure == nil || !strings.Contains(last.Cases[0].Failure.Text, "1h0m0s") {
		t.Errorf("requests: %+v", last)
	}
}

// The page needs nothing from elsewhere, has all that was found, and no token.
func TestPage(t *testing.T) {
	r := sample()(t)
	html, err := r.HTML("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{
		"Surgery 1.2", "Example Ltd", r.Plan.SHA256, "0123456789abcdef", "publisher/token-times", `id="x1"`, "patient/Bundle.write", "lost-answer",
	} {
		if !bytes.Contains(html, []byte(wanted)) {
			t.Errorf("the page lacks %s", wanted)
		}
	}
	for _, unwanted := range []string{"<script", "<link", "@import", "url(", `src="`, "eyJhbGciOi"} {
		if bytes.Contains(html, []byte(unwanted)) {
			t.Errorf("the page has %s", unwanted)
		}
	}
	record, _ := signed(t)
	if bytes.Contains(record, []byte("eyJhbGciOi")) {
		t.Error("the record has a token")
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, html, 0o600); err != nil {
		t.Fatal(err)
	}
	pdf := strings.TrimSuffix(file, ".html") + ".pdf"
	if err := assure.PDF(t.Context(), file, pdf); errors.Is(err, assure.ErrNoBrowser) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(pdf); err != nil || !bytes.HasPrefix(text, []byte("%PDF-")) {
		t.Errorf("no PDF: %v", err)
	}
}

// Nobody but invented patients is in a report.
func TestOthersAreWithheld(t *testing.T) {
	d := declared
	report := requested(t, d, func(ctx context.Context, url string) error {
		for _, number := range []string{"9912003888", "4010232137"} {
			if _, _, err := send(ctx, http.MethodPost, url+"/STU3/Events/1/$process-message", `<Patient>`+number+`</Patient>`, map[string]string{"X-Number": number}); err != nil {
				return err
			}
		}
		return nil
	})
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("9912003888")) || bytes.Contains(text, []byte("4010232137")) {
		t.Errorf("the report has the wrong patients: %+v", report.Exchanges)
	}
	for _, x := range sample()(t).Exchanges {
		if x.Event != "" && x.Withheld != "" {
			t.Errorf("a message about an invented patient is withheld: %s", x.Withheld)
		}
	}
	if report.Exchanges[1].Withheld == "" {
		t.Error("nothing says that a body is withheld")
	}
}
