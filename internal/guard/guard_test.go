package guard

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

// Whatever a name resolves to, connections go to public addresses alone.
func TestGuard(t *testing.T) {
	lan := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for _, c := range []struct {
		address string
		plain   bool
		allowed []netip.Prefix
		goes    bool
	}{
		{address: "93.184.215.14:443", goes: true},
		{address: "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443", goes: true},
		{address: "93.184.215.14:22"},
		{address: "93.184.215.14:443", plain: true},
		{address: "127.0.0.1:443"}, {address: "[::1]:443"}, {address: "0.0.0.0:443"}, {address: "[::]:443"},
		{address: "169.254.169.254:443"}, {address: "[fd00:ec2::254]:443"}, {address: "[fe80::1%eth0]:443"},
		{address: "10.1.2.3:443"}, {address: "172.31.0.1:443"}, {address: "192.168.1.1:443"}, {address: "100.64.0.1:443"},
		{address: "[::ffff:169.254.169.254]:443"}, {address: "[64:ff9b::a9fe:a9fe]:443"}, {address: "[2002:7f00:1::]:443"},
		{address: "[::ffff:0:169.254.169.254]:443"},
		{address: "224.0.0.1:443"}, {address: "255.255.255.255:443"}, {address: "[ff02::1]:443"}, {address: "no address"},
		{address: "10.1.2.3:8080", plain: true, allowed: lan, goes: true},
		{address: "[::ffff:10.1.2.3]:443", allowed: lan, goes: true},
		{address: "10.2.2.3:443", allowed: lan},
	} {
		ctx := context.Background()
		if c.plain {
			ctx = For(ctx, "http://a/")
		}
		if err := (guard{c.allowed}).control(ctx, "tcp", c.address, nil); (err == nil) != c.goes {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for text, fits := range map[string]bool{
		"https://a.example.nhs.uk/events": true, "https://a.example.nhs.uk:8443/events?x=1": true,
		"http://a.example.nhs.uk/": false, "ftp://a/": false, "https:///events": false, "https://user:secret@a/": false,
		"https://a/#x": false, "": false, "https://a/\r\nX: y": false, "https://a/" + strings.Repeat("x", mostURL): false,
	} {
		if err := CheckURL(text, false); (err == nil) != fits || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := CheckURL("http://localhost:1234/", true); err != nil {
		t.Error(err)
	}
}
