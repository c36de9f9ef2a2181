package assure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"nems/internal/access"
	"nems/internal/catalogue"
	"nems/internal/certs"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/operator"
	"nems/internal/spine"
)

// Setting says how the service of a run is set up.
type Setting struct {
	// Listen is the address of the door, such as localhost:8890; port 0 chooses one.
	Listen string
	// TLS serves over TLS; without Cert and Key with a certificate of a throwaway authority,
	// which also issues one for the system under test. ClientCA has the issuers whose
	// client certificates count.
	TLS                 bool
	Cert, Key, ClientCA string
	Hosts               []string // names of the throwaway certificate
	EventTypes          string   // folder with further event types
	Strict              bool     // refuse as a NEMS does what deviates in headers and token
	Declared            Declared
	Log                 *slog.Logger         // of the door; nil: none
	Now                 func() time.Time     // nil: the machine's clock
	Steady              func() time.Duration // beside Now; nil: the machine's
}

// Service is a NEMS on a folder that is thrown away, with the door in front of it.
type Service struct {
	// URL is where the system under test finds it, and Node where the service itself is.
	URL, Node string
	// Desk is the service's operators' desk.
	Desk operator.Face
	// Record has what came to the door.
	Record *Record
	Types  *catalogue.Catalogue
	Now    func() time.Time
	// Authority, Client and ClientKey are files for the system under test, if the
	// certificates are throwaway ones: the issuer, and a certificate with its key.
	Authority, Client, ClientKey string

	folder string
	server *http.Server
	stop   context.CancelFunc
	node   chan error
}

// startWithin is how long the service may take to begin.
const startWithin = time.Minute

// Start runs a service until Close.
func Start(ctx context.Context, s Setting) (_ *Service, err error) {
	log := s.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	out := &Service{Record: NewRecord(), Now: s.Now, node: make(chan error, 1)}
	if out.Now == nil {
		out.Now = time.Now
	}
	if out.Types, err = catalogue.Load(s.EventTypes); err != nil {
		return nil, err
	}
	if out.folder, err = os.MkdirTemp("", "nems-assure-"); err != nil {
		return nil, err
	}
	ctx, out.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			_ = out.Close()
		}
	}()
	socket, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = socket.Close()
		}
	}()
	judge := &Judge{NEMS: devworld.NEMS, ASID: nhs.ASID(s.Declared.ASID), ODS: nhs.ODSCode(s.Declared.ODS), Types: out.Types, Now: out.Now, Mailbox: s.Declared.Mailbox}
	config, err := out.secure(s, judge)
	if err != nil {
		return nil, err
	}
	out.URL = address(socket, config != nil)
	if err := out.run(ctx, s); err != nil {
		return nil, err
	}
	if err := out.register(ctx, s.Declared); err != nil {
		return nil, err
	}
	if config != nil {
		socket = tls.NewListener(socket, config)
	}
	out.server = &http.Server{
		Handler:           &Door{Node: out.Node, Record: out.Record, Judge: judge, Mend: !s.Strict, Now: out.Now, Client: &http.Client{}},
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() { _ = out.server.Serve(socket) }()
	return out, nil
}

// address is how the door is reached.
func address(socket net.Listener, secure bool) string {
	scheme, at := "http", socket.Addr().String()
	if secure {
		scheme = "https"
	}
	if tcp, ok := socket.Addr().(*net.TCPAddr); ok && (tcp.IP.IsLoopback() || tcp.IP.IsUnspecified()) {
		at = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return scheme + "://" + at
}

// run starts the NEMS itself, on this machine only.
func (s *Service) run(ctx context.Context, setting Setting) error {
	config := node.DevConfig(filepath.Join(s.folder, "data"))
	config.EventTypes, config.PublicURL = setting.EventTypes, s.URL
	ready := make(chan string, 1)
	env := node.Environment{Log: slog.New(slog.DiscardHandler), Now: setting.Now, Steady: setting.Steady, Ready: func(url string) { ready <- url }}
	go func() { s.node <- node.Run(ctx, config, env) }()
	select {
	case s.Node = <-ready:
	case err := <-s.node:
		s.node <- nil
		return fmt.Errorf("the service did not start: %w", err)
	case <-time.After(startWithin):
		return errors.New("the service did not start within a minute")
	}
	access, err := operator.ReadAccess(config.Data)
	s.Desk = &operator.Client{Access: access, User: "nems assure", HTTP: &http.Client{}}
	return err
}

// register registers the system under test: it may do all that its side does.
func (s *Service) register(ctx context.Context, d Declared) error {
	system := access.System{
		ASID: nhs.ASID(d.ASID), Name: d.Product, ODSCodes: []nhs.ODSCode{nhs.ODSCode(d.ODS)},
		Interactions: []string{"urn:nhs:names:services:events:*", "urn:nhs:names:services:clinicals-sync:*"},
		Kinds:        []access.SubscriptionKind{access.Explicit, access.Generic}, Mailboxes: []string{"*"},
		Spine: slices.ContainsFunc(d.Events, func(code string) bool {
			t, known := s.Types.Type(code)
			return known && t.Publishers == catalogue.SpineOnly
		}),
	}
	if _, err := operator.PutSystems.Do(ctx, s.Desk, []spine.Registration{{System: system}}); err != nil {
		return fmt.Errorf("registering the system under test: %w", err)
	}
	if d.Mailbox == "" {
		return nil
	}
	box := operator.Mailbox{ID: d.Mailbox, Name: d.Product, ODS: nhs.ODSCode(d.ODS), Password: devworld.Password}
	if _, err := operator.PutMailboxes.Do(ctx, s.Desk, []operator.Mailbox{box}); err != nil {
		return fmt.Errorf("registering the mailbox: %w", err)
	}
	return nil
}

// secure makes the TLS of the door; nil for plain HTTP.
func (s *Service) secure(setting Setting, judge *Judge) (*tls.Config, error) {
	if !setting.TLS {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS10, ClientAuth: tls.RequestClientCert} //nolint:gosec // old versions are found, not refused
	if setting.ClientCA != "" {
		text, err := os.ReadFile(setting.ClientCA)
		if err != nil {
			return nil, err
		}
		if judge.Issuers = x509.NewCertPool(); !judge.Issuers.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", setting.ClientCA)
		}
	}
	if setting.Cert != "" {
		pair, err := tls.LoadX509KeyPair(setting.Cert, setting.Key)
		config.Certificates = []tls.Certificate{pair}
		return config, err
	}
	return config, s.throwaway(config, setting, judge)
}

// throwaway makes an authority, with a certificate for the door and one for the system
// under test.
func (s *Service) throwaway(config *tls.Config, setting Setting, judge *Judge) error {
	now, valid := time.Now(), 30*24*time.Hour
	authority, err := certs.NewAuthority("Throwaway authority of nems assure", now, valid)
	if err != nil {
		return err
	}
	server, err := authority.Server(now, valid, append([]string{"localhost", "127.0.0.1", "::1"}, setting.Hosts...)...)
	if err != nil {
		return err
	}
	client, err := authority.Client("system-under-test.assure.nhs.uk", now, valid)
	if err != nil {
		return err
	}
	config.Certificates = []tls.Certificate{server.TLS()}
	if judge.Issuers == nil {
		judge.Issuers = x509.NewCertPool()
		judge.Issuers.AddCert(authority.Certificate)
	}
	in := func(name string) string { return filepath.Join(s.folder, name) }
	s.Authority, s.Client, s.ClientKey = in("ca.pem"), in("client.pem"), in("client.key")
	return errors.Join(authority.WriteFiles(s.Authority, in("ca.key")), client.WriteFiles(s.Client, s.ClientKey))
}

// Close ends the service and removes its folder.
func (s *Service) Close() error {
	if s.server != nil {
		_ = s.server.Close()
	}
	s.stop()
	var err error
	if s.Node != "" {
		err = <-s.node
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}
