package mesh

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMessageIDForm(t *testing.T) {
	// 2020-05-29 15:53:57.895317, tie 357, mailbox row 3F8: the form of the
	// specification's examples.
	position := int64(1590767637895317)<<12 | 0x357
	const want = "20200529155357895317_3573F8"
	if got := FormatMessageID(position, 0x3f8); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	gotPosition, row, err := ParseMessageID(strings.ToLower(want))
	if err != nil || gotPosition != position || row != 0x3f8 {
		t.Errorf("read as %d, %d, %v", gotPosition, row, err)
	}
	if got := FormatMessageID(position, 1); got != "20200529155357895317_357001" {
		t.Errorf("a small row: %s", got)
	}
	if got := FormatMessageID(position, 0x12345); got != "20200529155357895317_35712345" {
		t.Errorf("a large row: %s", got)
	}
}

func TestMessageIDRoundTrip(t *testing.T) {
	form := regexp.MustCompile(`^[0-9]{20}_[0-9A-F]{6,}$`)
	rapid.Check(t, func(t *rapid.T) {
		position := rapid.Int64Min(0).Draw(t, "position")
		row := rapid.Int64Min(0).Draw(t, "row")
		id := FormatMessageID(position, row)
		if !form.MatchString(id) {
			t.Fatalf("%s is not in MESH's form", id)
		}
		p, r, err := ParseMessageID(id)
		if err != nil || p != position || r != row {
			t.Fatalf("%s: %d, %d, %v", id, p, r, err)
		}
		later := FormatMessageID(min(position, 1<<62)+1<<12, row)
		if position < 1<<62 && later <= id {
			t.Fatalf("%s does not come after %s", later, id)
		}
	})
}

func TestParseMessageIDRefuses(t *testing.T) {
	for _, id := range []string{
		"", "_", "20200529155357895317", "20200529155357895317_", "20200529155357895317_35701",
		"2020052915535789531_3573F8", "202005291553578953170_3573F8", "20201329155357895317_3573F8",
		"20200230155357895317_3573F8", "20200529155357895317_G573F8", "20200529155357895317_357+F8",
		"20200529155357895317_357-F8", "20200529155357895317_3570001", "99990529155357895317_3573F8",
		"19690529155357895317_3573F8", "20200529155357895317_357FFFFFFFFFFFFFFFFF", "SIMPLE_MESSAGE",
		"20200529155357895317_3573F8_", "../../etc/passwd",
	} {
		if _, _, err := ParseMessageID(id); !errors.Is(err, ErrMessageID) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzParseMessageID(f *testing.F) {
	f.Add("20200529155357895317_3573F8")
	f.Add("20200529155357895317_3570001")
	f.Fuzz(func(t *testing.T, id string) {
		position, row, err := ParseMessageID(id)
		if err != nil {
			return
		}
		if again := FormatMessageID(position, row); !strings.EqualFold(again, id) {
			t.Errorf("%q names the same as %q", id, again)
		}
	})
}

func BenchmarkFormatMessageID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = FormatMessageID(1590767637895317<<12|0x357, 0x3f8)
	}
}

func BenchmarkAppendMessageID(b *testing.B) {
	b.ReportAllocs()
	room := make([]byte, 0, 64)
	for i := int64(0); b.Loop(); i++ {
		room = AppendMessageID(room[:0], int64(1590767637895317)<<12+i<<12, 0x3f8)
	}
}
