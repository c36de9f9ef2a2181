package mtls

import (
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/certs"
)

// quiet returns a Watch that nobody looks at.
func quiet(now time.Time) *Watch {
	return NewWatch(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), func() time.Time { return now }, func(Refused) {})
}

// TestGoodListsStay replaces a good revocation list with files that would admit
// what the list refuses.
func TestGoodListsStay(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	pem := func(a *certs.Authority) []byte {
		certificate, _, err := a.PEM()
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	authority := func(name string) *certs.Authority {
		a, err := certs.NewAuthority(name, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	list := func(a *certs.Authority, at time.Time, serials ...*big.Int) []byte {
		crl, err := a.Revocations(at, time.Hour, serials...)
		if err != nil {
			t.Fatal(err)
		}
		return crl
	}
	first, second, stranger := authority("First"), authority("Second"), authority("First")
	both := slices.Concat(pem(first), pem(second))
	good := slices.Concat(list(first, now, big.NewInt(7)), list(second, now, big.NewInt(8)))
	folder := t.TempDir()
	ca, crl := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "crl.pem")
	clock := now
	write := func(path string, content []byte) {
		t.Helper()
		clock = clock.Add(time.Second) // files are distinguished by their time and size
		if err := errors.Join(os.WriteFile(path, content, 0o600), os.Chtimes(path, clock, clock)); err != nil {
			t.Fatal(err)
		}
	}
	write(ca, both)
	write(crl, nil)
	p := &trust{watch: quiet(now), issuers: watched{path: ca}, revocations: watched{path: crl}}
	if _, err := p.load(); err == nil {
		t.Error("a configured list that is empty is taken for one that revokes nobody")
	}
	write(crl, good)
	if _, err := p.load(); err != nil {
		t.Fatal(err)
	}
	stays := func(why string) {
		t.Helper()
		if changed, err := p.load(); changed || err == nil || len(p.current.Load().revoked) != 2 {
			t.Errorf("%s: taken up %t, %v, %d revoked", why, changed, err, len(p.current.Load().revoked))
		}
	}
	older := now.Add(-time.Hour)
	for why, content := range map[string][]byte{
		"empty":                        nil,
		"blank":                        []byte("\n \n"),
		"a comment":                    []byte("# nobody\n"),
		"cut in a list":                good[:len(good)-40],
		"cut after the first list":     list(first, now.Add(time.Minute), big.NewInt(7)),
		"one is older":                 slices.Concat(list(first, older), list(second, now.Add(time.Minute), big.NewInt(8))),
		"both are older":               slices.Concat(list(first, older), list(second, older)),
		"of somebody of the same name": slices.Concat(list(stranger, now.Add(time.Minute)), list(second, now.Add(time.Minute))),
		"good ones and another's":      slices.Concat(good, list(stranger, now.Add(time.Minute))),
		"another kind of file":         pem(first),
	} {
		write(crl, content)
		stays(why)
	}
	write(crl, slices.Concat(list(first, now.Add(time.Minute)), list(second, now.Add(time.Minute))))
	if changed, err := p.load(); !changed || err != nil || len(p.current.Load().revoked) != 0 {
		t.Errorf("newer lists are not taken up: %v", err)
	}
	write(ca, pem(first))
	write(crl, list(first, now.Add(2*time.Minute)))
	if changed, err := p.load(); !changed || err != nil {
		t.Errorf("an issuer does not go with its list: %v", err)
	}

	// It comes back, and what it revoked in the meantime still applies.
	write(ca, both)
	write(crl, slices.Concat(list(first, now.Add(2*time.Minute)), list(second, now)))
	if changed, err := p.load(); changed || err == nil {
		t.Errorf("an issuer came back with an older list: %v", err)
	}

	// Of two lists of one issuer neither can be left out in favour of the other.
	part, newer := list(first, now.Add(3*time.Minute), big.NewInt(7)), list(first, now.Add(4*time.Minute))
	write(ca, pem(first))
	write(crl, slices.Concat(part, newer))
	if changed, err := p.load(); !changed || err != nil || len(p.current.Load().revoked) != 1 {
		t.Fatalf("two lists of an issuer: %v", err)
	}
	write(crl, newer)
	if changed, err := p.load(); changed || err == nil {
		t.Error("the list that revokes was left out")
	}
	write(crl, list(first, now.Add(5*time.Minute)))
	if changed, err := p.load(); !changed || err != nil {
		t.Errorf("a list newer than both: %v", err)
	}
}

// TestAnchorsAreWhatCanBeTrusted reads files that are wrong.
func TestAnchorsAreWhatCanBeTrusted(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	issuer := func(name string) (*certs.Authority, string, string) {
		a, err := certs.NewAuthority(name, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		ca, _, err := a.PEM()
		if err != nil {
			t.Fatal(err)
		}
		crl, err := a.Revocations(now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return a, string(ca), string(crl)
	}
	authority, ca, crl := issuer("Issuer")
	_, _, foreign := issuer("Issuer")
	_, second, secondList := issuer("Second")
	client, err := authority.Client("a.example.nhs.uk", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := client.PEM()
	if err != nil {
		t.Fatal(err)
	}
	leaf := string(text)
	for name, c := range map[string]struct {
		ca, crl string
		want    string // in the error; "" for none
	}{
		"issuer alone":               {ca, "", ""},
		"issuer and its list":        {ca, crl, ""},
		"two of each":                {ca + second, crl + secondList, ""},
		"no issuer":                  {"", "", "client-ca"},
		"no PEM":                     {"hello", "", "client-ca"},
		"a list of another issuer":   {ca, secondList, "client-crl"},
		"a list of a namesake":       {ca, foreign, "client-crl"},
		"cut in the second issuer":   {ca + second[:len(second)-40], "", "cut short"},
		"cut in its first line":      {ca + second[:8], "", "cut short"},
		"damaged in the first":       {strings.Replace(ca, "-----END", "-----AND", 1) + second, "", "client-ca"},
		"text before each":           {"First\n" + ca + "subject: second\n" + second, "", ""},
		"no authority":               {ca + leaf, "", "not a certificate authority"},
		"a list that is none":        {ca, "hello", "client-crl"},
		"a list with something else": {ca, crl + "hello", "client-crl"},
		"a key for an issuer":        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "", "client-ca"},
	} {
		p, err := readAnchors([]byte(c.ca), []byte(c.crl))
		if c.want == "" && (err != nil || p.expires.IsZero() != (c.crl == "")) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: expected an error about %s; received %v", name, c.want, err)
		}
	}
}
