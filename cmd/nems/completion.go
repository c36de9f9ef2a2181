package main

import (
	"context"
	"fmt"
	"os"

	kongcompletion "github.com/jotaen/kong-completion"
)

// completionCmd tells how a shell is made to complete commands and flags.
type completionCmd struct{ kongcompletion.Completion }

// completes says whether a shell asks for completions, which it does through the
// environment.
func completes() bool { return os.Getenv("COMP_LINE") != "" }

// complete answers the shell and ends the process.
func complete(ctx context.Context) int {
	parser, err := newParser(ctx, &cli{})
	if err != nil {
		fmt.Fprintln(stderr(), "nems:", err)
		return 2
	}
	kongcompletion.Register(parser)
	return 0
}
