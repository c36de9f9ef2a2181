package node

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"nems/internal/console"
	"nems/internal/mtls"
	"nems/internal/operator"
	"nems/internal/signin"
)

// Console is how people sign in to the console. In the dev world nobody has to.
type Console struct {
	// URL is put before the paths of links, and of where an identity provider leads
	// back to.
	URL string `name:"url" help:"Scheme and host by which browsers reach the operations listener; default: those that the browser used."`
	// OIDC is the identity provider.
	OIDC OIDC `embed:"" prefix:"oidc-"`
	// RolesClaim and Roles give roles to the people of the identity provider.
	RolesClaim string `name:"roles-claim" default:"roles" help:"Claim of the identity provider that roles are given by; a dot leads into an object (realm_access.roles)."`
	Roles      string `name:"role" help:"Which value of that claim gives which role: pairs such as viewer=nems-viewers, separated by commas; the roles are viewer, operator, governance and administrator."`
	// Certificates give roles to client certificates of the operations listener.
	Certificates string `name:"certificate" help:"Which names in client certificates of the operations listener have which role: pairs such as operator=jan.example.nhs.uk, separated by commas."`
}

// OIDC is an identity provider of OpenID Connect.
type OIDC struct {
	Issuer       string `name:"issuer" help:"Identity provider (OpenID Connect) where people sign in to the console: its issuer URL. It must lead back to /console/sign-in/openid/callback."`
	ClientID     string `name:"client-id" help:"Id of this service at the identity provider."`
	ClientSecret string `name:"client-secret" help:"Secret of this service at the identity provider; empty for a public client."`
	Scopes       string `name:"scopes" default:"profile email" help:"Scopes that are asked for beside openid, separated by blanks."`
}

func (c Console) validate(operations Listener) (wrong []error) {
	for name, text := range map[string]string{"console-role": c.Roles, "console-certificate": c.Certificates} {
		if _, err := signin.ParseRoles(text); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	for name, text := range map[string]string{"console-url": c.URL, "console-oidc-issuer": c.OIDC.Issuer} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			wrong = append(wrong, fmt.Errorf("%s: expected a URL such as https://host.example.nhs.uk", name))
		}
	}
	if (c.OIDC.Issuer == "") != (c.OIDC.ClientID == "") {
		wrong = append(wrong, fmt.Errorf("console-oidc-issuer and console-oidc-client-id go together"))
	}
	if c.OIDC.Issuer != "" && c.Roles == "" {
		wrong = append(wrong, fmt.Errorf("console-role: needed with console-oidc-issuer, because nobody would have a role"))
	}
	if c.Certificates != "" && operations.ClientCA == "" {
		wrong = append(wrong, fmt.Errorf("console-certificate needs operations-client-ca"))
	}
	return wrong
}

// gate returns where people sign in; nil in the dev world.
func (n *node) gate() *signin.Gate {
	if n.Dev {
		return nil
	}
	c := signin.Config{Sessions: n.db, Base: n.consoleAddress().of, Now: n.Now, Log: n.Log}
	c.Certificates, _ = signin.ParseRoles(n.Console.Certificates) // validate has read both
	c.OpenID = n.Console.openID()
	return signin.New(c)
}

// openID is the identity provider; nil if there is none.
func (c Console) openID() *signin.OpenID {
	if c.OIDC.Issuer == "" {
		return nil
	}
	roles, _ := signin.ParseRoles(c.Roles) // validate has read them
	return &signin.OpenID{Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, ClientSecret: c.OIDC.ClientSecret, Scopes: strings.Fields(c.OIDC.Scopes),
		Claim: cmp.Or(c.RolesClaim, "roles"), Roles: roles}
}

// console finds out whether people can sign in.
func (u *checkUp) console(ctx context.Context) {
	provider := u.Console.openID()
	switch {
	case u.Dev || u.Operations.Listen == "":
	case provider != nil:
		if err := provider.Reach(ctx, u.Now()); err != nil {
			u.wrong("console", fmt.Errorf("the identity provider cannot be used: %w", err))
			return
		}
		u.note("console", "people sign in at %s", u.Console.OIDC.Issuer)
	case u.Console.Certificates != "":
		u.note("console", "people sign in by client certificate")
	default:
		u.note("console", "people sign in by a link that nems console makes")
	}
}

func (n *node) consoleAddress() addresses {
	proxies, _ := parseNetworks(n.ForwardedFrom) // Validate has read them
	return addresses{public: strings.TrimSuffix(n.Console.URL, "/"), proxies: proxies, known: mtls.ViaProxy}
}

// developer is who works in the dev world.
const developer = "developer"

// callers returns what admits to the operators' API. In the dev world a page of the
// console may use it, too: the browser says that it is one.
func (n *node) callers(gate *signin.Gate) func(*http.Request) (operator.Caller, error) {
	bearer := operator.Bearer(n.OperatorToken)
	if gate != nil {
		return gate.API(bearer)
	}
	return func(r *http.Request) (operator.Caller, error) {
		if r.Header.Get("Authorization") == "" && r.Header.Get("Sec-Fetch-Site") == "same-origin" {
			return operator.Caller{User: developer, Roles: operator.AllRoles}, nil
		}
		return bearer(r)
	}
}

// console wires the console: for whoever has signed in, or in the dev world for the
// developer.
func (n *node) console(gate *signin.Gate) console.Config {
	desk := n.desk(operator.Viewer)
	desk.User = "console"
	c := console.Config{Desk: desk, Notices: n.notices, Dev: n.Dev, Types: n.types.now, Now: n.Now, Log: n.Log, Gate: gate, End: n.ending}
	if gate == nil {
		desk.User, desk.Roles = developer, operator.AllRoles
		c.Desk, c.Roles = desk, operator.AllRoles
		c.Base = n.addresses().of // in production the others have listeners of their own
		return c
	}
	c.Gives = n.givers()
	c.Admit = func(r *http.Request) (console.Visitor, error) {
		s, err := gate.Admit(r)
		if err != nil {
			return console.Visitor{}, err
		}
		desk := n.desk()
		desk.Caller = s.Caller
		return console.Visitor{Name: s.User, Desk: desk, Roles: s.Roles, Token: s.FormToken, Left: s.Until.Sub(n.Now()),
			Leave: func(w http.ResponseWriter, r *http.Request) (string, error) { return gate.Leave(w, r, s) }}, nil
	}
	return c
}

// givers says who can give somebody a role.
func (n *node) givers() string {
	switch {
	case n.Console.OIDC.Issuer != "":
		return "Whoever runs the identity provider " + n.Console.OIDC.Issuer + " can give it to you (setting console-role). An administrator can make you a link with nems console --role."
	case n.Console.Certificates != "":
		return "Whoever runs this service can give it to your certificate (setting console-certificate). An administrator can make you a link with nems console --role."
	}
	return "An administrator can make you a link with nems console --role."
}
