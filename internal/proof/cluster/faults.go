//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// fault is one thing that goes wrong. It returns what mends it again.
type fault struct {
	name, what string
	strike     func(ctx context.Context, c *cluster) (mend func() error, err error)
}

func nothing() error { return nil }

var faults = []fault{
	{"none", "nothing, to compare with", func(context.Context, *cluster) (func() error, error) { return nothing, nil }},
	{"leader-process", "kill -9 of the primary's postmaster; Patroni starts it again", func(ctx context.Context, c *cluster) (func() error, error) {
		h, err := c.leader(ctx)
		if err != nil {
			return nil, err
		}
		return nothing, c.killPostmaster(h)
	}},
	{"leader-machine", "the primary's machine dies, with Patroni and a member of etcd", dies("leader")},
	{"leader-network", "the primary's machine loses its network", loses("leader")},
	{"standby-machine", "the synchronous standby's machine dies", dies("sync_standby")},
	{"switchover", "patronictl switchover, as before maintenance", func(ctx context.Context, c *cluster) (func() error, error) { return nothing, c.switchOver(ctx) }},
	{"etcd-member", "kill -9 of etcd's member at the primary", func(ctx context.Context, c *cluster) (func() error, error) {
		h, err := c.leader(ctx)
		if err != nil {
			return nil, err
		}
		return func() error { return c.startEtcd(h) }, h.kill("etcd")
	}},
	{"node-killed", "kill -9 of a node of NEMS", func(_ context.Context, c *cluster) (func() error, error) {
		return func() error { return c.startNode(c.nodes[0]) }, c.nodes[0].crash()
	}},
	{"node-network", "a node of NEMS loses its network", func(_ context.Context, c *cluster) (func() error, error) {
		return c.nodes[1].mend, c.nodes[1].cut()
	}},
	{"node-restarted", "a node of NEMS ends in an orderly way (SIGTERM)", func(_ context.Context, c *cluster) (func() error, error) {
		h := c.nodes[2]
		return func() error { return c.startNode(h) }, stop(h.commands[len(h.commands)-1])
	}},
	{"proxy-restarted", "kill -9 of the proxy, which is started again at once", func(_ context.Context, c *cluster) (func() error, error) {
		return nothing, errors.Join(c.proxy.crash(), c.startProxy())
	}},
}

// dies lets the machine die that has a role in Patroni's cluster.
func dies(role string) func(context.Context, *cluster) (func() error, error) {
	return func(ctx context.Context, c *cluster) (func() error, error) {
		h, err := c.withRole(ctx, role)
		if err != nil {
			return nil, err
		}
		return func() error { return c.startDatabase(h) }, h.crash()
	}
}

func loses(role string) func(context.Context, *cluster) (func() error, error) {
	return func(ctx context.Context, c *cluster) (func() error, error) {
		h, err := c.withRole(ctx, role)
		if err != nil {
			return nil, err
		}
		return h.mend, h.cut()
	}
}

func faultNames() (names []string) {
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}

// chosen returns the faults that are named, or all.
func chosen(only string) ([]fault, error) {
	if only == "" {
		return faults, nil
	}
	var out []fault
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: there is no such fault; expected some of %s", name, strings.Join(faultNames(), ", "))
		}
		out = append(out, faults[i])
	}
	return out, nil
}

// killPostmaster kills the first process of PostgreSQL, whose others then end.
func (c *cluster) killPostmaster(h *host) error {
	text, err := os.ReadFile(filepath.Join(c.o.folder, h.name, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return syscall.Kill(integer(line), syscall.SIGKILL)
}

// kill kills the processes of a program on the host.
func (h *host) kill(program string) error {
	out, err := exec.Command("ip", "netns", "pids", h.name).Output()
	if err != nil {
		return err
	}
	for _, pid := range numbers(string(out)) {
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); strings.TrimSpace(string(name)) == program {
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("%s: %s does not run there", h.name, program)
}

func (c *cluster) switchOver(ctx context.Context) error {
	from, err := c.leader(ctx)
	if err != nil {
		return err
	}
	to, err := c.withRole(ctx, "sync_standby")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "patronictl", "-c", filepath.Join(c.o.folder, from.name+".yml"),
		"switchover", "nems", "--master", from.name, "--candidate", to.name, "--force").CombinedOutput()
	if err != nil {
		return fmt.Errorf("patronictl: %w: %s", err, out)
	}
	return nil
}
