package node

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAddresses checks the address that is returned for every way in which a
// caller can use one, and that only a trusted proxy can change it.
func TestAddresses(t *testing.T) {
	networks, err := parseNetworks("10.0.0.0/8, 192.168.1.7,2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	const proxy, stranger = "10.1.2.3:5000", "198.51.100.7:5000"
	forwarded := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	for name, c := range map[string]struct {
		public, from, host string
		tls, certified     bool
		header             http.Header
		want               string
	}{
		"a name":                  {host: "nems.example.nhs.uk:8880", want: "http://nems.example.nhs.uk:8880"},
		"an address":              {host: "127.0.0.1:8880", want: "http://127.0.0.1:8880"},
		"an IPv6 address":         {host: "[::1]:8880", want: "http://[::1]:8880"},
		"one without a port":      {host: "[2001:db8::1]", want: "http://[2001:db8::1]"},
		"the port of the scheme":  {host: "nems.example.nhs.uk:80", want: "http://nems.example.nhs.uk"},
		"TLS":                     {host: "nems.example.nhs.uk", tls: true, want: "https://nems.example.nhs.uk"},
		"TLS with a port":         {host: "nems.example.nhs.uk:80", tls: true, want: "https://nems.example.nhs.uk:80"},
		"all addresses":           {host: "0.0.0.0:8880", want: "http://192.0.2.1:8880"},
		"all IPv6 addresses":      {host: "[::]:8880", want: "http://192.0.2.1:8880"},
		"none":                    {host: "", want: "http://192.0.2.1:8880"},
		"what was configured":     {public: "https://public.example.nhs.uk", host: "x", from: proxy, header: forwarded("X-Forwarded-Host", "y"), want: "https://public.example.nhs.uk"},
		"a path":                  {host: "evil.example/x", want: ""},
		"a user":                  {host: "nems@evil.example", want: ""},
		"a query":                 {host: "evil.example?x", want: ""},
		"markup":                  {host: `"><script>`, want: ""},
		"no port":                 {host: "nems.example.nhs.uk:http", want: ""},
		"a port too many":         {host: "nems.example.nhs.uk:80:80", want: ""},
		"a port too large":        {host: "nems.example.nhs.uk:65536", want: ""},
		"a bracket":               {host: "[::1", want: ""},
		"a bracket around a name": {host: "[nems]", want: ""},
		"a zone":                  {host: "[fe80::1%25eth0]", want: ""},

		"a stranger's word":       {from: stranger, host: "nems", header: forwarded("X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example;proto=https"), want: "http://nems"},
		"a proxy's":               {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "public.example.nhs.uk", "X-Forwarded-Proto", "https"), want: "https://public.example.nhs.uk"},
		"a single proxy's":        {from: "192.168.1.7:1", host: "nems", header: forwarded("X-Forwarded-Host", "public"), want: "http://public"},
		"its neighbour's":         {from: "192.168.1.8:1", host: "nems", header: forwarded("X-Forwarded-Host", "public"), want: "http://nems"},
		"an IPv6 proxy's":         {from: "[2001:db8::7]:1", host: "nems", header: forwarded("X-Forwarded-Host", "public"), want: "http://public"},
		"a mapped address's":      {from: "[::ffff:10.1.2.3]:1", host: "nems", header: forwarded("X-Forwarded-Host", "public"), want: "http://public"},
		"one by certificate":      {from: stranger, certified: true, tls: true, host: "nems", header: forwarded("X-Forwarded-Host", "public"), want: "https://public"},
		"scheme and port":         {from: proxy, host: "nems:8880", header: forwarded("X-Forwarded-Host", "public", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "8443"), want: "https://public:8443"},
		"the scheme's port":       {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "public", "X-Forwarded-Proto", "https", "X-Forwarded-Port", "443"), want: "https://public"},
		"the host has a port":     {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "public:1", "X-Forwarded-Port", "2"), want: "http://public:1"},
		"the scheme alone":        {from: proxy, host: "nems:8880", header: forwarded("X-Forwarded-Proto", "https"), want: "https://nems:8880"},
		"RFC 7239":                {from: proxy, host: "nems", header: forwarded("Forwarded", `for=192.0.2.60;Proto=HTTPS; Host="public:8443"`), want: "https://public:8443"},
		"RFC 7239 with IPv6":      {from: proxy, host: "nems", header: forwarded("Forwarded", `host="[2001:db8::1]:8443"`), want: "http://[2001:db8::1]:8443"},
		"RFC 7239 before X-":      {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "other", "Forwarded", "host=public"), want: "http://public"},
		"the nearest proxy's":     {from: proxy, host: "nems", header: forwarded("Forwarded", "host=evil.example, host=public"), want: "http://public"},
		"in two lines":            {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "evil.example", "X-Forwarded-Host", "public"), want: "http://public"},
		"a proxy's nonsense":      {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "evil/x", "X-Forwarded-Proto", "gopher", "X-Forwarded-Port", "0"), want: "http://nems"},
		"a proxy's all addresses": {from: proxy, host: "nems", header: forwarded("X-Forwarded-Host", "0.0.0.0"), want: "http://192.0.2.1:8880"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.RemoteAddr = c.host, c.from
		if c.header != nil {
			r.Header = c.header
		}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8880}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
		if got := (addresses{public: c.public, proxies: networks, known: func(*http.Request) bool { return c.certified }}).of(r); got != c.want {
			t.Errorf("%s: expected %q; received %q", name, c.want, got)
		}
	}
	for _, wrong := range []string{"10.0.0.0/33", "proxy.example.nhs.uk", "10.0.0.0/8;10.1.0.0/16"} {
		if _, err := parseNetworks(wrong); err == nil {
			t.Errorf("%q passes for networks", wrong)
		}
	}
}

// FuzzSplitHost checks that an accepted host makes a URL that leads to that host.
func FuzzSplitHost(f *testing.F) {
	for _, seed := range []string{"nems:80", "[::1]:80", "a@b", "a/b", "a:b", "[", "]", ":", "0.0.0.0", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name, port, ok := splitHost(host)
		if !ok {
			return
		}
		r, err := http.NewRequest("GET", "http://"+joinHost("http", name, port)+"/STU3", nil)
		if err != nil || r.URL.Hostname() != name || r.URL.User != nil || r.URL.Path != "/STU3" {
			t.Errorf("%q became %v, %v", host, r, err)
		}
	})
}
