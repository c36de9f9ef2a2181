package browser

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nems/internal/certs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// production is a NEMS whose console wants people to sign in, and its operators' API.
func production(t *testing.T) *operator.Client {
	t.Helper()
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	authority, err := certs.NewAuthority("Issuer", nodetest.Start, 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server(nodetest.Start, 24*time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(authority.WriteFiles(in("ca.pem"), in("ca.key")), server.WriteFiles(in("server.pem"), in("server.key"))); err != nil {
		t.Fatal(err)
	}
	s := nodetest.Boot(t, func(c *node.Config) {
		c.Dev, c.Listen = false, ""
		c.FHIR = node.Listener{Listen: "127.0.0.1:0", Cert: in("server.pem"), Key: in("server.key"), ClientCA: in("ca.pem")}
		c.Operations.Listen = "127.0.0.1:0"
	})
	access, err := operator.ReadAccess(s.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	return &operator.Client{Access: access, User: "tester", HTTP: http.DefaultClient}
}

func (b *tab) press(button string) {
	b.Helper()
	b.do(chromedp.Click(button))
}

// TestSigningIn comes by a link, sees a patient's number for a reason, and leaves; in
// all looks.
func TestSigningIn(t *testing.T) {
	chromium(t)
	desk := production(t)
	link := func(roles ...operator.Role) string {
		t.Helper()
		l, err := operator.CreateSignInLink.Do(t.Context(), desk, operator.LinkRequest{User: "Jan de Vries", Roles: roles})
		if err != nil {
			t.Fatal(err)
		}
		return l.Path
	}
	const number = nodetest.Jack
	if err := operator.RevealPatients.Run(t.Context(), desk, operator.Reveal{Page: "a test", Reason: "a test", Patients: []string{number}}); err != nil {
		t.Fatal(err)
	}
	for _, l := range looks {
		b := open(t, desk.URL, l)
		b.visit("/console/audit")
		b.says("Sign in")
		b.sound("sign in", l)
		b.reachable("sign in")
		b.visit(link(operator.Governance))
		b.says("needs the role viewer")
		_ = b.heard() // the browser tells of every 403
		b.sound("forbidden", l)
		b.visit("/console/audit")
		b.says("Jan de Vries")
		b.press(`main form button[name="look"]`)
		b.says("••• ••• 3888")
		b.press("details.reveal summary")
		b.sound("masked", l)
		if strings.Contains(b.text(), number) {
			t.Error("the page shows the number before there is a reason")
		}
		ask[bool](b, `document.querySelector("#reveal-reason").value = "An incident"; true`)
		b.press(`button[name="reveal"]`)
		b.says(number)
		b.sound("shown", l)
		b.visit("/console/audit")
		if strings.Contains(b.text(), number) {
			t.Error("the page still shows the number")
		}
		b.press(".who button")
		b.says("You are signed out")
		b.sound("signed out", l)
	}
}
