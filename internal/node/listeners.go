package node

import (
	"context"
	"net/http"
	"path"
	"strings"
	"time"

	"nems/internal/mns"
	"nems/internal/pdsapi"
	"nems/internal/r4"
	"nems/internal/sqs"
)

// bind makes the handlers and opens the addresses.
func (n *node) bind(ctx context.Context) error {
	if n.Dev {
		e, err := bind(ctx, "dev", Listener{Listen: n.Listen, Cert: n.TLSCert, Key: n.TLSKey}, nil, n.tls, nil)
		if err != nil {
			return err
		}
		n.endpoints = append(n.endpoints, e)
		e.server.Handler = n.localOnly(e.socket.Addr(), n.everything())
		return nil
	}
	memory := n.listMemory()
	operations := http.NewServeMux()
	n.operations(operations)
	for _, l := range []struct {
		name string
		Listener
		handler http.Handler
	}{
		{"fhir", n.FHIR, n.fhirDoors()},
		{"mesh", n.MESH, n.tracer.Handler("mesh", n.mesh)},
		{"operations", n.Operations, operations},
		{"pds-server", n.PDSAPI.Listener, n.pds},
		{"mns", n.MNS.Listener, n.mnsHandler()},
		{"sqs", n.SQS.Listener, n.tracer.Handler("sqs", n.queues.server)},
	} {
		if l.Listen == "" {
			continue
		}
		e, err := bind(ctx, l.name, l.Listener, l.handler, n.tls, memory)
		if err != nil {
			return err
		}
		n.endpoints = append(n.endpoints, e)
	}
	return nil
}

// everything returns the single handler of the dev world.
func (n *node) everything() http.Handler {
	fhir, mesh, rest := n.fhirDoors(), n.tracer.Handler("mesh", n.mesh), http.NewServeMux()
	signals := n.mnsHandler()
	queues := n.tracer.Handler("sqs", n.queues.server)
	n.operations(rest)
	rest.Handle("/", fhir) // which answers that there is no such path
	// Not one mux for all, because it would redirect paths that are not clean
	// before the FHIR and MESH handlers can answer in their own forms.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case sqs.Owns(r):
			queues.ServeHTTP(w, r)
		case strings.HasPrefix(p, "/STU3/"), r4.Owns(p):
			fhir.ServeHTTP(w, r)
		case strings.HasPrefix(p, "/messageexchange/"), strings.HasPrefix(p, "/admin/"):
			mesh.ServeHTTP(w, r)
		case n.pds != nil && pdsapi.Owns(p):
			n.pds.ServeHTTP(w, r)
		case signals != nil && (mns.Owns(p) || p == pdsapi.TokenPath):
			signals.ServeHTTP(w, r)
		case strings.TrimSuffix(p, "/") != strings.TrimSuffix(path.Clean(p), "/"):
			fhir.ServeHTTP(w, r) // the mux would redirect it
		default:
			// The other two have left deadlines on the connection.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
			rest.ServeHTTP(w, r)
		}
	})
}
