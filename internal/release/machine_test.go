package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// machine is a throwaway one: a root folder in a mount namespace of its own.
type machine struct {
	root      string
	namespace string // file of the mount namespace
	network   string // file of the network namespace; empty: network and name are the test's own
	chroot    string // path of that tool, which the environment of an image does not find
}

// newMachine mounts what the script says, whose argument is a folder; $1/root becomes
// the machine's root. What is mounted is gone when the test ends, however it ends: the
// namespace lasts as long as its process, which ends with the test's pipe.
func newMachine(t *testing.T, folder, script string) machine {
	t.Helper()
	m, _ := holdMachine(t, folder, script)
	return m
}

// holdMachine is newMachine with further namespaces, and returns the process that
// holds them.
func holdMachine(t *testing.T, folder, script string, namespaces ...string) (machine, int) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may mount: not tried")
	}
	for _, tool := range []string{"unshare", "nsenter", "chroot"} {
		needs(t, tool)
	}
	chroot, err := exec.LookPath("chroot")
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("unshare", append(append([]string{"--mount"}, namespaces...), "sh", "-ec", script+"\necho mounted\nexec cat", "sh", folder)...)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	holder.Stderr = &said
	if err := holder.Start(); err != nil {
		t.Skipf("unshare: %v: not tried", err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	t.Cleanup(func() { in.Close(); _ = holder.Wait() })
	if line != "mounted\n" {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = holder.Wait()
		t.Skipf("this machine does not let the test mount a root folder: %s: not tried", said.String())
	}
	return machine{root: filepath.Join(folder, "root"), namespace: fmt.Sprintf("/proc/%d/ns/mnt", holder.Process.Pid), chroot: chroot}, holder.Process.Pid
}

// command prepares a program of the machine, which runs as user (uid:gid or a name).
func (m machine) command(t *testing.T, user string, args ...string) *exec.Cmd {
	enter := []string{"--mount=" + m.namespace}
	if m.network != "" {
		enter = append(enter, "--net="+m.network, "--uts="+strings.Replace(m.network, "ns/net", "ns/uts", 1))
	}
	args = append(append(enter, m.chroot, "--userspec="+user, m.root), args...)
	c := exec.CommandContext(t.Context(), "nsenter", args...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LC_ALL=C.UTF-8"}
	return c
}

// run runs a program as root and returns what it said.
func (m machine) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := m.command(t, "0:0", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serve runs the service as user, asks for its health, and ends it as systemd does.
func (m machine) serve(t *testing.T, user string, settings []string, args ...string) {
	t.Helper()
	port := freePort(t)
	c := m.command(t, user, append([]string{"/usr/bin/nems", "serve"}, args...)...)
	c.Env = append(c.Env, settings...)
	for _, name := range []string{"FHIR", "MESH"} {
		c.Env = append(c.Env, "NEMS_"+name+"_LISTEN=127.0.0.1:"+freePort(t))
	}
	c.Env = append(c.Env, "NEMS_OPERATIONS_LISTEN=127.0.0.1:"+port)
	var said strings.Builder // once the process has ended
	c.Stderr = &said
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if !strings.HasPrefix(line, "nems is ready at ") {
		t.Fatalf("nems serve: expected that it is ready; received %q, %v\n%s", line, c.Wait(), said.String())
	}
	if status, body := get(t, "http://127.0.0.1:"+port+"/health/ready"); status != http.StatusOK {
		t.Errorf("/health/ready: expected 200; received %d: %s", status, body)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	if err := c.Wait(); err != nil {
		t.Errorf("nems serve did not end well: %v\n%s", err, said.String())
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer.StatusCode, string(content)
}

// freePort returns a port that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// needs skips the test where a tool is not installed.
func needs(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("%s is not installed: not tried", tool)
	}
}
