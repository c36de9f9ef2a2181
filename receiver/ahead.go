package receiver

import (
	"context"
	"sync"
)

// fetched is a downloaded message, or the error that kept it from being downloaded.
type fetched struct {
	id  string
	m   Message
	err error
}

// ahead downloads messages in the order of ids, at most Config.Ahead at once,
// so that the next messages arrive while the Handler works on one. Each result
// comes through its own channel. stop cancels the downloads that are still
// running and waits for them.
func (r *round) ahead(ctx context.Context, ids []string) (results <-chan chan fetched, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	// One download more than the queue holds is with the caller.
	queue := make(chan chan fetched, r.config.Ahead-1)
	var running sync.WaitGroup
	running.Go(func() {
		defer close(queue)
		for _, id := range ids {
			result := make(chan fetched, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return
			}
			running.Go(func() { result <- r.fetch(ctx, id) })
		}
	})
	return queue, func() {
		cancel()
		running.Wait()
	}
}

func (r *round) fetch(ctx context.Context, id string) fetched {
	f := fetched{id: id}
	f.err = r.try(ctx, func(ctx context.Context) (err error) {
		f.m, err = r.download(ctx, id)
		return err
	})
	return f
}
