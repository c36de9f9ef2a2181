package node

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/datafolder"
)

var (
	readyDesc     = prometheus.NewDesc("nems_ready", "1 if the node can take work, as /health/ready says, otherwise 0.", nil, nil)
	directoryDesc = prometheus.NewDesc("nems_directory_filled", "0 if the node needs patients, organisations or postcodes and its directory has none; 1 if it has some, or may be without (PDS is asked, ready-without).", []string{"part"}, nil)
	recordsDesc   = prometheus.NewDesc("nems_audit_waiting", "Entries of the audit that wait for a commit to join.", nil, nil)
	freeDesc      = prometheus.NewDesc("nems_data_free_bytes", "Free bytes on the disk of the data folder.", nil, nil)
	sizeDesc      = prometheus.NewDesc("nems_data_size_bytes", "Bytes on the disk of the data folder, used ones included.", nil, nil)
	standbysDesc  = prometheus.NewDesc("nems_database_standbys", "Standbys that follow the PostgreSQL server.", nil, nil)
)

// stateOf exposes the state of a node. What cannot be read is left out, so that the
// rest is seen while the store is away.
type stateOf struct{ n *node }

func (stateOf) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyDesc, directoryDesc, recordsDesc, freeDesc, sizeDesc, standbysDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s stateOf) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	word, _, _ := s.n.unready(ctx)
	gauge(readyDesc, truth(word == ""))
	gauge(recordsDesc, float64(s.n.db.RecordsWaiting()))
	s.directory(ctx, gauge)
	if free, size, err := diskSpace(s.n.Data); err == nil {
		gauge(freeDesc, free)
		gauge(sizeDesc, size)
	}
	server, ok := s.n.db.(interface {
		Standbys(ctx context.Context) (int, error)
	})
	if !ok {
		return
	}
	if standbys, err := server.Standbys(ctx); err == nil {
		gauge(standbysDesc, float64(standbys))
	}
}

// directory tells which parts of the directory the node needs and lacks.
func (s stateOf) directory(ctx context.Context, gauge func(d *prometheus.Desc, value float64, labels ...string)) {
	lacks, err := s.n.lacking(ctx)
	if err != nil {
		return
	}
	for _, part := range []string{"patients", "organisations", "postcodes"} {
		lacked := slices.ContainsFunc(lacks, func(l lack) bool { return l.part == part })
		gauge(directoryDesc, truth(!lacked || s.n.needless(part)), part)
	}
}

// truth is how metrics say yes and no.
func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// storeName is the kind of the node's database.
func (n *node) storeName() string {
	if datafolder.IsPostgres(n.Database) {
		return "postgresql"
	}
	return "sqlite"
}

// profileName is what the node is: a development world, or the profile of its callers.
func (n *node) profileName() string {
	if n.Dev {
		return "dev"
	}
	return n.Profile
}

// buildInfo registers what the node is, with the constant value 1.
func (n *node) buildInfo() {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "nems_build_info", Help: "What this node is; always 1.",
	}, []string{"version", "commit", "go", "store", "profile"})
	info.WithLabelValues(n.Program, commit(), runtime.Version(), n.storeName(), n.profileName()).Set(1)
	n.metrics.registry.MustRegister(info)
}

// commit is the revision of the sources that the program was built from, as far as
// Go has recorded it.
func commit() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
