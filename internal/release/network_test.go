package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// network connects machines: 10.213.7.1, 10.213.7.2, ... and the test at 10.213.7.254.
type network struct{ bridge string }

const hostAddress = "10.213.7.254"

func newNetwork(t *testing.T) network {
	t.Helper()
	n := network{fmt.Sprintf("nems%d", os.Getpid()%100000)}
	for _, args := range []string{
		"link add " + n.bridge + " type bridge", "addr add " + hostAddress + "/24 dev " + n.bridge, "link set " + n.bridge + " up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("this machine does not let the test make a network: %s: not tried", out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "link", "del", n.bridge).Run() }) // the first time; then it is gone
	}
	return n
}

// machine is a machine whose files are this one's until they are changed, at the
// address with this number. What runs on it ends with the test.
func (n network) machine(t *testing.T, number int) machine {
	t.Helper()
	m, holder := holdMachine(t, t.TempDir(), fmt.Sprintf("hostname nems%d\n", number)+overlaid, "--net", "--uts")
	m.network = fmt.Sprintf("/proc/%d/ns/net", holder)
	t.Cleanup(func() { m.endAll(t) })
	wire := fmt.Sprintf("%sv%d", n.bridge, number)
	for _, args := range []string{
		fmt.Sprintf("link add %s master %s type veth peer name eth0 netns %d", wire, n.bridge, holder), "link set " + wire + " up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %s", args, out)
		}
	}
	m.run(t, "sh", "-ec", fmt.Sprintf("ip link set lo up\nip addr add 10.213.7.%d/24 dev eth0\nip link set eth0 up", number))
	return m
}

// endAll kills what runs in the machine's network: databases and services, which have
// left the test's processes.
func (m machine) endAll(t *testing.T) {
	own, err := os.Readlink(m.network)
	if err != nil {
		t.Error(err)
		return
	}
	holder := strings.Split(m.network, "/")[2]
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Error(err)
	}
	for _, p := range processes {
		if its, err := os.Readlink(p + "/ns/net"); err == nil && its == own && filepath.Base(p) != holder {
			_ = exec.Command("kill", "-9", filepath.Base(p)).Run() // may have ended meanwhile
		}
	}
}

// listen opens a port at the test's own address.
func listen(t *testing.T, port string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(hostAddress, port))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
