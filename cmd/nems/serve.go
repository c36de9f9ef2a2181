package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"nems/internal/node"
	"nems/internal/plain"
)

// serveCmd runs the service until it is told to stop.
type serveCmd struct {
	ConfigFile fileFlag `name:"config" placeholder:"FILE" help:"Configuration file (YAML). Its keys are the names of these flags."`
	Check      bool     `env:"-" help:"Check the configuration and everything that it names, print the findings, and exit: with 1 when something is wrong."`
	node.Config
}

// fileFlag reads the configuration file as soon as the flag is seen, so that
// its values are available when the other flags are resolved.
type fileFlag string

// BeforeResolve is kong's hook for that.
func (f fileFlag) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	file, err := readConfig(string(ctx.FlagValue(trace.Flag).(fileFlag)))
	if err != nil {
		return err
	}
	// Before anything else is checked: a setting may seem to be missing only
	// because its key is misspelt.
	if err := file.Validate(k.Model); err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// gcPercent lets garbage grow to four times the live data before it is
// collected: a publish leaves some 60 KB of garbage, and little stays live.
// Near memoryLimit, with very many connections, garbage is collected sooner.
// GOGC and GOMEMLIMIT override both.
const (
	gcPercent   = 400
	memoryLimit = 384 << 20
)

// spareThreads is the number of threads in addition to one for each core. A
// goroutine that waits for the disk or the database then continues as soon as it
// has its answer, because the kernel gives its thread a core at once. Otherwise
// it waits until the check of a message has ended, and the whole batch waits
// with it: on two cores this costs a sixth of the publishes per second.
// GOMAXPROCS overrides it.
const spareThreads = 2

// Run serves until the context ends (SIGTERM, Ctrl-C), then drains.
func (s *serveCmd) Run(ctx context.Context) error {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	if s.Check {
		return s.checkUp(ctx)
	}
	// net/http logs unexpected bytes to the standard logger; they could be a
	// patient's.
	log.SetOutput(io.Discard)
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareThreads)
	}
	return node.Run(ctx, s.Config, node.Environment{
		Log:       newLog(level, s.LogFormat),
		Verbosity: level,
		Reload:    reloads(ctx),
		Program:   named(),
		Ready: func(url string) {
			fmt.Fprintf(stdout(), "nems is ready at %s\n", url)
		},
	})
}

// checkUp prints the findings of CheckUp, one per line.
func (s *serveCmd) checkUp(ctx context.Context) error {
	var wrong bool
	for _, f := range node.CheckUp(ctx, s.Config, node.Environment{Log: slog.New(slog.DiscardHandler)}) {
		if f.Wrong != nil {
			wrong = true
			for line := range strings.Lines(f.Wrong.Error()) { // one for each setting that is wrong
				fmt.Fprintf(stdout(), "WRONG  %s: %v\n", f.What, plain.Line(strings.TrimSuffix(line, "\n")))
			}
			continue
		}
		fmt.Fprintf(stdout(), "ok     %s: %s\n", f.What, plain.Line(f.Note))
	}
	if wrong {
		return errFailed
	}
	return nil
}
