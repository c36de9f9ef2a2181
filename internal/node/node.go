package node

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"nems/internal/api"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/console"
	"nems/internal/controllers/extract"
	"nems/internal/courier"
	"nems/internal/database"
	"nems/internal/datafolder"
	"nems/internal/directory"
	"nems/internal/lane"
	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/mns"
	"nems/internal/mtls"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/pdsapi"
	"nems/internal/plain"
	"nems/internal/r4"
	"nems/internal/requestid"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/stream"
	"nems/internal/tracing"
	"nems/internal/webhook"
)

// node is a complete NEMS, before it runs.
type node struct {
	Config
	Environment
	db          database.Store
	directory   database.Directory
	adoption    *datafolder.Adoption // of the directory in the data folder; nil if there is nothing to take over
	adopted     atomic.Bool          // all of it
	patients    directory.Patients   // the directory or PDS; if it is PDS, endPDS is set
	endPDS      func()
	broker      *broker.Broker
	fhir        *api.API
	pds         http.Handler // the PDS FHIR API; nil if the records are kept elsewhere
	systems     *systems
	types       *eventTypes
	controllers *controllerCatalogue
	registry    *registry
	metrics     *metrics
	away        *turnedAway
	tls         *mtls.Watch
	clock       *clockWatch
	// dev is the clock behind Now in the dev world; nil in production. machine and
	// lasting are this machine's Now and Steady, which nobody sets through the desk.
	dev       *devClock
	machine   func() time.Time
	lasting   func() time.Duration
	mesh      *mailbox.Server
	recorder  *recorder
	endpoints []*endpoint
	draining  atomic.Bool
	mayLack   atomic.Pointer[[]string] // ReadyWithout, as it is in force
	reloading reloading
	tracer    *tracing.Tracer // nil if nothing is traced
	begun     time.Duration   // when it started to serve, by lasting
	ending    chan struct{}   // closed when draining begins
	recounted time.Time       // of quotas: the last recount
	searchKey []byte          // shared by all nodes; nil if there is only one
	tokenKey  []byte          // of access tokens, if there is only one
	owner     string          // distinguishes this run of the node from all others
	// courier carries deliveries to the remote MESH through meshClient; both are
	// nil when there is none.
	courier    *courier.Courier
	meshClient *mesh.Client
	// webhooks sends to the endpoints of subscribers; both are nil when that is off.
	webhooks     *webhook.Sender
	webhookLanes *lane.Runner
	// webhooksSettled counts what became of attempts.
	webhooksSettled *prometheus.CounterVec
	// r4 serves topic-based subscriptions, restHookLanes and pulse call their endpoints;
	// all are nil when that is off.
	r4            *r4.API
	restHookLanes *lane.Runner
	pulse         *webhook.Pulse
	// streams serves those who read events here, and streamLanes has the events counted.
	streams     *stream.Service
	streamLanes *lane.Runner
	// mns is the API of the MNS, tokens are for it, and signalLanes carry its signals to
	// MESH mailboxes; all are nil when that is off.
	mns         *mns.API
	tokens      *pdsapi.API
	signalLanes *lane.Runner
	queues      queues
	// obedience is how closely the controller catalogue is followed.
	obedience *obedience
	// checkpoints signs the audit's ends; nil if no key is set.
	checkpoints *audit.Signer
	signing     sync.Mutex // of checkpoints
}

// Run serves until the context ends. Then it drains: listeners stop taking
// requests, those under way finish, and what was accepted is committed. It
// returns when everything that it started has ended.
func Run(ctx context.Context, c Config, env Environment) error {
	if err := cmp.Or(c.readSecrets(), c.Validate()); err != nil {
		return err
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Steady == nil {
		begun := time.Now()
		env.Steady = func() time.Duration { return time.Since(begun) }
	}
	env.Log = slog.New(requestid.Handler(plain.Handler(env.Log.Handler())))
	n := &node{Config: c, Environment: env, owner: uuid.NewString(), machine: env.Now, lasting: env.Steady, ending: make(chan struct{})}
	n.mayLack.Store(&c.ReadyWithout)
	n.reloading = reloading{n, c, c}
	defer n.close()
	if err := n.startClock(); err != nil {
		return err
	}
	if err := n.open(ctx); err != nil {
		return err
	}
	// The store outlives the listeners, because requests under way still commit.
	storing, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	stored := make(chan error, 1)
	go func() { stored <- n.db.Run(storing) }()
	if err := n.prepare(ctx); err != nil {
		stopStore()
		return errors.Join(err, <-stored)
	}
	n.started()
	err := n.serve(ctx)
	stopStore()
	err = errors.Join(err, <-stored)
	n.lastCheckpoint()
	n.ended(err)
	return err
}

// open opens the databases.
func (n *node) open(ctx context.Context) error {
	kept, err := n.retentionTypes()
	if err != nil {
		return err
	}
	options := store.Options{RetentionTypes: kept, Now: n.Now, Settled: n.clock.Settled, Steady: n.lasting, Machine: n.machine, Retention: n.Retention, Sender: n.Mailbox, Log: n.Log, Quotas: n.Quotas.limits()}
	if n.db, err = datafolder.Open(ctx, n.Data, n.Database, options, n.Dev); err != nil {
		return err
	}
	if n.directory, err = datafolder.Directory(n.db, n.Data, n.DirectoryCache); err != nil {
		return err
	}
	return n.findAdoption(ctx)
}

func (n *node) close() {
	if len(n.endpoints) > 0 {
		_ = operator.EndAccess(n.Data, datafolder.IsPostgres(n.Database))
	}
	for _, e := range n.endpoints {
		_ = e.socket.Close()
	}
	if n.endPDS != nil {
		n.endPDS()
	}
	if n.adoption != nil {
		_ = n.adoption.Close()
	}
	n.endTracing()
	if n.directory != nil {
		_ = n.directory.Close()
	}
	if n.db != nil {
		_ = n.db.Close()
	}
}

// prepare wires the packages, seeds the dev world and binds the listeners.
func (n *node) prepare(ctx context.Context) error {
	types, err := catalogue.Load(n.EventTypes)
	if err != nil {
		return err
	}
	if err := n.checkRetentionTypes(func(code string) bool { _, known := types.Type(code); return known }); err != nil {
		return err
	}
	n.metrics = newMetrics(n.db.Stats)
	n.startTracing()
	n.away = newTurnedAway(n.Log)
	n.tls = mtls.NewWatch(n.Log, n.metrics.registry, n.machine, n.away.tlsPeer)
	n.clock.register(n.metrics.registry)
	if err := n.lastCommit(ctx); err != nil {
		return err
	}
	n.metrics.registry.MustRegister(commitSizes{n.db.Stats}, commitTimes{n.db.Stats}, unrouted{n.db.Unrouted, n.Now}, uncollected{n.db.Uncollected, n.Now}, parkedHere{n.db.ParkedHere},
		quotas{n.Quotas.limits(), n.db.QuotaRefusals, n.db.QuotaUse}, stateOf{n})
	n.buildInfo()
	if n.checkpoints, err = n.signer(); err != nil {
		return err
	}
	if err := n.knownEnds(ctx); err != nil { // before anything is committed
		return err
	}
	if n.Dev {
		if err := n.seed(ctx, types); err != nil {
			return err
		}
	}
	n.systems = &systems{read: n.db.Systems, log: n.Log}
	n.types = &eventTypes{base: types, read: n.db.LifeCycles, log: n.Log}
	n.controllers = &controllerCatalogue{read: n.db}
	n.registry = &registry{
		version: n.db.RegistryVersion, log: n.Log, loaded: -1,
		loaders: []func(context.Context) error{n.systems.load, n.types.load, n.controllers.load},
	}
	if err := n.registry.load(ctx); err != nil {
		return err
	}
	if n.searchKey, err = n.db.SearchKey(ctx); err != nil {
		return err
	}
	if n.OperatorToken == "" {
		n.OperatorToken = operator.NewToken()
	}
	if err := n.findPatients(); err != nil {
		return err
	}
	n.obedience = n.newObedience()
	n.broker = n.newBroker()
	n.catchUp(ctx)
	n.recorder = newRecorder(n.db.Record, n.db.RecordRoom, n.db.Refused)
	n.mesh = n.mailboxes()
	if n.courier, err = n.newCourier(); err != nil {
		return err
	}
	if err := cmp.Or(n.newWebhooks(), n.newQueues()); err != nil {
		return err
	}
	n.newStreams()
	n.newMNS()
	n.fhir = n.fhirAPI()
	n.newR4()
	if n.pds, err = n.pdsAPI(); err != nil {
		return err
	}
	if err := n.bind(ctx); err != nil {
		return err
	}
	return n.announce()
}

// serve runs listeners and housekeeping until the context ends.
func (n *node) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, func() { n.draining.Store(true); close(n.ending) })
	for _, e := range n.endpoints {
		n.Log.Info("listening", "listener", e.name, "address", e.address())
		g.Go(func() error { return e.serve(ctx, n.Drain) })
		if e.tls != nil {
			g.Go(func() error { return e.tls.Follow(ctx) })
		}
	}
	g.Go(func() error { return n.registry.follow(ctx) })
	g.Go(func() error { return n.reloading.follow(ctx) })
	g.Go(func() error { return n.away.follow(ctx) })
	g.Go(func() error { return n.watchClock(ctx) })
	for _, t := range n.housekeeping() {
		g.Go(func() error { return n.repeat(ctx, t) })
	}
	g.Go(func() error { return n.carry(ctx) })
	g.Go(func() error { return n.directory.Follow(ctx) })
	g.Go(func() error { return n.adopt(ctx) })
	g.Go(func() error { return n.learn(ctx) })
	g.Go(func() error { return n.firstCheckpoint(ctx) })
	g.Go(func() error { return n.recorder.follow(ctx, n.Now) })
	g.Go(func() error { return n.carryWebhooks(ctx) })
	g.Go(func() error { return n.carryRestHooks(ctx) })
	g.Go(func() error { return n.carryStreams(ctx) })
	g.Go(func() error { return n.carrySignals(ctx) })
	g.Go(func() error { return n.carryQueues(ctx) })
	g.Go(func() error { return n.replay(ctx) })
	g.Go(func() error {
		return n.obedience.run(ctx, func(err error) { n.Log.Warn("noting what the controller catalogue would have refused", "error", err) })
	})
	if n.Ready != nil {
		n.Ready(n.endpoints[0].local())
	}
	return g.Wait()
}

// door checks who is calling.
func (n *node) door() *spine.Door {
	profile := spine.Strict
	if n.Profile == "observed" {
		profile = spine.Observed
	}
	return &spine.Door{NEMS: nhs.ASID(n.ASID), Profile: profile, AllowUnsigned: n.Dev, Certified: !n.Dev, Now: n.machine, Systems: n.systems}
}

// fhirAPI wires the door and the API.
func (n *node) fhirAPI() *api.API {
	return api.New(api.Config{
		Broker: n.broker, Streams: n.streams, Door: n.door(), Whole: n.whole,
		Recorder: n.recorder, Base: n.addresses().of, Log: n.Log, Now: n.Now, Answered: n.metrics.answered, Took: n.metrics.stageTook,
		Limits: n.limits(), SearchKey: n.searchKey,
	})
}

func (n *node) addresses() addresses {
	proxies, _ := parseNetworks(n.ForwardedFrom) // Validate has read them
	return addresses{public: strings.TrimSuffix(n.PublicURL, "/"), proxies: proxies, known: mtls.ViaProxy}
}

// newBroker wires the broker.
func (n *node) newBroker() *broker.Broker {
	return broker.New(broker.Config{
		Journal: countedJournal{n.db, n.metrics}, Mailboxes: n.db, Events: n.db, Copies: n.db, Numbers: n.db, Replays: n.db, Catalogue: n.types.now,
		Patients: n.patients, Organisations: n.directory, Postcodes: n.directory,
		Records: n.records(), Learner: n.learner(), Record: n.db.Record, Tests: n.tests,
		Level:                 catalogue.Level(n.Level),
		AcceptUnknownPatients: n.UnknownPatients == "accept",
		ManualActivation:      n.Activation == "manual",
		Now:                   n.Now,
		Took:                  n.metrics.stageTook,
		Published:             mns.Attributes,
		Controllers:           n.obedience,
	})
}

// operations adds health, metrics, the operators' API and the console.
func (n *node) operations(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", n.ready)
	mux.Handle("GET /health/{$}", http.RedirectHandler("/health", http.StatusTemporaryRedirect)) // as in the MESH sandbox
	mux.HandleFunc("GET /health/ready", n.ready)
	mux.HandleFunc("GET /health/live", live)
	mux.Handle("GET /metrics", n.metrics.handler())
	extract.Source{Catalogue: n.controllers.now, Mode: n.obedience.Mode, Display: n.display, Now: n.Now}.Mount(mux)
	gate := n.gate()
	operator.Handler{Desk: n.desk(), Admit: n.callers(gate), Log: n.Log}.Mount(mux)
	console.New(n.console(gate)).Mount(mux)
}
