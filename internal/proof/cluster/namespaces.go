//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// inNamespaces runs this program again, as the first process of namespaces of its own for
// processes, mounts and network. When that process ends, the kernel ends all others and
// removes the network; it ends when this one does.
func inNamespaces(args ...string) error {
	runtime.LockOSThread()      // the death of this thread would end it
	signal.Ignore(os.Interrupt) // the program inside gets it too, and ends in order
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := again(ctx, "init", args...)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := c.Run()
	if ctx.Err() != nil {
		return errors.New("ended by SIGTERM")
	}
	return err
}

func again(ctx context.Context, stage string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"-stage", stage}, args...)...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c
}

// reap is the first process: it prepares the mounts, starts the program once more, and
// buries everybody whose parent has died, so that Patroni sees that a killed PostgreSQL
// is gone. It ends as that program does.
func reap() error {
	signal.Ignore(os.Interrupt)
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE}, {"proc", "/proc", "proc", 0}, {"tmpfs", "/run/netns", "tmpfs", 0}} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	var args []string
	for i := 1; i < len(os.Args); i++ {
		if os.Args[i] == "-stage" {
			i++
			continue
		}
		args = append(args, os.Args[i])
	}
	c := again(context.Background(), "inside", args...)
	if err := c.Start(); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case pid == c.Process.Pid && status.Signaled():
			return fmt.Errorf("the program inside was ended by a signal: %s", status.Signal())
		case pid == c.Process.Pid:
			os.Exit(status.ExitStatus() & 0x7f)
		}
	}
}

// host is a machine of the cluster: a network namespace, whose cable leads to a bridge.
type host struct {
	name, address string
	commands      []*exec.Cmd
}

// The addresses of the hosts; the publisher is at the bridge itself.
const network = "10.90.0."

// addBridge makes the network.
func addBridge() error {
	return ip("link set lo up", "link add br0 type bridge", "addr add "+network+"1/24 dev br0", "link set br0 up")
}

// addHost makes a host.
func addHost(name string, number int) (*host, error) {
	h := &host{name: name, address: fmt.Sprint(network, number)}
	return h, ip("netns add "+name,
		"link add "+name+" type veth peer name eth0 netns "+name,
		"link set "+name+" master br0 up",
		"-n "+name+" link set lo up",
		"-n "+name+" addr add "+h.address+"/24 dev eth0",
		"-n "+name+" link set eth0 up")
}

func ip(commands ...string) error {
	for _, c := range commands {
		if out, err := exec.Command("sh", "-c", "ip "+c).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}

// cut pulls the cable; mend puts it back.
func (h *host) cut() error  { return ip("link set " + h.name + " down") }
func (h *host) mend() error { return ip("link set " + h.name + " up") }

// run starts a program on the host, whose output goes to a file.
func (h *host) run(log string, args ...string) (*exec.Cmd, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c := exec.Command("ip", append([]string{"netns", "exec", h.name}, args...)...)
	c.Stdout, c.Stderr = file, file
	if err := c.Start(); err != nil {
		return nil, err
	}
	go func() { _ = c.Wait() }()
	h.commands = append(h.commands, c)
	return c, nil
}

// crash ends everything on the host at once, and returns when it is gone.
func (h *host) crash() error {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		out, err := exec.Command("ip", "netns", "pids", h.name).Output()
		if err != nil {
			return err
		}
		pids := numbers(string(out))
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("%s: its processes do not end", h.name)
}
