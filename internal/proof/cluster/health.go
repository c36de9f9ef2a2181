//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// member is a member of Patroni's cluster, as its REST API shows it.
type member struct{ Name, Role, State string }

// members asks any Patroni that answers.
func (c *cluster) members(ctx context.Context) (out []member) {
	for _, h := range c.databases {
		var found struct{ Members []member }
		if err := c.get(ctx, "http://"+h.address+":8008/cluster", &found); err == nil && len(found.Members) > 0 {
			return found.Members
		}
	}
	return nil
}

// databaseWhole reports whether there are a leader, a synchronous standby and another one.
func (c *cluster) databaseWhole(ctx context.Context) bool {
	roles := map[string]int{}
	for _, m := range c.members(ctx) {
		if m.State == "running" || m.State == "streaming" {
			roles[m.Role]++
		}
	}
	return roles["leader"] == 1 && roles["sync_standby"] == 1 && roles["replica"] == 1
}

// leader returns the host of the primary.
func (c *cluster) leader(ctx context.Context) (*host, error) { return c.withRole(ctx, "leader") }

func (c *cluster) withRole(ctx context.Context, role string) (*host, error) {
	for _, m := range c.members(ctx) {
		for _, h := range c.databases {
			if m.Name == h.name && m.Role == role {
				return h, nil
			}
		}
	}
	return nil, fmt.Errorf("no member of Patroni's cluster is %s", role)
}

// whole reports whether everything works.
func (c *cluster) whole(ctx context.Context) bool {
	for _, h := range c.nodes {
		if !c.ready(ctx, h) {
			return false
		}
	}
	for _, h := range c.databases {
		var health struct{ Health string }
		if err := c.get(ctx, "http://"+h.address+":2379/health", &health); err != nil || health.Health != "true" {
			return false
		}
	}
	return c.databaseWhole(ctx)
}

func (c *cluster) ready(ctx context.Context, h *host) bool {
	return c.ok(ctx, "http://"+h.address+":"+port+"/health/ready")
}

func (c *cluster) ok(ctx context.Context, url string) bool { return c.get(ctx, url, nil) == nil }

func (c *cluster) get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// until waits for a condition.
func (c *cluster) until(ctx context.Context, within time.Duration, what string, holds func(context.Context) bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); {
		if holds(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return fmt.Errorf("%s: not there after %s", what, within)
}
