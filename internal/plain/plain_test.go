package plain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"nems/internal/plain"
)

// harmful are texts with characters on which a terminal or a table would act.
var harmful = []string{
	"\x1b[2J\x1b[H", "\u009b31m", "a\r\nb", "\t", "\v\f", "\x00", "\x7f", "\u0085", "\u2028\u2029",
	"\u202egpj.exe", "\u2066\u2069\u200e\u061c", "\ufeff", "\xff\xfe\x9b", "\U000e0041", "caf\u00e9 \u00a0 \u2003\U0001f489",
}

func harmless(t *testing.T, s string, kept string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is no UTF-8", s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && !strings.ContainsRune(kept, r) {
			t.Errorf("%q: %U is left", s, r)
		}
	}
}

func TestLine(t *testing.T) {
	for _, s := range harmful {
		harmless(t, plain.Line(s), "")
		harmless(t, plain.Text(s), "\n\t")
	}
	for in, want := range map[string]string{
		"Dr Zoë O’Neill, 株式会社": "Dr Zoë O’Neill, 株式会社", "a\u00a0b": "a b", "a\nb\x1b": "a\ufffdb\ufffd", "\ufffd": "\ufffd", "": "",
	} {
		if got := plain.Line(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestShort(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "…"}, {"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abc…"}, {"ééé", 6, "ééé"}, {"éééé", 7, "éé…"}, {"éééé", 6, "é…"},
		{"\xff\xff\xff\xff", 9, "\ufffd\ufffd…"}, {"\x1b\x1b", 6, "\ufffd\ufffd"}, {"", 3, ""}, {"\u009b\u009b", 5, "…"},
		{"\u1680\u1680a", 6, "  …"}, {"\u2003\u2003", 5, " …"},
	} {
		if got := plain.Short(c.in, c.most); got != c.want {
			t.Errorf("%q at most %d: %q, want %q", c.in, c.most, got, c.want)
		}
	}
}

func TestError(t *testing.T) {
	err := plain.Error(io.EOF, 10)
	if !errors.Is(err, io.EOF) || plain.Error(nil, 1) != nil {
		t.Error("what is wrapped is lost, or nil is something")
	}
	if got := plain.Error(errors.New(strings.Repeat("\x1b", 1<<20)), 12).Error(); got != strings.Repeat("\ufffd", 3)+"…" {
		t.Errorf("%q", got)
	}
}

// Readers of the JSON get the original strings.
func TestJSON(t *testing.T) {
	for _, s := range harmful {
		var out bytes.Buffer
		if err := json.NewEncoder(plain.JSON(&out)).Encode(map[string]string{"text": s}); err != nil {
			t.Fatal(err)
		}
		harmless(t, out.String(), "\n")
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["text"] != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q came back as %q, %v", s, back["text"], err)
		}
	}
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	n, err := io.WriteString(plain.Writer(&out), "a\x1b]0;title\x07\n\tb\r")
	if err != nil || n != 15 || out.String() != "a\ufffd]0;title\ufffd\n\tb\ufffd" {
		t.Errorf("%d, %v, %q", n, err, out.String())
	}
}

// A log has no raw value, and none of unlimited length, whatever the handler.
func TestHandler(t *testing.T) {
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(plain.Handler(handler(&out)))
			long := strings.Repeat("\u009bx", 1<<16)
			log.With("with", long).WithGroup("group").Warn(long, "text", long, "error", errors.New(long), "number", 7,
				slog.Group("inner", "text", long), "list", []string{long}, "value", logValue(long), "bytes", []byte(long))
			if out.Len() > 1<<17 || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("%d bytes, %d lines", out.Len(), strings.Count(out.String(), "\n"))
			}
			harmless(t, out.String(), "\n")
			if !strings.Contains(out.String(), "number") || !strings.Contains(out.String(), "inner") {
				t.Errorf("%.200s", &out)
			}
		})
	}
}

type logValue string

func (v logValue) LogValue() slog.Value { return slog.StringValue(string(v)) }

func FuzzLine(f *testing.F) {
	for _, s := range harmful {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		harmless(t, plain.Line(s), "")
		most = most&0xff + 3
		short := plain.Short(s, most)
		harmless(t, short, "")
		if len(short) > most || len(s) <= most && len(plain.Line(s)) <= most && short != plain.Line(s) {
			t.Errorf("%d bytes of at most %d: %q", len(short), most, short)
		}
		var out bytes.Buffer
		if err := json.NewEncoder(plain.JSON(&out)).Encode(s); err != nil {
			t.Fatal(err)
		}
		harmless(t, out.String(), "\n")
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || utf8.ValidString(s) && back != s {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	})
}
