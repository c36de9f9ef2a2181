package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"nems/internal/courier"
	"nems/internal/mesh"
	"nems/internal/mtls"
	"nems/internal/store"
)

// RemoteMESH is the MESH that deliveries to remote mailboxes are sent to.
type RemoteMESH struct {
	// URL is its address, without /messageexchange; "" when there is none.
	URL string `name:"url" help:"Address of the MESH that serves the remote mailboxes; empty: nothing is sent."`
	// Cert and Key are this service's client certificate there; a replaced pair
	// is used without a restart. CA is the PEM file of the issuers of its
	// certificate.
	Cert string `name:"cert" type:"path" help:"Client certificate (PEM) for that MESH."`
	Key  string `name:"key" type:"path" help:"Private key (PEM) of that certificate."`
	CA   string `name:"ca" type:"path" help:"Issuers (PEM) of that MESH's certificate; default: the system's."`
	// SharedKey and Password make the NHSMESH token of this service's mailbox there.
	SharedKey string `name:"shared-key" help:"Shared key of that MESH; better given in the environment."`
	Password  string `name:"password" help:"Password of this NEMS's mailbox at that MESH; better given in the environment."`
	// Parallel is how many mailboxes are sent to at the same time.
	Parallel int `name:"parallel" default:"64" help:"Mailboxes that are sent to at the same time."`
	// GiveUp is how long a delivery that keeps failing is tried.
	GiveUp time.Duration `name:"give-up" default:"240h" help:"How long a delivery that keeps failing is tried before it is parked for an operator."`
	// PartnerID is the length of the longest partner id that the MESH accepts.
	PartnerID int `name:"partner-id" default:"500" help:"Length of the longest partner id that MESH accepts, in bytes; pairs that do not fit are left out."`
}

func (r RemoteMESH) validate() []error {
	if r.URL == "" {
		return nil
	}
	var wrong []error
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return []error{errors.New("mesh-remote-url: expected an http or https URL")}
	}
	if (r.Cert == "") != (r.Key == "") {
		wrong = append(wrong, errors.New("mesh-remote-cert and mesh-remote-key go together"))
	}
	if r.SharedKey == "" || r.Password == "" {
		wrong = append(wrong, errors.New("mesh-remote-shared-key and mesh-remote-password are needed with mesh-remote-url"))
	}
	if r.Parallel < 0 || r.GiveUp < 0 || r.PartnerID < 0 {
		wrong = append(wrong, errors.New("mesh-remote-parallel, mesh-remote-give-up and mesh-remote-partner-id: expected 0 or more"))
	}
	return wrong
}

// tls presents this service's certificate to the MESH and checks the MESH's own.
func (r RemoteMESH) tls(watch *mtls.Watch) (*tls.Config, error) {
	return mtls.Client("mesh-remote", r.Cert, r.Key, r.CA, watch)
}

// newCourier returns the courier; nil when there is no remote MESH.
func (n *node) newCourier() (*courier.Courier, error) {
	n.metrics.registry.MustRegister(courier.Backlog{Read: n.db.Backlogs, Now: n.Now})
	if n.RemoteMESH.URL == "" {
		return nil, nil
	}
	secure, err := n.RemoteMESH.tls(n.tls)
	if err != nil {
		return nil, fmt.Errorf("remote MESH: %w", err)
	}
	if n.meshClient, err = mesh.NewClient(mesh.ClientConfig{
		URL: n.RemoteMESH.URL, Mailbox: n.Mailbox, Password: n.RemoteMESH.Password,
		SharedKey: []byte(n.RemoteMESH.SharedKey), TLS: secure, Now: n.machine,
		Around: func(t http.RoundTripper) http.RoundTripper { return n.tracer.Transport("mesh", t) },
	}); err != nil {
		return nil, err
	}
	c := courier.New(courier.Config{
		Outbox: n.db, Client: n.meshClient, Owner: n.owner, Now: n.Now, Settled: n.clock.Settled, Log: n.Log, Record: n.db.Record,
		Parallel: n.RemoteMESH.Parallel, GiveUp: n.RemoteMESH.GiveUp, PartnerID: n.RemoteMESH.PartnerID,
		Withheld: n.broker.Flagged,
	})
	n.metrics.registry.MustRegister(c.Collectors()...)
	return c, nil
}

// carry runs the courier. Without one, it logs once if deliveries wait for it.
func (n *node) carry(ctx context.Context) error {
	if n.courier != nil {
		defer n.meshClient.Close()
		return n.courier.Run(ctx)
	}
	boxes, err := n.db.Mailboxes(ctx)
	var endpoints []store.Endpoint
	if err == nil {
		endpoints, err = n.db.EndpointsAfter(ctx, 0, len(boxes))
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop as soon as it had begun
		}
		return err
	}
	remote := -len(endpoints) // they have mailboxes, but none at a MESH
	for _, box := range boxes {
		if box.Remote {
			remote++
		}
	}
	if remote > 0 {
		n.Log.Warn("copies for remote mailboxes wait: mesh-remote-url is not set", "mailboxes", remote)
	}
	return nil
}
