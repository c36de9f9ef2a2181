package node

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"nems/internal/certs"
)

// FuzzReadProxyHeader: whatever a proxy sends, it is a certificate or refused.
func FuzzReadProxyHeader(f *testing.F) {
	a, err := certs.NewAuthority("Test", time.Unix(1_700_000_000, 0), time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	text, _, err := a.PEM()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(":" + base64.StdEncoding.EncodeToString(a.Certificate.Raw) + ":")
	f.Add(url.PathEscape(string(text)))
	f.Add(string(text))
	f.Add("::")
	f.Add("%")
	f.Fuzz(func(t *testing.T, value string) {
		c, err := readProxyHeader([]string{value})
		if (c == nil) == (err == nil) {
			t.Fatalf("certificate %v, error %v", c != nil, err)
		}
	})
}

// TestPinsReadWhatTheyCanTrust gives the pins files that are wrong.
func TestPinsReadWhatTheyCanTrust(t *testing.T) {
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
	_, ca, crl := issuer("Issuer")
	_, _, foreign := issuer("Issuer")
	_, second, secondList := issuer("Second")
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
		"a list that is none":        {ca, "hello", "client-crl"},
		"a list with something else": {ca, crl + "hello", "client-crl"},
		"a key for an issuer":        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "", "client-ca"},
	} {
		p, err := readPinned([]byte(c.ca), []byte(c.crl))
		if c.want == "" && (err != nil || p.expires.IsZero() != (c.crl == "")) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: expected an error about %s; received %v", name, c.want, err)
		}
	}
}
