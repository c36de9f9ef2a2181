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
	Check      bool     `env:"-" help:"Try the configuration and everything that it names, print what was found, and exit: 1 when something is wrong."`
	node.Config
}

// fileFlag reads the configuration file as soon as the flag is seen, so that
// its values are there when the other flags are resolved.
type fileFlag string

// BeforeResolve is kong's hook for that.
func (f fileFlag) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	file, err := readConfig(string(ctx.FlagValue(trace.Flag).(fileFlag)))
	if err != nil {
		return err
	}
	// Before anything else is checked: a misspelt key is the cause, a setting
	// that seems missing only what follows from it.
	if err := file.Validate(k.Model); err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// gcPercent lets garbage grow to four times what lives before it is collected:
// a publish leaves some 60 KB behind, and little lives. Towards memoryLimit,
// under very many connections, it is collected sooner. GOGC and GOMEMLIMIT
// override both.
const (
	gcPercent   = 400
	memoryLimit = 384 << 20
)

// spareThreads run beside one for each core: what waits for the disk or the
// database goes on as soon as it is answered, since the kernel gives it a core
// at once. Otherwise it waits until the check of a message has ended, and with
// it the whole batch: a sixth of the publishes a second on two cores. GOMAXPROCS
// overrides it.
const spareThreads = 2

// Run serves until the context ends (SIGTERM, Ctrl-C), then drains.
func (s *serveCmd) Run(ctx context.Context) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	if s.Check {
		return s.checkUp(ctx)
	}
	// net/http tells the standard logger of bytes that nobody asked for: they
	// could be a patient's.
	log.SetOutput(io.Discard)
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareThreads)
	}
	return node.Run(ctx, s.Config, node.Environment{
		Log: newLog(level),
		Ready: func(url string) {
			fmt.Fprintf(stdout(), "nems is ready at %s\n", url)
		},
	})
}

// checkUp prints what CheckUp finds, a line each.
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
