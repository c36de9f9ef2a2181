package api_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/nhs"
	"nems/internal/spine"
)

// faulty is a registry with a defect.
type faulty struct{ fails func() error }

func (f faulty) System(context.Context, nhs.ASID) (spine.Registration, bool, error) {
	return spine.Registration{}, false, f.fails()
}

// TestDefects: what nobody expects is answered with 500 and a reference that the log has
// too, and costs one request. What a panic says is nowhere, for it may have a part of a
// message.
func TestDefects(t *testing.T) {
	const secret = "9912003888"
	for name, fails := range map[string]func() error{
		"an error": func() error { return errors.New("the registry has two systems of one name") },
		"a panic":  func() error { panic("no such patient: " + secret) },
	} {
		t.Run(name, func(t *testing.T) {
			broken := true
			fx := newFixture(t, func(c *api.Config) {
				c.Door.Systems = faulty{func() error {
					if broken {
						return fails()
					}
					return nil
				}}
			})
			read := func() string {
				answer := fx.send(fx.request(leeds, "GET", "/STU3/Subscription", access.ReadInteraction, ""))
				if answer.Code != 500 {
					return ""
				}
				return refused(t, answer, 500, "INTERNAL_SERVER_ERROR")
			}
			reference := regexp.MustCompile(`[0-9a-f-]{36}`).FindString(read())
			if log := fx.log.String(); reference == "" || !strings.Contains(log, reference) || strings.Contains(log, secret) {
				t.Errorf("reference %q, log %s", reference, log)
			}
			if broken = false; read() != "" {
				t.Error("the next request fails too")
			}
		})
	}
}
