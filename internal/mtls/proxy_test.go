package mtls

import (
	"encoding/base64"
	"net/url"
	"testing"
	"time"

	"nems/internal/certs"
)

// FuzzReadProxyHeader checks that whatever a proxy sends is either a certificate or refused.
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
