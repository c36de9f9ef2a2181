// Package node builds and runs a NEMS: configuration, wiring, listeners and
// shutdown. The commands, the demo and the tests all use it.
package node

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"nems/internal/datafolder"
	"nems/internal/directory/devworld"
	"nems/internal/store"
)

// Config is everything that can be set. Each field is a flag of nems serve (its
// name tag), an environment variable (NEMS_ and the name in capitals with
// underscores) and a key of the configuration file; an earlier one of these
// overrides a later one.
type Config struct {
	// Version is the version of the configuration file's format.
	Version int `name:"version" default:"1" hidden:"" help:"Version of the configuration format; 1."`

	// Dev serves everything on one listener, with a seeded world of synthetic
	// patients, systems and mailboxes, unsigned tokens and reset endpoints.
	Dev bool `name:"dev" help:"Serve everything on one listener with a seeded world of synthetic data. Never for real patients."`
	// Listen is the address of the development listener.
	Listen string `name:"listen" default:"localhost:8880" help:"Address of the development listener (--dev)."`
	// TLSCert and TLSKey serve the development listener over TLS.
	TLSCert string `name:"tls-cert" type:"path" help:"Certificate (PEM) of the development listener; default: plain HTTP."`
	TLSKey  string `name:"tls-key" type:"path" help:"Private key (PEM) of the development listener."`

	// FHIR, MESH and Operations are the listeners of production. Each has its
	// own TLS; the first two require client certificates.
	FHIR       Listener `embed:"" prefix:"fhir-"`
	MESH       Listener `embed:"" prefix:"mesh-"`
	Operations Listener `embed:"" prefix:"operations-"`

	// RemoteMESH is the MESH that serves the mailboxes marked remote.
	RemoteMESH RemoteMESH `embed:"" prefix:"mesh-remote-"`

	// Webhooks is how copies go to the HTTPS endpoints of subscribers.
	Webhooks Webhooks `embed:"" prefix:"webhooks-"`
	// R4 serves topic-based subscriptions in FHIR R4, whose notifications go out as
	// webhooks do: in auto, in the dev world only.
	R4 string `name:"r4" enum:"auto,on,off" default:"auto" help:"Serve topic-based subscriptions in FHIR R4 at /R4: on, off, or auto (in --dev only). Needs webhooks."`

	// Streams is how many may read events at a time.
	Streams Streams `embed:"" prefix:"streams-"`
	// MNS is where the events are published and subscribed to as the Multicast
	// Notification Service has them.
	MNS MNS `embed:"" prefix:"mns-"`
	// SQS is how hosted mailboxes are queues too, and how copies go to queues.
	SQS SQS `embed:"" prefix:"sqs-"`

	// Traces is where it is told what happens to requests.
	Traces Traces `embed:"" prefix:"traces-"`

	// PDS is where patients are looked up, if not in the directory.
	PDS PDS `embed:"" prefix:"pds-"`
	// PDSAPI is where others look up, and change, the patients of this service.
	PDSAPI PDSAPI `embed:"" prefix:"pds-server-"`

	// Data is the folder of the embedded database and the directory.
	Data string `name:"data" default:"nems-data" type:"path" help:"Folder of the embedded database and the directory; made if it is missing."`
	// Database selects the store: sqlite:PATH, a SQLite database in Data if
	// empty, or the URL of a PostgreSQL database that several nodes share.
	Database string `name:"database" help:"Where events are kept: sqlite:PATH, or postgres://USER@HOST/NAME for several nodes (better given in the environment, because it may contain a password); default: nems.db in the data folder."`

	// ASID and Mailbox are the service's own identity.
	ASID    string `name:"asid" default:"111111111111" help:"ASID of this NEMS, which callers send as toASID."`
	Mailbox string `name:"mailbox" default:"X26NEMS" help:"MESH mailbox that copies come from."`
	// PublicURL is put before the paths of Location headers and links.
	PublicURL string `name:"public-url" help:"Scheme and host that callers use, put before the paths of Location headers and links; default: those that the caller used."`
	// ForwardedFrom are the proxies that are believed about the address that a
	// caller used. A proxy known by its certificate (ProxyName) is always
	// believed.
	ForwardedFrom string `name:"forwarded-from" help:"Networks (CIDR) or addresses of proxies, separated by commas, whose headers Forwarded and X-Forwarded-Host, -Proto and -Port are believed; default: only those of a proxy known by its certificate."`

	// Profile is how closely requests must follow the specification.
	Profile string `name:"profile" enum:"strict,observed" default:"strict" help:"Which requests are accepted: strict (as specified) or observed (also as live clients are seen to send them)."`
	// Level is what publishing enforces.
	Level string `name:"level" enum:"standard,strict" default:"standard" help:"Rules of the event pages that publishing enforces: standard or strict."`
	// UnknownPatients says what happens to an event about a patient who is not
	// in the directory.
	UnknownPatients string `name:"unknown-patients" enum:"reject,accept" default:"reject" help:"Events about patients the directory does not have: reject, or accept and match on the content of the message."`
	// ReadyWithout names parts of the directory that may be empty.
	ReadyWithout []string `name:"ready-without" reload:"" enum:"patients,organisations,postcodes" help:"Parts of the directory that may be empty although the node takes work: patients, organisations, postcodes. Without this a node whose directory lacks one is not ready."`
	// DirectoryCache is how many patients a node remembers of the directory that the nodes
	// of a PostgreSQL database share.
	DirectoryCache int `name:"directory-cache" default:"100000" help:"Patients that a node with PostgreSQL remembers of the shared directory, at about half a KiB each; 0 remembers none. An embedded directory needs no such memory."`
	// Learning says whether the directory of patients follows the accepted
	// events of the Spine. For patients at PDS this is not needed.
	Learning string `name:"directory-from-events" enum:"on,off" default:"on" help:"Imported patients: follow what accepted events of the Spine say about name, birth date, address and practice (on), or change only by import (off)."`
	// Activation says whether new subscriptions are active at once.
	Activation string `name:"activation" enum:"automatic,manual" default:"automatic" help:"New subscriptions: active at once (automatic) or after an operator has approved (manual)."`
	// Catalogue is how closely the controller catalogue is followed.
	Catalogue string `name:"catalogue" reload:"" enum:"off,report,enforce" default:"off" help:"The controller catalogue: nothing follows from it (off), what it does not permit is recorded and done all the same (report), or it is refused, and subscriptions that it does not permit any more are suspended (enforce). The same on all nodes."`

	// EventTypes is a folder of event type files added to the built-in ones.
	EventTypes string `name:"event-types" type:"path" help:"Folder with files of additional event types."`
	// MESHSharedKey is the key of the NHSMESH token.
	MESHSharedKey string `name:"mesh-shared-key" help:"Shared key of NHSMESH tokens; in --dev TestKey."`
	// MeshMailboxes and MeshWorkflows are the MESH sandbox's files.
	MeshMailboxes string `name:"mesh-mailboxes" type:"path" help:"Additional mailboxes: a mailboxes.jsonl as the MESH sandbox reads it."`
	MeshWorkflows string `name:"mesh-workflows" type:"path" help:"Restricted workflow ids: a workflows.jsonl as the MESH sandbox reads it."`

	// AuditKey and AuditCheckpoints are the signing key of the audit's
	// checkpoints and the file that they are appended to, which should be
	// copied to another host. In dev mode they are in Data, and made if they
	// are missing.
	AuditKey         string `name:"audit-key" type:"path" help:"Ed25519 key (PEM) that signs the audit's checkpoints: nems audit key makes one; default: no checkpoints, in --dev audit.key in the data folder."`
	AuditCheckpoints string `name:"audit-checkpoints" type:"path" help:"File that a checkpoint of the audit is appended to every minute; default: audit.checkpoints in the data folder."`
	// AcceptLostTail lets the node start even if the database ends before the
	// last checkpoint, or the checkpoints end before the last one that the
	// database has witnessed.
	AcceptLostTail bool `name:"accept-lost-tail" help:"Start once with a database that ends before its last checkpoint, because a backup was restored on purpose, or whose checkpoints are missing; recorded in the audit."`
	// AcceptOlderCRL lets the node start with revocation lists that are older than
	// those that were in force.
	AcceptOlderCRL bool `name:"accept-older-crl" help:"Start once with revocation lists (client-crl) that are older than those that were in force before, or leave some out; recorded in the audit."`
	// OperatorToken admits operator commands from machines that cannot read the
	// data folder.
	OperatorToken string `name:"operator-token" help:"Secret that operator commands from other machines must send; default: a new one at each start, kept in the data folder."`

	// Console is how people sign in to the console in production.
	Console Console `embed:"" prefix:"console-"`

	// RateLimit and ConcurrencyLimit keep one system from using the capacity of
	// all. 0 means the default in production, and no limit in the dev world.
	RateLimit        float64 `name:"rate-limit" reload:"" help:"FHIR requests a second that one system may make; 0 for 1000 (in --dev: no limit), -1 for no limit."`
	ConcurrencyLimit int     `name:"concurrency-limit" reload:"" help:"FHIR requests of one system that are served at the same time; 0 for 256 (in --dev: no limit), -1 for no limit."`

	// Quotas limit what is stored for one owner.
	Quotas Quotas `embed:"" prefix:"quota-"`

	// Retention is how long delivered events are kept.
	Retention time.Duration `name:"retention" default:"720h" help:"How long delivered events are kept."`
	// RetentionTypes are rules of event types that keep them for a shorter time.
	RetentionTypes []string `name:"retention-types" placeholder:"TYPE=TIME" help:"Event types whose delivered events are kept for a shorter time, such as vaccinations-1=7d. What is still to be delivered or collected stays."`
	// Drain is how long a stop waits for requests that are under way.
	Drain time.Duration `name:"drain" default:"10s" help:"How long a stop waits for requests that are under way; at most 10s."`
	// LogLevel selects what is logged to standard error.
	LogLevel string `name:"log-level" reload:"" enum:"debug,info,warn,error" default:"info" help:"What is logged to standard error: debug, info, warn or error."`
	// LogFormat is the form of the lines.
	LogFormat string `name:"log-format" enum:"text,json" default:"text" help:"Form of the log's lines: text (key=value) or json."`
}

// Quotas limit what one owner may have stored. 0 means the default, -1 no limit.
type Quotas struct {
	System       int64 `name:"system-subscriptions" help:"Live subscriptions of one system; 0 for 2000000, -1 for no limit."`
	Organisation int64 `name:"organisation-subscriptions" help:"Live subscriptions of one organisation; 0 for 2000000, -1 for no limit."`
	Route        int64 `name:"route-subscriptions" help:"Live subscriptions to one patient, or under one geographic rule, for one mailbox; 0 for 1000, -1 for no limit."`
	Messages     int64 `name:"mailbox-messages" help:"Messages that others have sent to one mailbox and that wait in it, uploads included; copies of events do not count. 0 for 1000000, -1 for no limit."`
	Bytes        int64 `name:"mailbox-bytes" help:"Bytes of those messages; 0 for 10737418240 (10 GiB), -1 for no limit."`
	Endpoints    int64 `name:"organisation-endpoints" help:"Endpoints that the R4 and MNS subscriptions of one organisation have brought along; one counts until nothing of it is kept any more. 0 for 10000, -1 for no limit."`
}

// limits returns the quotas with the defaults filled in.
func (q Quotas) limits() store.Quotas { return store.Quotas(q).WithDefaults() }

func (q Quotas) validate() []error {
	var wrong []error
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"system-subscriptions", q.System}, {"organisation-subscriptions", q.Organisation}, {"route-subscriptions", q.Route},
		{"mailbox-messages", q.Messages}, {"mailbox-bytes", q.Bytes}, {"organisation-endpoints", q.Endpoints},
	} {
		if limit.value < -1 {
			wrong = append(wrong, fmt.Errorf("quota-%s: expected a number above 0, 0 for the default or -1 for no limit; received %d", limit.name, limit.value))
		}
	}
	return wrong
}

// Listener is one address and its TLS.
type Listener struct {
	// Listen is HOST:PORT; "" turns the listener off.
	Listen string `name:"listen" help:"Address; empty turns this listener off."`
	// Cert and Key are PEM files; replaced files are used without a restart.
	Cert string `name:"cert" type:"path" help:"Certificate (PEM); replaced files are used without a restart."`
	Key  string `name:"key" type:"path" help:"Private key (PEM)."`
	// ClientCA is the PEM file of the issuers whose client certificates are
	// accepted. If it is set, the listener requires a client certificate.
	ClientCA string `name:"client-ca" type:"path" help:"Issuers (PEM) of the client certificates that this listener requires; a replaced file is used without a restart."`
	// ClientCRL is the file of revocation lists (PEM or DER) of those issuers.
	// An expired list stays in force, is logged, and is visible in the metrics.
	ClientCRL string `name:"client-crl" type:"path" help:"Revocation lists (PEM or DER) of those issuers; a replaced file is in force at once, on open connections too."`
	// ProxyName is the name in the client certificate of a proxy that ends the
	// callers' TLS. If it is "", there is none, and ProxyHeader is ignored.
	ProxyName string `name:"proxy-name" help:"Name in the certificate of a proxy that forwards the callers' certificates; default: no proxy is believed."`
	// ProxyHeader is the header in which that proxy forwards the certificates:
	// RFC 9440 or PEM with percent encoding.
	ProxyHeader string `name:"proxy-header" default:"Client-Cert" help:"Header in which that proxy forwards them (RFC 9440, or PEM with percent encoding)."`
}

var errNetworks = errors.New("forwarded-from: expected networks such as 10.0.0.0/8, or addresses, separated by commas")

// DevConfig returns the configuration of a dev world in a folder, on a free
// port of this machine. The demo and the tests start from it.
func DevConfig(data string) Config {
	return Config{
		Version: 1, Dev: true, Listen: "127.0.0.1:0", Data: data,
		ASID: string(devworld.NEMS), Mailbox: devworld.Mailbox,
		Profile: "strict", Level: "standard", UnknownPatients: "reject", Learning: "on", Activation: "automatic", Catalogue: "off", DirectoryCache: 100_000,
		Retention: 30 * 24 * time.Hour, Drain: 10 * time.Second, LogLevel: "info", LogFormat: "text",
	}
}

// Validate returns everything that is wrong with a configuration.
func (c *Config) Validate() error {
	var wrong []error
	add := func(format string, a ...any) { wrong = append(wrong, fmt.Errorf(format, a...)) }
	if c.Version != 1 {
		add("version: this program reads version 1; received %d", c.Version)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		add("tls-cert and tls-key go together")
	}
	// The command line is checked before files are read, and the whole once more after that.
	if err := datafolder.CheckURL(c.Database); err != nil && !strings.HasPrefix(c.Database, secretFile) {
		wrong = append(wrong, err)
	}
	if _, err := parseNetworks(c.ForwardedFrom); err != nil {
		wrong = append(wrong, err)
	}
	if (c.RateLimit < 0 && c.RateLimit != -1) || (c.ConcurrencyLimit < 0 && c.ConcurrencyLimit != -1) {
		add("rate-limit and concurrency-limit: expected a number above 0, 0 for the default or -1 for no limit")
	}
	if c.DirectoryCache < 0 {
		add("directory-cache: expected 0 or more; received %d", c.DirectoryCache)
	}
	if c.Drain < 0 || c.Drain > 10*time.Second {
		add("drain: expected 0 to 10s; received %s", c.Drain)
	}
	if _, err := c.retentionTypes(); err != nil {
		wrong = append(wrong, err)
	}
	wrong = append(wrong, c.RemoteMESH.validate()...)
	wrong = append(wrong, c.Webhooks.validate()...)
	wrong = append(wrong, c.validateR4()...)
	wrong = append(wrong, c.Streams.validate()...)
	wrong = append(wrong, c.MNS.validate(c)...)
	wrong = append(wrong, c.SQS.validate(c)...)
	wrong = append(wrong, c.Traces.validate()...)
	wrong = append(wrong, c.PDS.validate()...)
	wrong = append(wrong, c.PDSAPI.validate(c)...)
	wrong = append(wrong, c.Quotas.validate()...)
	wrong = append(wrong, c.Console.validate(c.Operations)...)
	if !c.Dev {
		wrong = append(wrong, c.placeholders()...)
		for _, l := range []struct {
			name string
			Listener
			mutual bool
		}{{"fhir", c.FHIR, true}, {"mesh", c.MESH, true}, {"operations", c.Operations, false}} {
			wrong = append(wrong, l.Listener.validate(l.name, l.mutual)...)
		}
		if c.MESH.Listen != "" && c.MESHSharedKey == "" {
			add("mesh-shared-key: needed by the MESH listener")
		}
		if c.FHIR.Listen == "" {
			add("fhir-listen: needed in production (or start with --dev)")
		}
	}
	return errors.Join(wrong...)
}

func (l Listener) validate(name string, mutual bool) []error {
	var wrong []error
	if l.Listen == "" {
		return nil
	}
	if (l.Cert == "") != (l.Key == "") {
		wrong = append(wrong, fmt.Errorf("%s-cert and %s-key go together", name, name))
	}
	if mutual && (l.Cert == "" || l.ClientCA == "") {
		wrong = append(wrong, fmt.Errorf("%s-cert, %s-key and %s-client-ca are needed, because callers must present a client certificate", name, name, name))
	}
	if !mutual && l.Cert == "" && l.ClientCA != "" {
		wrong = append(wrong, fmt.Errorf("%s-client-ca needs %s-cert and %s-key", name, name, name))
	}
	if l.ClientCA == "" && (l.ClientCRL != "" || l.ProxyName != "") {
		wrong = append(wrong, fmt.Errorf("%s-client-crl and %s-proxy-name need %s-client-ca", name, name, name))
	}
	return wrong
}
