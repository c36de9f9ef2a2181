package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"nems/internal/node"
)

// reloads gives the configuration again for each SIGHUP until the context ends: the
// command line and the environment of this process with the file as it is now. What
// cannot be read is reported on standard error, and changes nothing.
func reloads(ctx context.Context) <-chan node.Config {
	asked, read := make(chan os.Signal, 1), make(chan node.Config)
	signal.Notify(asked, syscall.SIGHUP)
	go func() {
		defer signal.Stop(asked)
		for {
			select {
			case <-ctx.Done():
				return
			case <-asked:
			}
			c, err := readAgain(ctx, os.Args[1:])
			if err != nil {
				fmt.Fprintln(stderr(), "nems: the configuration could not be read again, and the one before stays in force:", err)
				continue
			}
			select {
			case <-ctx.Done():
			case read <- c:
			}
		}
	}()
	return read
}

// readAgain returns what nems serve with these arguments would run with now.
func readAgain(ctx context.Context, args []string) (node.Config, error) {
	var again cli
	parser, err := newParser(ctx, &again)
	if err != nil {
		return node.Config{}, err
	}
	if _, err := parser.Parse(asUsual(args)); err != nil {
		return node.Config{}, err
	}
	return again.Serve.Config, nil
}
