//go:build linux

// Command cluster is the reference cluster: three PostgreSQL with Patroni and etcd, three
// nodes of NEMS, and HAProxy, each on a host of its own, which is a network namespace. It
// publishes and collects all the time, lets one thing after the other die (the leader of
// the database, its network, a node, a member of etcd, the proxy, ...), and prints how long
// nothing was accepted, and that nothing was lost. It exits with 1 if an event that was
// accepted did not arrive, or arrived twice.
//
// It needs root, and Debian's packages postgresql, patroni, etcd-server, haproxy and
// iproute2. It touches nothing of the machine: hosts and processes are in namespaces that
// end with it, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the options of the command line.
type options struct {
	binary, only, format, folder string
	publishers                   int
	pace                         time.Duration
}

func main() {
	var o options
	var stage string
	flag.StringVar(&o.binary, "nems", "", "the program to run; built when empty")
	flag.StringVar(&o.only, "only", "", "only these faults, separated by commas: "+strings.Join(faultNames(), ", "))
	flag.StringVar(&o.format, "format", "", "table or json; default: a table on a terminal, JSON in a pipe")
	flag.IntVar(&o.publishers, "publishers", 4, "how many publish at the same time")
	flag.DurationVar(&o.pace, "pace", 50*time.Millisecond, "how long a publisher waits between two events")
	flag.StringVar(&o.folder, "folder", "", "set by the program itself")
	flag.StringVar(&stage, "stage", "", "set by the program itself")
	flag.Parse()
	var err error
	switch stage {
	case "":
		err = outside(o)
	case "init":
		err = reap()
	case "inside":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = inside(ctx, o)
		stop()
	}
	var ended *exec.ExitError
	switch {
	case stage == "" && errors.As(err, &ended):
		os.Exit(max(ended.ExitCode(), 1)) // it has said why
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// needed are the programs of the cluster, and the packages that have them.
var needed = map[string]string{"ip": "iproute2", "patroni": "patroni", "patronictl": "patroni", "etcd": "etcd-server", "haproxy": "haproxy", "setpriv": "util-linux"}

// outside checks what is needed, builds NEMS, and runs the rest in namespaces.
func outside(o options) error {
	if os.Getuid() != 0 {
		return errors.New("only root can make network namespaces: run it as root, on a machine that may be used for tests")
	}
	for program, where := range needed {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed (Debian: apt-get install %s)", program, where)
		}
	}
	if _, err := chosen(o.only); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "nems-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil { // PostgreSQL is another user
		return err
	}
	if o.binary == "" {
		o.binary = filepath.Join(folder, "nems")
		build := exec.Command("go", "build", "-o", o.binary, "nems/cmd/nems")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building nems: %w", err)
		}
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	return inNamespaces("-nems", o.binary, "-folder", folder, "-only", o.only, "-format", o.format,
		"-publishers", fmt.Sprint(o.publishers), "-pace", o.pace.String())
}
