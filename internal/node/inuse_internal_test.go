package node

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Who finds a port in use is told by whom, and which setting to change.
func TestPortInUse(t *testing.T) {
	there, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	address := there.Addr().String()
	_, err = net.Listen("tcp", address)
	got := occupied(err, "fhir-listen", address).Error()
	if !strings.Contains(got, address+" is in use by ") || !strings.Contains(got, "--fhir-listen") {
		t.Error(got)
	}
	if _, err := os.Stat("/proc/net/tcp"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("this system has no /proc, so the process is not named")
	}
	if !strings.Contains(got, "process "+strconv.Itoa(os.Getpid())+" (") {
		t.Error(got)
	}
	if pid, _ := listening(t.TempDir(), "80"); pid != "" {
		t.Errorf("process %s in an empty folder", pid)
	}
	if err := occupied(fs.ErrPermission, "listen", address); err != fs.ErrPermission {
		t.Error(err)
	}
}
