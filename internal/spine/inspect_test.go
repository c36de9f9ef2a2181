package spine

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"
)

// problems lists what was found wrong, each name once.
func problems(all []Inspected) (names []string) {
	for _, i := range all {
		if i.Problem != "" && !slices.Contains(names, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// TestInspectFindsEverythingAtOnce: a request that is right has no problem; one with
// several has each of them, where Enter stops at the first.
func TestInspectFindsEverythingAtOnce(t *testing.T) {
	for name, make := range attempts {
		if got := problems(Inspect(make().build(), nemsASID, now)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, c := range map[string]struct {
		change func(a *attempt)
		want   []string
	}{
		"headers": {func(a *attempt) {
			a.header.Set("toASID", "200000000115")
			a.header.Set("InteractionID", "urn:nhs:names:services:clinicals-sync:SubscriptionsApiGet")
			a.header.Set("Accept", "text/html")
			a.header.Del("Content-Type")
		}, []string{"header-content-type", "header-accept", "header-to-asid", "header-interaction-id"}},
		"claims": {func(a *attempt) {
			a.token.ODS, a.token.Issuer, a.token.Audience, a.token.Scope = "", "", "nems", "patient/*.read"
			a.token.Reason, a.token.Expires = "secondary-uses", a.token.Issued.Add(time.Hour)
		}, []string{"token-claims", "token-audience", "token-times", "token-reason", "token-scope"}},
	} {
		a := attempts["publish"]()
		c.change(a)
		if got := problems(Inspect(a.build(), nemsASID, now)); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %v; expected %v", name, got, c.want)
		}
	}
}

// A token without its scheme, or with another algorithm, is looked at as far as it goes.
func TestInspectLooksAtTokensThatDoNotGetIn(t *testing.T) {
	r := attempts["publish"]().build()
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, payload, _ := strings.Cut(token, ".")
	for value, want := range map[string][]string{
		token:        {"header-authorization"},
		"Basic YTpi": {"header-authorization"},
		"Bearer a.b": {"token-form"},
		"Bearer " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + payload: {"token-header", "token-form"},
	} {
		r.Header.Set("Authorization", value)
		if got := problems(Inspect(r, nemsASID, now)); !slices.Equal(got, want) {
			t.Errorf("%.20s: found %v; expected %v", value, got, want)
		}
	}
	r.Header.Del("Authorization")
	if got := problems(Inspect(r, nemsASID, now)); !slices.Equal(got, []string{"header-authorization"}) {
		t.Errorf("no token: %v", got)
	}
}

func TestDeclared(t *testing.T) {
	r := attempts["publish"]().build()
	if from, organisation := Declared(r.Header); from != publisher.ASID || organisation != "A83627" {
		t.Errorf("%s of %s", from, organisation)
	}
	r.Header.Set("Authorization", "Bearer no token")
	if from, organisation := Declared(r.Header); from != publisher.ASID || organisation != "" {
		t.Errorf("%s of %q", from, organisation)
	}
}
