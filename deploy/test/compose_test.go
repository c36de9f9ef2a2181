package test

import (
	"os"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project loads a file as docker compose does: it checks the schema, unknown keys, and
// that networks, volumes, secrets and services exist that others refer to.
func project(t *testing.T, file string, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(env))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func TestCompose(t *testing.T) {
	for _, file := range []string{"../compose.yaml", "../compose.production.yaml"} {
		if _, err := project(t, file); err == nil {
			t.Errorf("%s: expected that it asks for NEMS_VERSION", file)
		}
		p, err := project(t, file, "NEMS_VERSION=v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Services {
			if !s.ReadOnly || s.Privileged || len(s.SecurityOpt) == 0 {
				t.Errorf("%s, %s: expected a read-only root and no new privileges", file, s.Name)
			}
			if s.Name == "migrate" || s.Name == "proxy" {
				continue
			}
			if s.HealthCheck == nil || s.HealthCheck.Test[0] != "CMD" {
				t.Errorf("%s, %s: expected a health check that needs no shell; received %+v", file, s.Name, s.HealthCheck)
			}
		}
		for _, c := range p.Configs {
			if _, err := os.Stat(c.File); err != nil {
				t.Error(err)
			}
		}
	}
}
