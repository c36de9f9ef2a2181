package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"nems/internal/operator"
)

// healthCmd asks a service whether it is ready, or whether it lives. It is what a
// container without a shell is checked with.
type healthCmd struct {
	Data    string        `default:"nems-data" type:"path" help:"Data folder of the service, which says where it listens."`
	URL     string        `name:"operations-url" help:"Address of the operations listener, instead of --data."`
	Live    bool          `env:"-" help:"Ask only whether the process serves, not whether it can take work."`
	Timeout time.Duration `default:"5s" env:"-" help:"How long the answer may take."`
	tlsFiles
}

// healthMost is how much of an answer is read; a longer one is none of a NEMS.
const healthMost = 64 << 10

// Run prints the state and fails if it is not "ok".
func (c *healthCmd) Run(ctx context.Context) error {
	url := c.URL
	if url == "" {
		access, err := operator.ReadAccess(c.Data)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && access.URL == "":
			return fmt.Errorf("no service runs on the data folder %s, or it has no operations listener: give --data or --operations-url", c.Data)
		case err != nil:
			return err
		}
		url = access.URL
	}
	path := "/health/ready"
	if c.Live {
		path = "/health/live"
	}
	h, err := c.httpClient()
	if err != nil {
		return err
	}
	h.Timeout = c.Timeout
	return askHealth(ctx, h, strings.TrimSuffix(url, "/")+path)
}

// askHealth prints what the service answers there.
func askHealth(ctx context.Context, h *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := h.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var state struct {
		Status  string   `json:"status"`
		Notices []string `json:"notices"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, healthMost)).Decode(&state); err != nil || state.Status == "" {
		return fmt.Errorf("%s: expected the health of a NEMS; received %s: give the address of its operations listener", url, answer.Status)
	}
	fmt.Fprintln(stdout(), state.Status)
	for _, notice := range state.Notices {
		fmt.Fprintln(stdout(), notice)
	}
	if answer.StatusCode != http.StatusOK {
		return errFailed
	}
	return nil
}
