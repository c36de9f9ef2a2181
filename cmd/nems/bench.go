package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"nems/client"
	"nems/internal/nation"
	"nems/internal/operator"
)

// benchCmd measures a NEMS from outside.
type benchCmd struct {
	Nation benchNation `cmd:"" help:"Publish, match and collect as a nation does, or a multiple of it."`
}

// benchNation puts the load of a nation on a NEMS.
type benchNation struct {
	Multiple    float64       `default:"1" env:"-" help:"Multiple of the nation's mean rate."`
	For         time.Duration `default:"30s" env:"-" help:"How long."`
	Patients    int           `default:"5000" env:"-" help:"How many of the nation's 60 million people are sampled."`
	Explicit    int           `default:"5000" env:"-" help:"Explicit subscriptions to people outside the sample: rows that the database has to bear."`
	OfNation    int           `name:"explicit-of-nation" default:"6000000" env:"-" help:"Explicit subscriptions of the nation; the sample gets its share, so that as many copies are made as there."`
	Mailboxes   int           `default:"40" env:"-" help:"Mailboxes that the copies go to."`
	Connections int           `default:"64" env:"-" help:"Messages under way at most."`
	Collectors  int           `default:"8" env:"-" help:"Connections that collect copies."`
	Seed        uint64        `default:"1" env:"-" help:"Another seed samples other people."`
	NoSetup     bool          `name:"no-setup" env:"-" help:"The service has the patients, mailboxes and subscriptions of an earlier run."`
	Model       bool          `env:"-" help:"Print what happens in a nation and how often, and do nothing."`
	NEMS        string        `name:"url" default:"http://localhost:8880" help:"Address of the NEMS: its FHIR API, and its MESH unless --mesh-url names another."`
	MESH        string        `name:"mesh-url" help:"Address of the MESH."`
	Metrics     string        `name:"metrics-url" help:"Address of the service's metrics, for its processor time; default: /metrics of --url."`
	ToASID      string        `name:"to-asid" default:"111111111111" help:"ASID of the NEMS."`
	Password    string        `default:"password" env:"NEMS_MAILBOX_PASSWORD" help:"Password of the mailboxes."`
	SharedKey   string        `name:"shared-key" default:"TestKey" env:"NEMS_MESH_SHARED_KEY" help:"Shared key of the MESH environment."`
	operated
	formatted
}

// Help says what is done to the service.
func (*benchNation) Help() string {
	return "The service gets synthetic patients (999...), mailboxes (NATION...) and subscriptions, and is published to as the systems of the development world: " +
		"give it a service of its own, such as nems serve --dev. The load is open: messages are sent when they are due, and one that waits is counted from then. " +
		"docs/scale.md has the model, figures, and the arithmetic for disks and nodes."
}

// Run measures.
func (b *benchNation) Run(ctx context.Context) error {
	if b.Model {
		return b.printModel()
	}
	load, err := b.load()
	if err != nil {
		return err
	}
	run := func(f operator.Face) error {
		if !b.NoSetup {
			load.Desk = f
		}
		r, err := load.Run(ctx)
		if err != nil {
			return err
		}
		if b.Format == "json" {
			return printJSON(r)
		}
		return printNation(r)
	}
	if b.NoSetup {
		return run(nil)
	}
	return b.with(run)
}

func (b *benchNation) load() (*nation.Load, error) {
	if b.Multiple <= 0 || b.Patients < 100 || b.Mailboxes < 1 || b.Connections < 1 || b.Collectors < 1 || b.For <= 0 {
		return nil, fmt.Errorf("expected --multiple, --for, --mailboxes, --connections and --collectors above 0, and --patients of at least 100")
	}
	h, err := b.httpClient()
	if err != nil {
		return nil, err
	}
	if t, ok := h.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = b.Connections + b.Collectors
	}
	system := func(asid, ods string) *client.Client {
		return &client.Client{URL: b.NEMS, ASID: asid, ODS: ods, NEMS: b.ToASID, HTTP: h}
	}
	l := &nation.Load{
		Multiple: b.Multiple, Span: b.For, Connections: b.Connections, Collectors: b.Collectors, Seed: b.Seed,
		Patients: b.Patients, Explicit: b.Explicit, NationalExplicit: b.OfNation, Mailboxes: b.Mailboxes, Password: b.Password,
		Spine: system("477121000323", "X26"), Provider: system("300000000161", "A83627"), Subscriber: system("200000000116", "X26"), SubscriberODS: "X26",
		Metrics: b.Metrics, Disk: diskOf(b.Data),
		Say: func(format string, args ...any) { fmt.Fprintf(stderr(), format+"\n", args...) },
		Mailbox: func(id string) (*client.Mailbox, error) {
			at := b.MESH
			if at == "" {
				at = b.NEMS
			}
			return client.NewMailbox(client.MailboxConfig{URL: at, ID: id, Password: b.Password, SharedKey: b.SharedKey, HTTP: h})
		},
	}
	if l.Metrics == "" {
		l.Metrics = b.NEMS + "/metrics"
	}
	return l, nil
}

// diskOf measures a data folder; nil where the database is elsewhere.
func diskOf(folder string) func() int64 {
	if _, err := os.Stat(filepath.Join(folder, "nems.db")); err != nil {
		return nil
	}
	return func() (sum int64) {
		_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // a file that has just gone has no size
			}
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
			return nil
		})
		return sum
	}
}

func (b *benchNation) printModel() error {
	kinds, err := nation.Model()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, k := range kinds {
		rows = append(rows, []string{k.Name, strconv.FormatFloat(k.PerDay, 'f', 0, 64), fmt.Sprint(k.Events)})
	}
	if err := b.print(kinds, "WHAT-HAPPENS A-DAY MESSAGES", rows); err != nil || b.Format == "json" {
		return err
	}
	_, err = fmt.Fprintf(stdout(), "\nTogether %.1f messages a second, day and night.\n", nation.MessagesPerSecond(kinds))
	return err
}

// printNation prints a report for people.
func printNation(r *nation.Report) error {
	seconds := func(s float64) string {
		return time.Duration(s * float64(time.Second)).Round(100 * time.Microsecond).String()
	}
	rows := [][]string{
		{"nation", fmt.Sprintf("%g times the mean rate, on %d sampled patients, %d subscriptions, %d mailboxes", r.Multiple, r.Patients, r.Subscriptions, r.Mailboxes)},
		{"asked for", fmt.Sprintf("%.1f messages/s for %s", r.Asked, seconds(r.Seconds))},
		{"accepted", fmt.Sprintf("%.1f messages/s, %d messages", r.Accepted, r.Messages)},
		{"answered after", fmt.Sprintf("p50 %s, p99 %s, longest %s", seconds(r.Latency.P50), seconds(r.Latency.P99), seconds(r.Latency.Max))},
		{"copies", fmt.Sprintf("%d collected, %.2f a message", r.Copies, float64(r.Copies)/max(1, float64(r.Messages)))},
		{"collected after", fmt.Sprintf("p50 %s, p99 %s, longest %s after the answer", seconds(r.Collected.P50), seconds(r.Collected.P99), seconds(r.Collected.Max))},
		{"backlog", "empty " + seconds(r.BacklogFor) + " after the last message"},
	}
	if r.CPU > 0 {
		rows = append(rows, []string{"processor", fmt.Sprintf("%.3f s per 1,000 messages with their copies; %.2f cores", r.CPU, r.Cores)})
	}
	if r.Disk > 0 {
		rows = append(rows, []string{"disk", fmt.Sprintf("%.0f bytes a message with its copies", r.Disk)})
	}
	var refused []string
	for why := range r.Refused {
		refused = append(refused, why)
	}
	slices.Sort(refused)
	for _, why := range refused {
		rows = append(rows, []string{"refused", fmt.Sprintf("%d: %s", r.Refused[why], why)})
	}
	return printTable("FIGURE VALUE", append(rows, []string{"limit", r.Limit}))
}
