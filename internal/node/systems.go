package node

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// systems holds the registered systems in memory, so that requests need no read
// of the database. It is the door's spine.Registry.
type systems struct {
	read    func(ctx context.Context) ([]store.System, error)
	log     *slog.Logger
	current atomic.Pointer[registered]
}

// registered is one reading of the registrations. It is never changed.
type registered struct {
	byASID map[nhs.ASID]spine.Registration
	// byCertificate finds the systems that a certificate's name, in small
	// letters, identifies: one endpoint may serve several systems.
	byCertificate map[string][]spine.Registration
}

// System implements spine.Registry.
func (s *systems) System(_ context.Context, asid nhs.ASID) (spine.Registration, bool, error) {
	system, ok := s.current.Load().byASID[asid]
	return system, ok, nil
}

// load reads all systems.
func (s *systems) load(ctx context.Context) error {
	rows, err := s.read(ctx)
	if err != nil {
		return err
	}
	next := registered{byASID: make(map[nhs.ASID]spine.Registration, len(rows)), byCertificate: map[string][]spine.Registration{}}
	for _, row := range rows {
		system, err := operator.DecodeSystem(row)
		if err != nil {
			// One unreadable registration must not affect the others.
			s.log.Error("a registered system cannot be read and is refused", "asid", row.ASID, "error", err)
			continue
		}
		next.byASID[row.ASID] = system
		for _, name := range system.CertificateNames {
			name = strings.ToLower(name)
			next.byCertificate[name] = append(next.byCertificate[name], system)
		}
	}
	s.current.Store(&next)
	return nil
}

// certificate returns the name of a request's client certificate for the audit:
// the registered name, if there is one; "" without a certificate.
func (s *systems) certificate(r *http.Request) string {
	names, current := spine.PeerNames(r), s.current.Load()
	for _, name := range names {
		if len(current.byCertificate[name]) > 0 {
			return name
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return ""
}

// opens reports whether the client certificate of a request belongs to a system
// that may use the mailbox. It is the MESH API's gate in production.
func (s *systems) opens(r *http.Request, box store.Mailbox) bool {
	names, current := spine.PeerNames(r), s.current.Load()
	for _, name := range names {
		for _, system := range current.byCertificate[name] {
			if system.Opens(names, box.ID, box.ODS) {
				return true
			}
		}
	}
	return false
}
