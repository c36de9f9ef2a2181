package r4

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/refuse"
)

const (
	fhirJSON = "application/fhir+json"
	// codeSystem has the codes of refusals.
	codeSystem = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
	jsonForms  = "application/fhir+json or application/json, fhirVersion 4.0 or none"
)

// isJSON reports whether a media type is one that this API reads and writes.
func isJSON(text string) bool {
	name, parameters, err := mime.ParseMediaType(text)
	if err != nil {
		return false
	}
	version, charset := parameters["fhirversion"], parameters["charset"]
	return (name == fhirJSON || name == "application/json") && (version == "" || version == "4.0") && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// negotiate checks the media types of a request, and returns its headers as the door
// knows them: the door's own list is STU3's.
func negotiate(r *http.Request) (http.Header, *refuse.Refusal) {
	header := r.Header.Clone()
	header.Set("Accept", fhirJSON)
	header.Set("Content-Type", fhirJSON)
	if given := r.Header.Get("Content-Type"); r.ContentLength != 0 && given != "" && !isJSON(given) && given != formMedia {
		return nil, refuse.UnsupportedMediaType("Content-Type HTTP Header: expected " + jsonForms + ", received " + refuse.Show(given))
	}
	query, _ := url.ParseQuery(r.URL.RawQuery)
	if f := query.Get("_format"); f != "" {
		if f != "json" && !isJSON(strings.ReplaceAll(f, " ", "+")) {
			return nil, notAcceptable("_format: expected json, " + jsonForms + ", received " + refuse.Show(f))
		}
		return header, nil
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return header, nil
	}
	for one := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(one)
		if err != nil || parameters["q"] == "0" {
			continue
		}
		if name == "*/*" || name == "application/*" || isJSON(one) {
			return header, nil
		}
	}
	return nil, notAcceptable("Accept HTTP Header: expected " + jsonForms + ", received " + refuse.Show(accept))
}

const formMedia = "application/x-www-form-urlencoded"

func notAcceptable(diagnostics string) *refuse.Refusal {
	r := refuse.UnsupportedMediaType(diagnostics)
	r.Status = http.StatusNotAcceptable
	return r
}

// show answers with a resource.
func (x *exchange) show(status int, resource any) error {
	body, err := json.Marshal(resource)
	if err != nil {
		return err
	}
	x.answer(status, body)
	return nil
}

// answer sends what is written already.
func (x *exchange) answer(status int, body []byte) {
	x.status = status
	h := x.w.Header()
	h.Set("Cache-Control", "no-store")
	if body != nil {
		h.Set("Content-Type", fhirJSON+";charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

type (
	outcome struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}
	issue struct {
		Severity    string   `json:"severity"`
		Code        string   `json:"code"`
		Details     *concept `json:"details,omitempty"`
		Diagnostics string   `json:"diagnostics,omitempty"`
		Expression  []string `json:"expression,omitempty"`
	}
	concept struct {
		Coding []coding `json:"coding"`
	}
	coding struct {
		System  string `json:"system"`
		Code    string `json:"code"`
		Display string `json:"display,omitempty"`
	}
)

func outcomeOf(issues []refuse.Issue) outcome {
	out := outcome{ResourceType: "OperationOutcome"}
	for _, i := range issues {
		one := issue{Severity: i.Severity, Code: i.Type, Diagnostics: i.Diagnostics}
		if i.Code != "" {
			one.Details = &concept{[]coding{{codeSystem, string(i.Code), i.Display}}}
		}
		if i.Expression != "" {
			one.Expression = []string{i.Expression}
		}
		out.Issue = append(out.Issue, one)
	}
	return out
}

// refuse renders a refusal. Nothing else does that.
func (x *exchange) refuse(r *refuse.Refusal) {
	h := x.w.Header()
	for name, value := range map[string]string{"Allow": r.Allow, "WWW-Authenticate": r.Challenge} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.RetryAfter+time.Second-1)/time.Second)))
	}
	_ = x.show(r.Status, outcomeOf(r.Issues)) // texts: cannot fail
}
