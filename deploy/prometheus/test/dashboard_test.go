package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
)

// panel is what the test reads of a panel of the dashboard.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

// onlySometimes are queries that a new development service does not answer, with why.
var onlySometimes = map[string]string{
	"nems_courier_deliveries_total":             "a remote MESH",
	"nems_courier_reports_total":                "a remote MESH",
	"nems_courier_backlog":                      "a mailbox of a remote MESH",
	"nems_courier_oldest_seconds":               "a mailbox of a remote MESH",
	"nems_courier_parked":                       "a mailbox of a remote MESH",
	"nems_pds_lookup_seconds":                   "PDS",
	"nems_database_standbys":                    "PostgreSQL",
	"nems_certificate_expiry_timestamp_seconds": "TLS",
	"nems_revocation_list_expiry":               "revocation lists",
	"nems_tls_refused_total":                    "a refused TLS handshake",
	"nems_mesh_refused_total":                   "a MESH caller that was turned away",
	"nems_inbox_parked":                         "a parked copy",
	"nems_quota_used":                           "quotas in use, which are counted once in a while",
}

// TestDashboard runs every query of the dashboard over what a live service exposes.
func TestDashboard(t *testing.T) {
	url := serve(t)
	use(t, url)
	storage := scrapes(t, url)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	var dashboard struct {
		SchemaVersion int
		Panels        []panel
	}
	text, err := os.ReadFile("../../grafana/nems.json")
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	if dashboard.SchemaVersion < 39 || len(dashboard.Panels) < 20 {
		t.Fatalf("the dashboard has schema %d and %d panels", dashboard.SchemaVersion, len(dashboard.Panels))
	}
	variables := strings.NewReplacer("$__rate_interval", "2m", "$instance", ".*", "$job", ".*")
	queries := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries++
			q, err := engine.NewInstantQuery(t.Context(), storage, nil, variables.Replace(target.Expr), last)
			if err != nil {
				t.Errorf("%s: %s: %v", p.Title, target.Expr, err)
				continue
			}
			result := q.Exec(t.Context())
			vector, err := result.Vector()
			if err != nil {
				t.Errorf("%s: %s: %v", p.Title, target.Expr, err)
			}
			if len(vector) == 0 && !sometimes(target.Expr) {
				t.Errorf("%s: %s: nothing", p.Title, target.Expr)
			}
			q.Close()
		}
	}
	t.Logf("%d queries", queries)
}

func sometimes(expr string) bool {
	for name := range onlySometimes {
		if strings.Contains(expr, name) {
			return true
		}
	}
	return false
}

// last is the moment of the last of the scrapes, which pretend to be a minute apart.
var last = time.Unix(600, 0)

// scrapes reads the metrics three times, with traffic in between, into a database.
func scrapes(t *testing.T, url string) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for back := 2; back >= 0; back-- {
		if back < 2 {
			use(t, url)
		}
		add(t, db, get(t, url+"/metrics"), last.Add(-time.Duration(back)*time.Minute))
	}
	return db
}

// add adds one scrape.
func add(t *testing.T, db *tsdb.DB, body []byte, at time.Time) {
	t.Helper()
	parse := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parse.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*dto.MetricFamily, 0, len(families))
	for _, f := range families {
		all = append(all, f)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(at.UnixNano())}, all...)
	if err != nil {
		t.Fatal(err)
	}
	into := db.Appender(t.Context())
	for _, s := range samples {
		b := labels.NewBuilder(labels.FromStrings("instance", "a", "job", "nems"))
		for name, value := range s.Metric {
			b.Set(string(name), string(value))
		}
		if _, err := into.Append(0, b.Labels(), int64(s.Timestamp), float64(s.Value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := into.Commit(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", url, response.StatusCode, err)
	}
	return body
}

var program, folder string // built once, and the data folder

// serve builds the program, and starts a development service for the test.
func serve(t *testing.T) (url string) {
	t.Helper()
	dir := t.TempDir()
	program, folder = filepath.Join(dir, "nems"), filepath.Join(dir, "data")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, "./cmd/nems")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", folder)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		var exit *exec.ExitError
		if err := command.Wait(); err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, &exit) {
			t.Errorf("the service ended with: %v", err)
		}
	})
	said := ""
	for buffer := make([]byte, 4096); ; {
		n, err := out.Read(buffer)
		said += string(buffer[:n])
		if m := regexp.MustCompile(`http://\S+`).FindString(said); m != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return m
		}
		if err != nil {
			t.Fatalf("the service did not start: %v: %s", err, said)
		}
	}
}

// use subscribes, publishes, is refused and collects.
func use(t *testing.T, url string) {
	t.Helper()
	example, err := exec.Command(program, "example", "vaccinations-1").Output()
	if err != nil {
		t.Fatal(err)
	}
	run := func(input string, wanted bool, args ...string) {
		c := exec.Command(program, args...)
		c.Stdin = strings.NewReader(input)
		if out, err := c.CombinedOutput(); wanted && err != nil {
			t.Fatalf("nems %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	run("", false, "subscribe", "--url", url, "--event", "vaccinations-1", "--rule", "COUNTRYCODE", "--organisation", "E92000001", "--mailbox", "X26ABC1", "--asid", "200000000116", "--ods", "X26") // twice: refused
	run(string(example), true, "publish", "--url", url, "-")
	run("<no", false, "publish", "--url", url, "--interaction", "urn:nhs:names:services:events:Vaccinations.Write", "-")
	run("", false, "inbox", "--url", url, "X26ABC1")
}
