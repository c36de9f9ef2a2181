//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nems/deploy"
)

// cluster is everything that runs.
type cluster struct {
	o         options
	databases []*host // PostgreSQL, Patroni, etcd
	nodes     []*host
	proxy     *host
	http      *http.Client // for health and Patroni
	url       string       // of the service, through the proxy
}

// port is where nodes and proxy listen.
const port = "8443"

// newCluster makes the hosts and starts what runs on them.
func newCluster(ctx context.Context, o options) (*cluster, error) {
	c := &cluster{o: o, http: &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	if err := addBridge(); err != nil {
		return nil, err
	}
	var err error
	for n := 1; n <= 3 && err == nil; n++ {
		var db, node *host
		if db, err = addHost(fmt.Sprint("db", n), 10+n); err == nil {
			node, err = addHost(fmt.Sprint("node", n), 20+n)
		}
		c.databases, c.nodes = append(c.databases, db), append(c.nodes, node)
	}
	if err == nil {
		c.proxy, err = addHost("proxy", 30)
	}
	if err != nil {
		return nil, err
	}
	c.url = "http://" + c.proxy.address + ":" + port
	for _, h := range c.databases {
		if err := c.startDatabase(h); err != nil {
			return nil, err
		}
	}
	if err := c.until(ctx, 2*time.Minute, "PostgreSQL with two standbys", c.databaseWhole); err != nil {
		return nil, errors.Join(err, c.lastWords("db1"))
	}
	if err := c.makeDatabase(ctx); err != nil {
		return nil, err
	}
	for _, h := range c.nodes {
		if err := c.startNode(h); err != nil {
			return nil, err
		}
		// One after the other: the first fills the shared database with the dev world.
		if err := c.until(ctx, 2*time.Minute, h.name, func(ctx context.Context) bool { return c.ready(ctx, h) }); err != nil {
			return nil, errors.Join(err, c.lastWords(h.name))
		}
	}
	if err := c.startProxy(); err != nil {
		return nil, err
	}
	if err := c.until(ctx, time.Minute, "the service through the proxy", func(ctx context.Context) bool { return c.ok(ctx, c.url+"/health/ready") }); err != nil {
		return nil, errors.Join(err, c.lastWords("proxy"))
	}
	return c, nil
}

func (c *cluster) startNode(h *host) error {
	_, err := h.run(c.log(h.name), c.o.binary, "serve", "--dev", "--listen", h.address+":"+port, "--log-level", "warn",
		"--data", filepath.Join(c.o.folder, h.name), "--database", c.dsn())
	return err
}

var servers = regexp.MustCompile(`(?m)^ +server nems\d.*\n`)

// startProxy starts HAProxy as deploy/compose/haproxy.cfg has it.
func (c *cluster) startProxy() error {
	file := filepath.Join(c.o.folder, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(proxyConfig(deploy.HAProxy, c.o.folder, c.nodes)), 0o644); err != nil {
		return err
	}
	_, err := c.proxy.run(c.log("proxy"), "haproxy", "-db", "-f", file)
	return err
}

// proxyConfig puts the nodes into a configuration, and leaves its MESH side out, because
// nodes of the development world have one listener.
func proxyConfig(config, folder string, nodes []*host) string {
	config = servers.ReplaceAllString(config, "")
	front, rest, _ := strings.Cut(config, "\nfrontend mesh")
	_, back, _ := strings.Cut(rest, "\nbackend fhir\n")
	back, _, _ = strings.Cut(back, "\nbackend mesh")
	config = front + "\nbackend fhir\n" + back + "\n"
	for _, h := range nodes {
		config += fmt.Sprintf("    server %s %s:%s check port %s\n", h.name, h.address, port, port)
	}
	return strings.NewReplacer("maxconn 20000", "maxconn 1000", "/tmp/haproxy.sock", filepath.Join(folder, "haproxy.sock")).Replace(config)
}

func (c *cluster) log(name string) string { return filepath.Join(c.o.folder, name+".log") }

// lastWords returns the end of a log as an error.
func (c *cluster) lastWords(name string) error {
	said, err := os.ReadFile(c.log(name))
	return errors.Join(err, fmt.Errorf("%s said: %s", name, said[max(0, len(said)-1500):]))
}

// numbers reads the numbers of a text.
func numbers(text string) (out []int) {
	for _, word := range strings.Fields(text) {
		if n, err := strconv.Atoi(word); err == nil {
			out = append(out, n)
		}
	}
	return out
}

func integer(text string) int {
	n, _ := strconv.Atoi(text) // os/user has numbers on Linux
	return n
}

// stop ends a program in an orderly way.
func stop(c *exec.Cmd) error { return c.Process.Signal(syscall.SIGTERM) }
