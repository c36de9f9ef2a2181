package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"nems/internal/operator"
)

// ago says how long before now something was, in one unit.
func ago(now, at time.Time) string {
	d := now.Sub(at)
	switch {
	case at.IsZero():
		return ""
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

// moment writes a time for people, "" for none.
func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2 Jan 2006 15:04:05")
}

// stamp writes a time for machines.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// masked shows an NHS number so that one who knows it recognises it.
func masked(number string) string { return "••• ••• " + number[max(0, len(number)-4):] }

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string {
	text = capital(text)
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// capital makes the first letter a capital.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// figure writes a number as far as it is known: "12,345", "about 10.2 million",
// "500 or more".
func figure(f operator.Figure) string {
	text := thousands(f.N)
	switch {
	case f.About && f.N >= 1_000_000:
		return fmt.Sprintf("about %.1f million", float64(f.N)/1e6)
	case f.About:
		return "about " + thousands((f.N+500)/1000*1000)
	case f.AtLeast:
		return text + " or more"
	}
	return text
}

// thousands writes a number with commas.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// noun is one form for one, and another for any other number.
func noun(f operator.Figure, one, more string) string {
	if f == (operator.Figure{N: 1}) {
		return one
	}
	return more
}

// tag is the colour of a state or status as one of nhsuk-frontend's tags: green
// for what is done, red for what somebody must look at.
func tag(state any) string {
	colour := "grey"
	switch fmt.Sprint(state) {
	case "active", "acknowledged", "sent", "collected", "live", "matched", "COMPLETED", "RUNNING":
		colour = "green"
	case "requested", "waiting", "withheld", "deprecated", "paused", "PAUSED", "STARTING", "CANCELLING":
		colour = "orange"
	case "parked", "undeliverable", "withdrawn", "revoked", "refused", "FAILED":
		colour = "red"
	}
	return "nhsuk-tag--" + colour
}

// shell writes a text so that a shell takes it for one word.
func shell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
