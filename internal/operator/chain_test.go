package operator_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
)

// export is the chain of a desk that did some work, as lines.
func export(t *testing.T) []string {
	t.Helper()
	d := newDesk(t)
	for _, asid := range []nhs.ASID{"200000000115", "200000000116", "200000000117", "200000000118"} {
		if err := operator.PutSystems.Run(t.Context(), d, []spine.Registration{system(asid)}); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, link := range all(t, operator.Each(t.Context(), d, operator.ExportChain, operator.Matching(operator.ChainFilter{From: time.Time{}, To: time.Time{}}))) {
		line, err := json.Marshal(link)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return lines
}

func verify(t *testing.T, lines []string, checkpoints ...audit.Checkpoint) audit.Report {
	t.Helper()
	report, err := audit.Verify(operator.ReadChain(strings.NewReader(strings.Join(lines, "\n"))), checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// checkpoint signs the end of an export and reads it back.
func checkpoint(t *testing.T, lines []string) audit.Checkpoint {
	t.Helper()
	var last audit.Link
	for l, err := range operator.ReadChain(strings.NewReader(strings.Join(lines, "\n"))) {
		if err != nil {
			t.Fatal(err)
		}
		last = l
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.ParseCheckpoint(audit.Checkpoint{At: now, Heads: []audit.Head{last.Head()}}.Sign(private), public)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever somebody does to an exported chain shows.
func TestTamperedExportsAreFound(t *testing.T) {
	lines := export(t)
	if len(lines) < 4 {
		t.Fatalf("%d links; 4 are needed", len(lines))
	}
	c := checkpoint(t, lines)
	if r := verify(t, lines, c); r.Found != 0 || !r.Vouched.Equal(now) || r.Entries < 4 { // one more once the reading itself is recorded
		t.Fatalf("untouched: %+v", r)
	}
	swapped := slices.Clone(lines)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	replace := func(old, new string) []string {
		changed := slices.Clone(lines)
		changed[1] = strings.Replace(changed[1], old, new, 1)
		if changed[1] == lines[1] {
			t.Fatalf("the line does not hold %s", old)
		}
		return changed
	}
	for name, changed := range map[string][]string{
		"who did it":      replace(`"user":"desk"`, `"user":"dusk"`),
		"what was done":   replace(`"system-put"`, `"system-get"`),
		"when":            replace(`"at":"2026`, `"at":"2027`),
		"a link removed":  slices.Delete(slices.Clone(lines), 1, 2),
		"the first gone":  lines[1:],
		"links swapped":   swapped,
		"a link repeated": slices.Insert(slices.Clone(lines), 1, lines[1]),
		"the end cut off": lines[:len(lines)-1],
		"nothing left":    nil,
	} {
		if r := verify(t, changed, c); r.Found == 0 || !r.Vouched.IsZero() {
			t.Errorf("%s: not found: %+v", name, r)
		}
	}
	if r := verify(t, lines[:len(lines)-1]); r.Found != 0 {
		t.Errorf("without a checkpoint a shorter chain is whole as well: %+v", r)
	}
}

// A line that two readers could read differently is none.
func TestExportsAreReadStrictly(t *testing.T) {
	lines := export(t)
	for name, change := range map[string][2]string{
		"a field more":                {`"user":"desk"`, `"user":"desk","mailbox":"X"`},
		"a null":                      {`"action":"system-put"`, `"action":"system-put","outcome":null`},
		"an escape":                   {`"action":"system-put"`, `"action":"system-\u0070ut"`},
		"an escaped name":             {`"action":"system-put"`, `"\u0061ction":"system-put"`},
		"a blank":                     {`"action":"system-put"`, `"action": "system-put"`},
		"a finer moment":              {`Z","entries"`, `.0000001Z","entries"`},
		"a member twice":              {`"action":"system-put"`, `"action":"system-put","action":"system-put"`},
		"twice, in other letters":     {`"action":"system-put"`, `"Action":"read","action":"system-put"`},
		"in other letters":            {`"action"`, `"ACTION"`},
		"a member that nobody knows":  {`"action"`, `"note":"","action"`},
		"the hash twice":              {`"hash":"`, `"hash":"00","hash":"`},
		"something behind the object": {"\n", "{}\n"},
	} {
		changed := strings.Replace(lines[1]+"\n", change[0], change[1], 1)
		if changed == lines[1]+"\n" {
			t.Fatalf("%s: the line does not hold %s", name, change[0])
		}
		if _, err := audit.Verify(operator.ReadChain(strings.NewReader(changed)), nil); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}

// Spans that follow each other make one chain.
func TestExportsOfSpansFitTogether(t *testing.T) {
	d := newDesk(t)
	for _, asid := range []nhs.ASID{"200000000115", "200000000116", "200000000117"} {
		if err := operator.PutSystems.Run(t.Context(), d, []spine.Registration{system(asid)}); err != nil {
			t.Fatal(err)
		}
	}
	links := all(t, operator.Each(t.Context(), d, operator.ExportChain, operator.Matching(operator.ChainFilter{From: time.Time{}, To: time.Time{}})))
	cut := links[1].At
	whole := append(all(t, operator.Each(t.Context(), d, operator.ExportChain, operator.Matching(operator.ChainFilter{From: time.Time{}, To: cut}))), all(t, operator.Each(t.Context(), d, operator.ExportChain, operator.Matching(operator.ChainFilter{From: cut, To: time.Time{}})))...)
	for i, link := range links {
		if whole[i].Seq != link.Seq {
			t.Fatalf("place %d: expected link %d; received %d", i, link.Seq, whole[i].Seq)
		}
	}
}

// A record holds whatever an entry holds, through JSON and back: also bytes
// that a refused request brought and that are no text.
func TestRecordsHoldAllOfAnEntry(t *testing.T) {
	patient, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }), rapid.Just("\x00ff"))
		e := audit.Entry{
			At: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "at")).UTC(), Action: audit.Action(text.Draw(t, "action")),
			Certificate: text.Draw(t, "certificate"), ASID: nhs.ASID(text.Draw(t, "asid")), ODS: nhs.ODSCode(text.Draw(t, "ods")),
			User: text.Draw(t, "user"), Reason: text.Draw(t, "reason"), Interaction: text.Draw(t, "interaction"),
			Object: text.Draw(t, "object"), EventType: text.Draw(t, "event type"), Mailbox: text.Draw(t, "mailbox"),
			Outcome: text.Draw(t, "outcome"), Status: rapid.Int().Draw(t, "status"), Count: rapid.Int().Draw(t, "count"),
		}
		if rapid.Bool().Draw(t, "with a patient") {
			e.Patient = patient
		}
		chain := audit.NewChain(7, nil)
		link := chain.Next(now, []audit.Sealed{audit.Seal(e)})
		var buffer bytes.Buffer
		if err := json.NewEncoder(&buffer).Encode(operator.NewChainLinkForTest(t, link)); err != nil {
			t.Fatal(err)
		}
		report, err := audit.Verify(operator.ReadChain(&buffer), nil)
		if err != nil || report.Found != 0 || report.Entries != 1 {
			t.Fatalf("%+v, %v", report, err)
		}
	})
}

// FuzzReadChain: whatever a file holds, it is read or refused.
func FuzzReadChain(f *testing.F) {
	f.Add(`{"chain":1,"link":1,"at":"2026-03-02T12:00:00Z","entries":[{"at":"2026-03-02T12:00:00Z","action":"read"}],"hash":"` + strings.Repeat("00", 32) + `"}`)
	f.Add("{}\n\n{}")
	f.Add(`{"chain":1,"entries":[{"object":"\u0000zz"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		report, err := audit.Verify(operator.ReadChain(strings.NewReader(text)), nil)
		if err == nil && report.Found == 0 && report.Links > 0 {
			t.Fatalf("somebody has found a hash: %q", text)
		}
	})
}
