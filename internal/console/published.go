package console

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/form"
	"nems/internal/nhs"
)

// publishedView shows an event that was published at the API of the MNS: JSON, for
// which the catalogue has no rules. It reports whether the message is one.
func publishedView(message []byte) (messageView, bool) {
	e, _, err := form.ReadPublished(message)
	if err != nil {
		return messageView{}, false
	}
	laid := jsontext.Value(message).Clone()
	_ = laid.Indent() // it was read a moment ago
	out := messageView{Published: true, Laid: strings.Count(string(message), "\n") == 0}
	for text := range strings.Lines(string(laid)) {
		if len(out.Lines) == mostLines {
			out.Cut = true
			break
		}
		text = strings.TrimRight(text, "\n")
		if len(text) > mostLine {
			text, out.Cut = strings.ToValidUTF8(text[:mostLine], "")+" …", true
		}
		out.Lines = append(out.Lines, xmlLine{N: len(out.Lines) + 1, Text: text})
	}
	if n, err := nhs.ParseNHSNumber(e.Subject); err == nil {
		out.patient = n.Digits()
	}
	return out, true
}
