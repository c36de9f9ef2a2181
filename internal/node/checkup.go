package node

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/database"
	"nems/internal/datafolder"
	"nems/internal/mtls"
	"nems/internal/operator"
	"nems/internal/store"
)

// Finding is what CheckUp found about one thing that a node needs.
type Finding struct {
	What string // such as "fhir listener"
	// Note says what was seen. If Wrong is set, Wrong says what is wrong.
	Note  string
	Wrong error
}

// CheckUp tries everything that a node with this configuration needs: settings,
// certificates, addresses, data folder, database, directory, event types, audit
// key, how people sign in, and the clock. It changes no data, and a service may be running with the
// same configuration.
func CheckUp(ctx context.Context, c Config, env Environment) []Finding {
	if env.Now == nil {
		env.Now = time.Now
	}
	u := checkUp{Config: c, Environment: env}
	if err := cmp.Or(u.readSecrets(), u.Validate()); err != nil {
		u.wrong("configuration", err)
		return u.found // other checks would only repeat it
	}
	u.note("configuration", "version %d", c.Version)
	u.listeners(ctx)
	u.folder()
	u.database(ctx)
	u.directory(ctx)
	u.eventTypes()
	u.audit(ctx)
	u.console(ctx)
	return u.found
}

type checkUp struct {
	Config
	Environment
	found []Finding
}

func (u *checkUp) note(what, format string, a ...any) {
	u.found = append(u.found, Finding{What: what, Note: fmt.Sprintf(format, a...)})
}

func (u *checkUp) wrong(what string, err error) {
	u.found = append(u.found, Finding{What: what, Wrong: err})
}

func (u *checkUp) listeners(ctx context.Context) {
	all := []struct {
		name string
		Listener
	}{{"fhir", u.FHIR}, {"mesh", u.MESH}, {"operations", u.Operations}, {"pds-server", u.PDSAPI.Listener}, {"sqs", u.SQS.Listener}}
	if u.Dev {
		all = all[:1]
		all[0].name, all[0].Listener = "dev", Listener{Listen: u.Listen, Cert: u.TLSCert, Key: u.TLSKey}
	}
	for _, l := range all {
		if l.Listen != "" {
			u.address(l.name+" listener", l.Listen)
			u.certificates(ctx, l.name, l.Listener)
		}
	}
	if u.RemoteMESH.URL != "" {
		if _, err := u.RemoteMESH.tls(u.quiet()); err != nil {
			u.wrong("remote MESH", err)
		} else {
			u.note("remote MESH", "its certificates can be read")
		}
	}
}

// quiet returns a Watch that reports nothing, because a check-up reports by its findings.
func (u *checkUp) quiet() *mtls.Watch {
	return mtls.NewWatch(u.Log, prometheus.NewRegistry(), u.Now, func(mtls.Refused) {})
}

func (u *checkUp) address(what, listen string) {
	socket, err := net.Listen("tcp", listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		u.note(what, "%s is in use, perhaps by a running service", listen)
	case err != nil:
		u.wrong(what, err)
	default:
		u.note(what, "%s is available", listen)
		_ = socket.Close()
	}
}

// soon is how long before a certificate expires a check-up mentions it.
const soon = 30 * 24 * time.Hour

func (u *checkUp) certificates(ctx context.Context, name string, l Listener) {
	if l.Cert == "" {
		return
	}
	what := name + " certificates"
	own, err := mtls.ServerCertificate(l.files())
	if err != nil {
		u.wrong(what, err)
		return
	}
	left := own.NotAfter.Sub(u.Now())
	switch {
	case left <= 0:
		u.wrong(what, fmt.Errorf("%s expired on %s", l.Cert, own.NotAfter.UTC().Format(time.RFC3339)))
	case left < soon:
		u.note(what, "%s EXPIRES SOON, on %s", l.Cert, own.NotAfter.UTC().Format(time.RFC3339))
	default:
		u.note(what, "%s is valid until %s", l.Cert, own.NotAfter.UTC().Format(time.RFC3339))
	}
	if l.ClientCA == "" {
		return
	}
	var memory mtls.Memory
	if !u.AcceptOlderCRL {
		if source, err := datafolder.OpenReader(ctx, u.Data, u.Database, store.Options{}); err == nil { // errors of the database are reported elsewhere
			defer func() { _ = source.Close() }()
			memory = readOnly{source}
		}
	}
	trusted, err := mtls.Inspect(ctx, name, l.files(), memory, u.quiet())
	if err != nil {
		u.wrong(what, err)
		return
	}
	u.note(what, "%d issuers of client certificates, %d revocation lists", trusted.Issuers, trusted.Lists)
	if at := trusted.ListsExpire; !at.IsZero() && u.Now().After(at) {
		u.wrong(what, fmt.Errorf("client-crl: a revocation list expired on %s", at.UTC().Format(time.RFC3339)))
	}
}

// readOnly remembers nothing new: a check-up changes no data.
type readOnly struct{ ledger }

func (readOnly) PutWitness(context.Context, string, []byte) error { return nil }

// folder checks that the data folder can be written to, or made.
func (u *checkUp) folder() {
	const what = "data folder"
	info, err := os.Stat(u.Data)
	switch {
	case errors.Is(err, os.ErrNotExist):
		u.note(what, "%s will be made", u.Data)
		return
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%s is not a folder", u.Data)
	}
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(u.Data, ".check-*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		u.wrong(what, err)
		return
	}
	u.note(what, "%s can be written to", u.Data)
}

func (u *checkUp) database(ctx context.Context) {
	const what = "database"
	if datafolder.IsPostgres(u.Database) {
		u.postgres(ctx)
		return
	}
	path, err := datafolder.Path(u.Data, u.Database)
	if err != nil {
		u.wrong(what, err)
		return
	}
	r, err := datafolder.OpenReader(ctx, u.Data, u.Database, store.Options{})
	switch {
	case errors.Is(err, os.ErrNotExist):
		u.note(what, "%s will be made", path)
	case err != nil:
		u.wrong(what, err)
	default:
		u.note(what, "%s can be read", path)
		u.lastCommit(ctx, r)
		_ = r.Close()
	}
}

// lastCommit checks that the clock is not behind the last commit.
func (u *checkUp) lastCommit(ctx context.Context, db interface {
	LastCommit(ctx context.Context) (time.Time, error)
}) {
	at, err := db.LastCommit(ctx)
	if err == nil {
		err = behind(u.Now(), at)
	}
	if err != nil {
		u.wrong("clock", err)
	}
}

// postgres connects as a node does, and checks the server's clock.
func (u *checkUp) postgres(ctx context.Context) {
	const what = "database"
	db, err := datafolder.OpenServer(ctx, u.Database, store.Options{Now: u.Now, Log: u.Log})
	if err != nil {
		u.wrong(what, err)
		return
	}
	defer func() { _ = db.Close() }()
	u.note(what, "PostgreSQL answers, with this version's schema")
	u.lastCommit(ctx, db)
	at, err := db.Clock(ctx)
	if err != nil {
		u.wrong("clock", err)
		return
	}
	if apart := at.Sub(u.Now()).Abs(); apart > time.Second {
		u.wrong("clock", fmt.Errorf("this machine's clock and the database server's differ by %s: synchronise them (NTP)", apart.Round(time.Millisecond)))
		return
	}
	u.note("clock", "in agreement with the database server's")
}

// directory checks that there are organisations and postcodes, and patients if
// they are not at PDS. Without them every publish or subscription is refused.
func (u *checkUp) directory(ctx context.Context) {
	const what = "directory"
	d, done, err := u.openDirectory(ctx)
	if err != nil {
		u.wrong(what, err)
		return
	}
	if d == nil {
		u.note(what, "will be seeded")
		return
	}
	defer done()
	has, err := d.Has(ctx)
	if err != nil {
		u.wrong(what, err)
		return
	}
	for _, kind := range []struct {
		name   string
		there  bool
		needed bool
	}{{"patients", has.Patients, u.PDS.URL == ""}, {"organisations", has.Organisations, true}, {"postcodes", has.Postcodes, true}} {
		switch {
		case kind.there:
			u.note(what, "has %s", kind.name)
		case kind.needed && !u.Dev:
			u.wrong(what, fmt.Errorf("has no %s: %s", kind.name, importing(kind.name, u.Database)))
		}
	}
}

// openDirectory opens the directory that the node will use. It is nil if the dev world will
// make it.
func (u *checkUp) openDirectory(ctx context.Context) (d database.Directory, done func(), err error) {
	if datafolder.IsPostgres(u.Database) {
		return datafolder.OpenShared(ctx, u.Database, store.Options{Now: u.Now, Log: u.Log})
	}
	if _, err := os.Stat(filepath.Join(u.Data, datafolder.DirectoryFile)); err != nil {
		if u.Dev {
			return nil, nil, nil
		}
		return nil, nil, fmt.Errorf("%s: nothing was imported: nems import patients, organisations, postcodes", filepath.Join(u.Data, datafolder.DirectoryFile))
	}
	if d, err = datafolder.OpenDirectory(u.Data); err != nil {
		return nil, nil, err
	}
	return d, func() { _ = d.Close() }, nil
}

func (u *checkUp) eventTypes() {
	types, err := catalogue.Load(u.EventTypes)
	if err != nil {
		u.wrong("event types", err)
		return
	}
	u.note("event types", "%d", len(types.Types()))
}

// audit wants a key that fits the checkpoints, none of which lies ahead, and a
// database that fits them.
func (u *checkUp) audit(ctx context.Context) {
	const what = "audit"
	key, file := u.AuditKey, u.AuditCheckpoints
	if key == "" {
		if !u.Dev {
			u.note(what, "NO KEY: nothing vouches for the audit (nems audit key)")
		}
		return
	}
	if file == "" {
		file = filepath.Join(u.Data, checkpointsFile)
	}
	private, err := operator.ReadAuditKey(key)
	if err != nil {
		u.wrong(what, err)
		return
	}
	public := private.Public().(ed25519.PublicKey)
	last, err := audit.LastCheckpoint(file, public)
	var lost *lostError
	if err == nil {
		lost, err = u.lostEnds(ctx, u.witness(public), last)
	}
	switch {
	case err != nil:
		u.wrong(what, err)
	case lost != nil && u.AcceptLostTail:
		u.note(what, "%v: will be ACCEPTED (accept-lost-tail)", lost.what)
	case lost != nil:
		u.wrong(what, lost)
	case last.At.After(u.Now().Add(time.Minute)):
		u.wrong("clock", fmt.Errorf("the last checkpoint of the audit was signed at %s, which lies ahead", last.At.UTC().Format(time.RFC3339)))
	case last.At.IsZero():
		u.note(what, "the key can be read; there is no checkpoint yet")
	default:
		u.note(what, "the key signed the last checkpoint, of %s", last.At.UTC().Format(time.RFC3339))
	}
}

// lostEnds returns what a start would find; nothing if there is no database yet.
func (u *checkUp) lostEnds(ctx context.Context, witness string, last audit.Checkpoint) (*lostError, error) {
	source, err := datafolder.OpenReader(ctx, u.Data, u.Database, store.Options{})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }()
	return lostEnds(ctx, source, witness, last)
}
