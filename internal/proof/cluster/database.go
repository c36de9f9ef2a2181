//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"nems/internal/pgserver"
)

// Patroni's times. ttl is the least that it allows. A failure is noticed after at most
// ttl, and the leader steps down before: ttl >= loop_wait + 2 * retry_timeout.
const patroniTimes = "ttl: 20, loop_wait: 2, retry_timeout: 5"

// startDatabase starts etcd and Patroni, which starts PostgreSQL.
func (c *cluster) startDatabase(h *host) error {
	folder := filepath.Join(c.o.folder, h.name)
	as, uid, gid, err := asPostgres()
	if err != nil {
		return err
	}
	bin, err := pgserver.Find()
	if err != nil {
		return err
	}
	for _, f := range []string{folder, folder + "/etcd", folder + "/socket"} {
		if err := errors.Join(os.MkdirAll(f, 0o700), os.Chown(f, uid, gid)); err != nil {
			return err
		}
	}
	config := filepath.Join(c.o.folder, h.name+".yml")
	if err := os.WriteFile(config, []byte(c.patroni(h, folder, bin)), 0o644); err != nil {
		return err
	}
	if err := c.startEtcd(h); err != nil {
		return err
	}
	_, err = h.run(c.log(h.name), append(as, "patroni", config)...)
	return err
}

// asPostgres returns what makes a command run as the user of PostgreSQL, and who that is.
func asPostgres() (command []string, uid, gid int, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, 0, 0, err
	}
	return []string{"setpriv", "--reuid", u.Uid, "--regid", u.Gid, "--clear-groups"}, integer(u.Uid), integer(u.Gid), nil
}

// startEtcd starts the host's member.
func (c *cluster) startEtcd(h *host) error {
	as, _, _, err := asPostgres()
	if err != nil {
		return err
	}
	var members []string
	for _, m := range c.databases {
		members = append(members, m.name+"=http://"+m.address+":2380")
	}
	at := "http://" + h.address
	_, err = h.run(c.log(h.name+"-etcd"), append(as, "etcd", "--name", h.name, "--data-dir", filepath.Join(c.o.folder, h.name, "etcd"),
		"--listen-client-urls", at+":2379", "--advertise-client-urls", at+":2379", "--listen-peer-urls", at+":2380",
		"--initial-advertise-peer-urls", at+":2380", "--initial-cluster", strings.Join(members, ","), "--enable-v2")...)
	return err
}

// patroni returns the configuration of a host. With synchronous_mode_strict a commit
// waits for a standby even if there is none, so that a 202 is always on two hosts.
func (c *cluster) patroni(h *host, folder, bin string) string {
	var etcd []string
	for _, m := range c.databases {
		etcd = append(etcd, m.address+":2379")
	}
	return fmt.Sprintf(`scope: nems
name: %[1]s
restapi: {listen: "%[2]s:8008", connect_address: "%[2]s:8008"}
etcd: {hosts: [%[3]s]}
bootstrap:
  dcs:
    %[6]s
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {max_connections: 200, wal_keep_size: 256MB, wal_retrieve_retry_interval: 500ms, wal_receiver_timeout: 5s, wal_sender_timeout: 5s, max_wal_size: 512MB, shared_buffers: 128MB}
  initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
postgresql:
  listen: "%[2]s:5432"
  connect_address: "%[2]s:5432"
  data_dir: %[4]s/data
  bin_dir: %[5]s
  pgpass: %[4]s/pgpass
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
  parameters: {unix_socket_directories: %[4]s/socket}
  pg_hba: ["local all all trust", "host all all %[7]s0/24 trust", "host replication all %[7]s0/24 trust"]
`, h.name, h.address, strings.Join(etcd, ", "), folder, bin, strings.ReplaceAll(patroniTimes, ", ", "\n    "), network)
}

// dsn returns the URL of the database for the nodes: all hosts, of which nodes take the
// one that accepts writes.
func (c *cluster) dsn() string {
	var hosts []string
	for _, h := range c.databases {
		hosts = append(hosts, h.address+":5432")
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/nems?sslmode=disable&connect_timeout=2"
}

func (c *cluster) makeDatabase(ctx context.Context) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	at := func(h *host, name string) string {
		return "postgres://postgres@" + h.address + "/" + name + "?sslmode=disable"
	}
	if _, err := pgserver.SQL(ctx, at(leader, "postgres"), "CREATE DATABASE nems"); err != nil {
		return err
	}
	for _, h := range c.databases { // a host that says that there is no such database ends the search of a client
		if err := c.until(ctx, time.Minute, "the database on "+h.name, func(ctx context.Context) bool {
			_, err := pgserver.SQL(ctx, at(h, "nems"), "SELECT 1")
			return err == nil
		}); err != nil {
			return err
		}
	}
	if out, err := exec.CommandContext(ctx, c.o.binary, "migrate", "--database", c.dsn()).CombinedOutput(); err != nil {
		return fmt.Errorf("nems migrate: %w: %s", err, out)
	}
	return nil
}
