package node

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// occupied explains why an address cannot be listened at, where somebody else does:
// by which process, as far as the system tells, and what to do.
func occupied(err error, setting, address string) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	who := "by another process"
	if _, port, err := net.SplitHostPort(address); err == nil {
		if pid, name := listening("/proc", port); pid != "" {
			who = fmt.Sprintf("by process %s (%s)", pid, name)
		}
	}
	return fmt.Errorf("%s is in use %s: end it, or give this service another address (--%s): %w", address, who, setting, err)
}

// listening finds the process that listens on a TCP port. It returns "" where the
// system does not tell: another system than Linux, or a process of somebody else.
func listening(proc, port string) (pid, name string) {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", ""
	}
	sockets := map[string]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		listeners(filepath.Join(proc, table), fmt.Sprintf(":%04X", number), sockets)
	}
	descriptors, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	for _, d := range descriptors {
		if to, err := os.Readlink(d); err != nil || !sockets[to] {
			continue
		}
		folder := filepath.Dir(filepath.Dir(d))
		comm, err := os.ReadFile(filepath.Join(folder, "comm"))
		if err != nil {
			continue
		}
		return filepath.Base(folder), strings.TrimSpace(string(comm))
	}
	return "", ""
}

// listeners files the sockets of a table of /proc/net that listen on a port, as
// descriptors name them. The port is written as the table has it.
func listeners(table, port string, sockets map[string]bool) {
	const listens = "0A" // TCP_LISTEN
	file, err := os.Open(table)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) > 9 && strings.HasSuffix(f[1], port) && f[3] == listens {
			sockets["socket:["+f[9]+"]"] = true
		}
	}
}
