package world

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// WriteYAML writes the world as a file that people can read and change, and that
// Read reads.
//
// Each call of to has whole lines, so that no letter is cut in two.
func (w *World) WriteYAML(to io.Writer) error {
	const whole = 64 << 10 // bytes that are written at a time, about
	var out bytes.Buffer
	var failed error
	flush := func() {
		if failed == nil {
			_, failed = to.Write(out.Bytes())
		}
		out.Reset()
	}
	say := func(format string, a ...any) {
		fmt.Fprintf(&out, format+"\n", a...)
		if out.Len() > whole {
			flush()
		}
	}
	say("# %d invented people in %d households. Nobody here exists. The NHS numbers are from the", w.Patients(), len(w.Households))
	say("# range reserved for tests, phone numbers from those that Ofcom keeps for drama.")
	say("seed: %d", w.Seed)
	say("day: %s # on which everybody is as old as they are", w.Day)
	w.sayTowns(say)
	say("households:")
	for _, h := range w.Households {
		say("  - address: %s", list(h.Lines))
		say("    postcode: %s", scalar(h.Postcode))
		if h.Shared {
			say("    shared: yes")
		}
		say("    people:")
		for _, p := range h.People {
			say("      - %s", p.flow())
		}
	}
	flush()
	return failed
}

// sayTowns writes the towns.
func (w *World) sayTowns(say func(string, ...any)) {
	say("towns:")
	for _, t := range w.Towns {
		say("  - town: %s", scalar(t.Name))
		for _, field := range []struct{ key, value string }{
			{"sub-icb", t.SubICB}, {"local-authority", t.LocalAuthority}, {"country", t.Country},
		} {
			if field.value != "" {
				say("    %s: %s", field.key, scalar(field.value))
			}
		}
		say("    hospital: %s", t.Hospital.flow())
		say("    child-health: %s", t.ChildHealth.flow())
		say("    practices:")
		for _, p := range t.Practices {
			say("      - %s", p.flow())
		}
		say("    streets:")
		for _, s := range t.Streets {
			say("      - %s", flow("postcode", s.Postcode, "street", s.Name, "locality", s.Locality))
		}
	}
}

func (o Organisation) flow() string {
	return flow("code", o.Code, "name", o.Name, "sub-icb", o.SubICB)
}

func (p Person) flow() string {
	head := fmt.Sprintf("nhs-number: %s, given: %s", scalar(p.NHSNumber), list(p.Given))
	rest := flow("family", p.Family, "gender", p.Gender, "born", p.Born, "practice", p.Practice, "phone", p.Phone, "email", p.Email, "mother", p.Mother)
	return "{" + head + ", " + rest[1:]
}

// flow writes keys with their values on one line; empty ones are left out.
func flow(pairs ...string) string {
	var fields []string
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			fields = append(fields, pair[0]+": "+scalar(pair[1]))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func list(texts []string) string {
	written := make([]string, len(texts))
	for i, t := range texts {
		written[i] = scalar(t)
	}
	return "[" + strings.Join(written, ", ") + "]"
}

var (
	plain = regexp.MustCompile(`^[\p{L}\p{M}\d][\p{L}\p{M}\d '.@()/-]*$`)
	// What some readers of YAML take for something else than text.
	ambiguous = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null|[\d .]+|\d+e\d+|0[xob].*|\.inf|\.nan)$`)
)

// scalar quotes a text if YAML might take it for something else.
func scalar(s string) string {
	if plain.MatchString(s) && !ambiguous.MatchString(s) && !strings.HasSuffix(s, " ") {
		return s
	}
	return strconv.Quote(s)
}
