package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nems/internal/operator"
)

// Each page is for its role alone, whether it is asked for or sent a form.
func TestEachPageIsForItsRole(t *testing.T) {
	for _, role := range operator.AllRoles {
		s := visited(t, func() (Visitor, error) {
			return Visitor{Name: "jan", Roles: []operator.Role{role}, Token: "one"}, nil
		})
		for _, p := range New(Config{}).pages {
			if p.role == role || p.path == "stream" {
				continue
			}
			path := strings.NewReplacer("{", "", "}", "").Replace(p.path)
			if status, _ := s.get(path); status != http.StatusForbidden {
				t.Errorf("%s alone reads %s: %d", role, path, status)
			}
			if p.raw != nil {
				continue
			}
			if status, _ := s.post("http://nems.test", path, url.Values{tokenField: {"one"}}); status != http.StatusForbidden {
				t.Errorf("%s alone sends %s: %d", role, path, status)
			}
		}
	}
}

// A page that several roles open does for each only what that one may do.
func TestActsAreForTheirRole(t *testing.T) {
	s := visited(t, func() (Visitor, error) {
		return Visitor{Name: "jan", Roles: []operator.Role{operator.Viewer}, Token: "one"}, nil
	})
	s.fill()
	for _, form := range []struct{ path, fields string }{
		{"deliveries", "move=park&confirmed=yes&id=x"}, {"events/1", "move=resend&confirmed=yes&id=x"},
		{"subscriptions", "id=01a220e99342762db707cfff4f825416"}, {"subscriptions", "act=end&reason=x&confirmed=yes&id=01a220e99342762db707cfff4f825416"},
		{"event-types/vaccinations-1", "state=withdrawn&confirmed=yes"},
		{"systems", "do=revoke&confirmed=yes&asid=200000000115&id=200000000115"}, {"directory", "patient=9912003888&why=x&look=1&reason=x"},
		{"events", "patient=9912003888&look=1"}, {"events/1", "reveal=1&reveal-text=x&reason=x"}, {"events/1", "export=1&why=x"},
	} {
		values, err := url.ParseQuery(form.fields)
		s.must(err)
		values.Set(tokenField, "one")
		status, body := s.post("http://nems.test", form.path, values)
		if status < 400 || strings.Contains(body, "9912003888") {
			t.Errorf("%s with %s: %d", form.path, form.fields, status)
		}
	}
}
