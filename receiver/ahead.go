package receiver

import (
	"context"
	"sync"
)

// fetched is a message, or why it could not be downloaded.
type fetched struct {
	id  string
	m   Message
	err error
}

// ahead downloads messages in their order, Config.Ahead at once: while the
// Handler has one the next are on their way. Each result comes through a
// channel of its own. stop ends what is still running and waits for it.
func (r *round) ahead(ctx context.Context, ids []string) (results <-chan chan fetched, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	// One more than the queue holds is with the caller.
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
