package receiver

import "context"

// call gives one message to the Handler, whose context outlives ctx by the
// grace period.
func (r *round) call(ctx context.Context, m Message) error {
	late, cancel := r.linger(ctx)
	defer cancel()
	return r.handler(late, m)
}

// linger returns a context that ends the grace period after ctx does. Its
// cancel returns when nothing of it is left running.
func (r *Receiver) linger(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-late.Done():
			return
		case <-ctx.Done():
		}
		// The error would say that late has ended, which is what follows.
		_ = r.config.Wait(late, r.config.Grace)
		cancel()
	}()
	return late, func() {
		cancel()
		<-done
	}
}
