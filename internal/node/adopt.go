package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/internal/datafolder"
	"nems/internal/directory"
)

// adoptEvery is how soon a node looks again while another one fills the directory.
const adoptEvery = 5 * time.Second

// findAdoption finds what the shared directory lacks and this node's folder has, from
// before the nodes shared one.
func (n *node) findAdoption(ctx context.Context) (err error) {
	n.adoption, err = datafolder.OpenAdoption(ctx, n.Data, n.Database, n.directory, n.PDS.URL == "")
	return err
}

// adopt takes it over, beside the node's other work, until all is done or the context
// ends. The node is not ready meanwhile, because its directory lacks something.
func (n *node) adopt(ctx context.Context) error {
	if n.adoption == nil {
		return nil
	}
	for _, kind := range n.adoption.Parts {
		for {
			rows, err := n.adoption.Run(ctx, kind)
			if ctx.Err() != nil {
				return nil
			}
			if err == nil && rows > 0 {
				n.Log.Info("the shared directory has taken over this node's file, which is no longer read", "part", kind, "rows", rows)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, directory.ErrImporting) {
				n.Log.Error("the directory of the data folder cannot be taken over; nems import fills the shared one", "part", kind, "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(adoptEvery):
			}
		}
	}
	n.adopted.Store(true)
	return nil
}

// adopting says which parts are being taken over.
func (n *node) adopting() []string {
	if n.adoption == nil || n.adopted.Load() {
		return nil
	}
	return []string{fmt.Sprintf("The nodes share one directory now: %v of %s are being copied into it.", n.adoption.Parts, datafolder.DirectoryFile)}
}
