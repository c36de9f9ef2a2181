package devworld

import (
	"context"
	"sync"

	"nems/internal/access"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/spine"
)

// World is the whole world in memory: directory, registry and sink at once. It
// is for tests of everything that looks something up. Safe for concurrent use.
type World struct {
	mu            sync.RWMutex
	away          bool
	patients      map[nhs.NHSNumber]directory.Patient
	organisations map[nhs.ODSCode]directory.Organisation
	postcodes     map[string]directory.Places
	systems       map[nhs.ASID]access.System
}

// New returns the seeded world.
func New() (*World, error) {
	w := &World{
		patients:      map[nhs.NHSNumber]directory.Patient{},
		organisations: map[nhs.ODSCode]directory.Organisation{},
		postcodes:     map[string]directory.Places{},
		systems:       map[nhs.ASID]access.System{},
	}
	for _, s := range Systems() {
		w.systems[s.ASID] = s
	}
	return w, Seed(context.Background(), w)
}

// SetAway makes every look-up answer ErrAway until it is called again.
func (w *World) SetAway(away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = away
}

// Router returns a Router on this world.
func (w *World) Router() directory.Router {
	return directory.Router{Patients: w, Organisations: w, Postcodes: w}
}

// maxHops limits how often a number may have been superseded.
const maxHops = 10

// Patient implements directory.Patients.
func (w *World) Patient(_ context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	p, err := get(w, w.patients, n)
	for hops := 0; err == nil && !p.SupersededBy.IsZero() && hops < maxHops; hops++ {
		p, err = get(w, w.patients, p.SupersededBy)
	}
	if err == nil && p.NHSNumber != n {
		p.NHSNumber, p.SupersededBy = n, p.NHSNumber
	}
	return p, err
}

// Organisation implements directory.Organisations.
func (w *World) Organisation(_ context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	return get(w, w.organisations, code)
}

// Places implements directory.Postcodes.
func (w *World) Places(_ context.Context, postcode string) (directory.Places, error) {
	normal, _ := directory.NormalPostcode(postcode)
	return get(w, w.postcodes, normal)
}

// System implements spine.Registry.
func (w *World) System(_ context.Context, asid nhs.ASID) (spine.Registration, bool, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	s, found := w.systems[asid]
	return spine.Registration{System: s}, found, nil
}

// PutPatients implements directory.Sink.
func (w *World) PutPatients(_ context.Context, batch []directory.Patient) error {
	return put(w, w.patients, batch, func(p directory.Patient) (nhs.NHSNumber, directory.Patient) { return p.NHSNumber, p })
}

// PutOrganisations implements directory.Sink.
func (w *World) PutOrganisations(_ context.Context, batch []directory.Organisation) error {
	return put(w, w.organisations, batch, func(o directory.Organisation) (nhs.ODSCode, directory.Organisation) { return o.Code, o })
}

// PutPostcodes implements directory.Sink.
func (w *World) PutPostcodes(_ context.Context, batch []directory.PostcodePlaces) error {
	return put(w, w.postcodes, batch, func(p directory.PostcodePlaces) (string, directory.Places) { return p.Postcode, p.Places })
}

func get[K comparable, V any](w *World, m map[K]V, key K) (V, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	v, found := m[key]
	switch {
	case w.away:
		return v, directory.ErrAway
	case !found:
		return v, directory.ErrNotFound
	}
	return v, nil
}

func put[K comparable, V, E any](w *World, m map[K]V, batch []E, entry func(E) (K, V)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range batch {
		k, v := entry(e)
		m[k] = v
	}
	return nil
}
