package node_test

import (
	"testing"

	"nems/internal/datafolder"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// The nodes of a PostgreSQL database share one directory: what one has learnt the other
// matches by soon, though it has looked the patient up before.
func TestNodesShareTheDirectory(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	shared := func(c *node.Config) { c.Database = url }
	here, there := follower{t, nodetest.Boot(t, shared)}, follower{t, nodetest.Boot(t, shared)}
	for _, practice := range []string{"B86056", "E82025"} {
		here.Subscribe(here.Leeds(), rule("GP_GP_GP", practice)+vaccinations+"&tag="+practice, leeds)
	}
	jack := nodetest.Patient(t, nodetest.Jack)
	vaccinated := nodetest.MessageAbout(t, "vaccinations-1", "new", jack)
	for _, f := range []follower{here, there} {
		f.want("at first", "vaccinations-1", vaccinated, "B86056")
	}
	jack.GP = "E82025"
	here.Publish(here.Spine(), nodetest.MessageAbout(t, gp, "new", jack))
	here.want("where the event was published", "vaccinations-1", vaccinated, "E82025")
	there.Eventually("the other node matches by the new practice", func() bool { return there.heard("vaccinations-1", vaccinated) == "E82025" })
}

// A service over PostgreSQL whose node has filled its own file, before the nodes shared
// one directory, takes the file over: once, for all nodes.
func TestTheNodesFileIsAdopted(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	if _, _, err := datafolder.Migrate(t.Context(), "", url); err != nil {
		t.Fatal(err)
	}
	one := bootProduction(t, func(c *node.Config) {
		c.Database, c.ReadyWithout = url, nil
		d, err := datafolder.OpenDirectory(c.Data)
		if err == nil {
			err = devworld.Seed(t.Context(), d)
		}
		if err == nil {
			err = d.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	other := bootProduction(t, func(c *node.Config) { c.Database, c.ReadyWithout, c.UnknownPatients = url, nil, "reject" })
	for _, p := range []*production{one, other} {
		p.eventually("the node is ready", func() bool {
			response, err := p.operator.HTTP.Get(p.operator.URL + "/health/ready")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			return response.StatusCode == 200
		})
	}
}
