// Package deploy_test runs what deploy/compose.production.yaml says, as plain processes:
// without containers, but with their commands, environment, settings and secrets. What
// the file may hold is checked in deploy/test.
package deploy_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"nems/internal/pgserver"
)

// service is what is run of a service in the file.
type service struct {
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Secrets     []string          `yaml:"secrets"`
	HealthCheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
}

// stage is a folder in whose files the paths of the containers are, and what runs there.
type stage struct {
	folder, binary string
	services       map[string]service
	ports          map[string]int // of the operations, FHIR and MESH listeners, by service and port in the container
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{folder: t.TempDir(), ports: map[string]int{}}
	s.binary = filepath.Join(s.folder, "nems")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "nems/cmd/nems").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var file struct {
		Services map[string]service `yaml:"services"`
	}
	text, err := os.ReadFile("compose.production.yaml")
	if err == nil {
		err = yaml.UnmarshalWithOptions(text, &file, yaml.AllowDuplicateMapKey()) // what << merges is overridden
	}
	if err != nil {
		t.Fatal(err)
	}
	s.services = file.Services
	return s
}

// at returns the path of a file of a service's container.
func (s *stage) at(name, path string) string { return filepath.Join(s.folder, name, path) }

// here puts the stage's paths and ports in place of the container's.
func (s *stage) here(t *testing.T, name, text string) string {
	t.Helper()
	for _, path := range []string{"/run/secrets/", "/etc/nems/", "/var/lib/nems"} {
		text = strings.ReplaceAll(text, path, s.at(name, path)+strings.Repeat("/", len(path)-len(strings.TrimSuffix(path, "/"))))
	}
	for _, port := range []string{"8443", "8444", "9090"} {
		text = strings.ReplaceAll(text, "0.0.0.0:"+port, fmt.Sprint("127.0.0.1:", s.port(t, name, port)))
	}
	return text
}

func (s *stage) port(t *testing.T, name, port string) int {
	t.Helper()
	if s.ports[name+port] == 0 {
		free, err := pgserver.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		s.ports[name+port] = free
	}
	return s.ports[name+port]
}

// furnish lays out the files of a container: settings, and the secrets that its service
// lists, no others.
func (s *stage) furnish(t *testing.T, name string, secrets map[string]string) {
	t.Helper()
	settings, err := os.ReadFile("compose/nems.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"/etc/nems/nems.yaml": s.here(t, name, string(settings)), "/var/lib/nems/.keep": ""}
	for _, secret := range s.services[name].Secrets {
		content, known := secrets[secret]
		if !known {
			t.Fatalf("service %s: the secret %s is not described in docs/installing.md", name, secret)
		}
		files["/run/secrets/"+secret] = content
	}
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(s.at(name, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.at(name, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// command prepares a command of a service, in the environment of its container.
func (s *stage) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), s.binary, args...)
	c.Env = []string{"PATH=/usr/bin", "HOME=" + s.at(name, "/var/lib/nems")}
	for key, value := range s.services[name].Environment {
		c.Env = append(c.Env, key+"="+s.here(t, name, value))
	}
	return c
}

func (s *stage) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := s.command(t, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: nems %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// boot starts a service, and ends it with the test.
func (s *stage) boot(t *testing.T, name string) {
	t.Helper()
	c := s.command(t, name, s.services[name].Command...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
	first := make([]byte, 256)
	if n, err := out.Read(first); err != nil || !strings.Contains(string(first[:n]), "ready") {
		t.Fatalf("%s: %v %s\n%s", name, err, first[:n], said.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
}

// TestComposeRuns: the schema is made, two nodes serve over PostgreSQL with its settings,
// the health check tells when each is ready, and the proxy takes callers to them.
func TestComposeRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("boots two nodes over PostgreSQL: not with -short")
	}
	if _, err := pgserver.Find(); err != nil {
		t.Skip(err)
	}
	s := newStage(t)
	var options []string
	for _, option := range s.services["postgres"].Command[1:] {
		options = append(options, strings.TrimPrefix(option, "--"))
	}
	pg, err := pgserver.New(options...)
	if err == nil {
		t.Cleanup(func() { _ = pg.Close() })
		err = pg.Init()
	}
	if err == nil {
		err = pg.Start("shared_buffers=32MB")
	}
	if err == nil {
		_, err = pgserver.SQL(t.Context(), pg.DSN("postgres", "postgres"), "CREATE ROLE nems LOGIN", "CREATE DATABASE nems OWNER nems")
	}
	if err != nil {
		t.Fatal(err)
	}
	secrets := s.secrets(t, pg.DSN("nems", "nems"))
	for _, name := range []string{"migrate", "nems1", "nems2"} {
		s.furnish(t, name, secrets)
	}
	if said := s.run(t, "migrate", s.services["migrate"].Command...); !strings.Contains(said, "schema") {
		t.Errorf("migrate: %s", said)
	}
	for i, name := range []string{"nems1", "nems2"} {
		s.boot(t, name)
		health := s.services[name].HealthCheck.Test[2:]
		if i == 0 { // the nodes share one directory
			if out, err := s.command(t, name, health...).CombinedOutput(); err == nil || !strings.Contains(string(out), "directory incomplete") {
				t.Errorf("%s: a node without a directory: %v, %s", name, err, out)
			}
			for _, kind := range []string{"organisations", "postcodes", "patients"} {
				s.run(t, name, "import", kind, s.at("world", kind+".csv"))
			}
		}
		if said := s.run(t, name, health...); !strings.HasPrefix(said, "ok") {
			t.Errorf("%s: %s", name, said)
		}
		s.run(t, name, "systems", "list")
	}
	s.proxied(t, secrets["client-issuers.pem"])
}

// secrets makes what docs/installing.md has people make, and the files of a directory.
func (s *stage) secrets(t *testing.T, database string) map[string]string {
	t.Helper()
	s.run(t, "tools", "certs", s.at("certs", ""), "--host", "nems.example.nhs.uk,localhost", "--client", "surgery.example.nhs.uk")
	s.run(t, "tools", "audit", "key", s.at("certs", "audit.key"))
	s.run(t, "tools", "world", "--format", "csv", "--patients", "20", "--save", s.at("world", ""))
	out := map[string]string{"database": database + "\n", "mesh-shared-key": "a shared key\n", "operator-token": "a token of operators\n", "postgres-password": "secret"}
	for name, file := range map[string]string{"server.pem": "server.pem", "server.key": "server.key", "client-issuers.pem": "ca.pem", "revoked.pem": "crl.pem", "audit.key": "audit.key"} {
		content, err := os.ReadFile(s.at("certs", file))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(content)
	}
	return out
}

// proxied starts HAProxy with the file's settings, and calls the service through it with
// a client certificate.
func (s *stage) proxied(t *testing.T, issuers string) {
	t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Log("haproxy is not installed: the proxy is not tried")
		return
	}
	text, err := os.ReadFile("compose/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	front := map[string]int{"8443": s.port(t, "proxy", "8443"), "8444": s.port(t, "proxy", "8444")}
	config := strings.ReplaceAll(string(text), "/tmp/haproxy.sock", s.at("", "haproxy.sock"))
	config = strings.ReplaceAll(config, "maxconn 20000", "maxconn 100") // more files than a test may open
	for _, port := range []string{"8443", "8444"} {
		for _, name := range []string{"nems1", "nems2"} {
			config = strings.ReplaceAll(config, name+":"+port, fmt.Sprintf("127.0.0.1:%d check port %d", s.port(t, name, port), s.port(t, name, "9090")))
		}
		config = strings.ReplaceAll(config, "bind :"+port, fmt.Sprint("bind 127.0.0.1:", front[port]))
	}
	file := s.at("", "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), haproxy, "-W", "-db", "-f", file)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
	pair, err := tls.LoadX509KeyPair(s.at("certs", "surgery.example.nhs.uk.pem"), s.at("certs", "surgery.example.nhs.uk.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(issuers))
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
	until := time.Now().Add(time.Minute)
	for port, path := range map[string]string{"8443": "/STU3/metadata", "8444": "/messageexchange/_ping"} {
		url := fmt.Sprintf("https://localhost:%d%s", front[port], path)
		for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
			answer, err := client.Get(url)
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					break
				}
				err = fmt.Errorf("%s", answer.Status)
			}
			if time.Now().After(until) {
				t.Fatalf("%s through the proxy: %v\n%s", url, err, said.String())
			}
		}
	}
}
