package assure

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/spine"
)

// Evidence is an exchange as the report has it: without signatures, and without the text
// of a message about anybody who is not invented.
type Evidence struct {
	Number   int       `json:"number"`
	Step     string    `json:"step,omitempty"`
	At       time.Time `json:"at"`
	Answered time.Time `json:"answered"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	TLS      *TLS      `json:"tls,omitempty"`
	Headers  []Pair    `json:"headers"`
	Token    []Pair    `json:"token,omitempty"`
	// Body is the text; Withheld says why there is none.
	Body     string `json:"body,omitempty"`
	Withheld string `json:"withheld,omitempty"`
	Bytes    int    `json:"bytes"`
	SHA256   string `json:"sha256"`
	Event    string `json:"event,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Message  string `json:"messageId,omitempty"`
	Status   int    `json:"status"` // 0: no answer
	Code     string `json:"code,omitempty"`
	Reply    string `json:"reply,omitempty"`
	Instead  string `json:"instead,omitempty"`
	Mended   string `json:"mended,omitempty"`
}

// Pair is a header, or a member of a token.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// mostText is the most of a body that a report has.
const mostText = 256 << 10

// evidence makes the report's exchanges.
func evidence(all []*Exchange, now time.Time) []Evidence {
	out := make([]Evidence, len(all))
	for i, x := range all {
		e := Evidence{
			Number: x.Number, Step: x.Step, At: x.At, Answered: x.Answered, Method: x.Method, Path: x.Path, TLS: x.TLS,
			Bytes: len(x.Body), SHA256: x.Hash, Event: x.Facts.Code, Kind: x.Facts.Kind, Message: x.Facts.MessageID,
			Status: x.Status, Code: x.Code, Reply: text(x.Reply), Instead: x.Instead, Mended: x.Mended,
			Headers: headersOf(x.Header), Token: tokenOf(x, now),
		}
		if strings.HasPrefix(x.Path, "/oauth2/") {
			e.Reply = ""
		}
		if !onlyInvented(e.Path) {
			e.Path = "(withheld: it has a number)"
		}
		e.Body, e.Withheld = bodyOf(x)
		out[i] = e
	}
	return out
}

// bodyOf is the text of a body that may be shown.
func bodyOf(x *Exchange) (body, withheld string) {
	switch {
	case len(x.Body) == 0:
		return "", ""
	case strings.HasPrefix(x.Path, "/oauth2/"):
		return "", "it has a token"
	case len(x.Body) > mostText:
		return "", "it is too long for a report"
	case !utf8.Valid(x.Body):
		return "", "it is not text"
	case !onlyInvented(string(x.Body)):
		return "", "it names an NHS number that is not one of the test's: nobody but invented patients belongs in a report"
	}
	return string(x.Body), ""
}

// aNumber is what may be an NHS number: ten digits that stand for themselves, in groups or
// not. Parts of UUIDs and of longer codes are none.
var aNumber = regexp.MustCompile(`\b\d{3}[ -]?\d{3}[ -]?\d{4}\b`)

// onlyInvented reports whether every NHS number in a text is that of an invented patient:
// one of the development world, or of the range for tests.
func onlyInvented(text string) bool {
	for _, found := range aNumber.FindAllString(text, -1) {
		n, err := nhs.ParseNHSNumber(strings.ReplaceAll(found, "-", ""))
		if err == nil && !strings.HasPrefix(n.Digits(), "999") && !slices.Contains(specimens, n.Digits()) {
			return false
		}
	}
	return true
}

// specimens are the numbers of the specification's own examples.
var specimens = []string{"9912003888", "9434765919", "5900005879"}

func text(body []byte) string {
	if len(body) > mostText || !utf8.Valid(body) {
		return ""
	}
	return string(body)
}

// headersOf lists headers by name; the token is shown apart.
func headersOf(h http.Header) []Pair {
	out := []Pair{}
	for name, all := range h {
		for _, value := range all {
			if name == "Authorization" || name == "Cookie" || !onlyInvented(value) {
				value = withheld(name, value)
			}
			out = append(out, Pair{shownName(name), value})
		}
	}
	slices.SortFunc(out, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// withheld says that a value is not shown; of a token its scheme is.
func withheld(name, value string) string {
	if scheme, _, found := strings.Cut(value, " "); found && name == "Authorization" && len(scheme) < 20 {
		return scheme + " (withheld)"
	}
	return "(withheld)"
}

// shownName is how the specification writes a header's name.
func shownName(name string) string {
	switch name {
	case "Fromasid":
		return "fromASID"
	case "Toasid":
		return "toASID"
	case "Interactionid":
		return "InteractionID"
	}
	return name
}

// tokenOf lists the members of a token's header and payload. Its signature is not shown.
func tokenOf(x *Exchange, now time.Time) []Pair {
	value := x.Header.Get("Authorization")
	if value == "" || x.Endpoint == 0 {
		return nil
	}
	var out []Pair
	reports, _ := spine.Explain(value, now, x.Endpoint, spine.Strict)
	for _, r := range reports {
		if r.Value != "" {
			out = append(out, Pair{r.Claim, strings.Trim(r.Value, `"`)})
		}
	}
	return out
}

// codeIn reads the Spine code of an answer, "" for none.
func codeIn(k *kept) string {
	body := k.body.Bytes()
	if formOf(body) == "json" {
		if xml, _, err := fhir.JSONToXML(body); err == nil {
			body = xml
		}
	}
	doc, _, err := fhir.ParseXML(body)
	if err != nil || doc.Root().Name() != "OperationOutcome" {
		return ""
	}
	return doc.Root().At("issue", "details", "coding", "code").Value()
}
