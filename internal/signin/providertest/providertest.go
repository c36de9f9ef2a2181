// Package providertest serves a real identity provider to tests: the example
// provider of zitadel/oidc, whose people are in groups.
package providertest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Password is that of all people.
const Password = "verysecure"

// Provider knows people and the programs where they sign in.
type Provider struct {
	*storage.Storage
	groups map[string]any
	// Home is the address of the console that signs people out; until it is set
	// nobody is led back.
	Home string
}

// New makes a provider with this issuer, a URL with a slash at its end. The groups
// are those of its two people, whose names are test-user@HOST, where HOST is the
// issuer's, and test-user2; the claim realm_access.roles has them.
func New(issuer string, groups map[string]any) (*Provider, http.Handler) {
	p := &Provider{storage.NewStorage(storage.NewUserStore(strings.TrimSuffix(issuer, "/"))), groups, ""}
	return p, exampleop.SetupServer(issuer, p, slog.New(slog.DiscardHandler), false)
}

// Register lets people sign in at the program that is led back to at callback.
func Register(id, secret string, callback ...string) {
	storage.RegisterClients(storage.WebClient(id, secret, callback...))
}

// SetUserinfoFromToken is op.Storage's.
func (p *Provider) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := p.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	info.AppendClaims("realm_access", map[string]any{"roles": p.groups[info.PreferredUsername]})
	return nil
}

// GetClientByClientID is op.Storage's.
func (p *Provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	return leaving{c, p.Home}, err
}

// leaving is a client that is led back to after signing out.
type leaving struct {
	op.Client
	home string
}

// PostLogoutRedirectURIs is op.Client's.
func (l leaving) PostLogoutRedirectURIs() []string { return []string{l.home + "/console/sign-in"} }
