package pgserver

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Kill ends the postmaster and all of its children with SIGKILL, as the loss of
// the machine would, and returns when they are gone.
func (s *Server) Kill() {
	if !s.Runs() {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGSTOP) // so that it starts no other processes meanwhile
	var children []int
	s.children(func(pid int) { children = append(children, pid) })
	s.each(syscall.SIGKILL)
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.ended
	// No server can start here again while one of them still has the shared memory.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, pid := range children {
		for alive(pid) {
			<-tick.C
		}
	}
}

// alive reports whether a process has not ended. A zombie counts as ended.
func alive(pid int) bool {
	fields := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return fields != nil && string(fields[0]) != "Z"
}

// stat returns the fields of a process from its state on, nil when it is gone.
func stat(name string) [][]byte {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	// proc(5): pid (name) state ppid ...; the name may hold anything.
	if fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]); len(fields) > 1 {
		return fields
	}
	return nil
}

// Halt stops all of the server's processes with SIGSTOP: its connections stay
// open but silent. Resume undoes it.
func (s *Server) Halt() {
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	s.each(syscall.SIGSTOP)
}

// Resume lets a halted server go on.
func (s *Server) Resume() {
	s.each(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
}

// each signals the children of the postmaster.
func (s *Server) each(signal syscall.Signal) {
	s.children(func(pid int) { _ = syscall.Kill(pid, signal) })
}

// children visits the children of the postmaster. They have process groups of
// their own, so they can only be found in the process table.
func (s *Server) children(visit func(pid int)) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		fields := stat(name)
		if fields == nil || string(fields[1]) != strconv.Itoa(s.cmd.Process.Pid) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			visit(pid)
		}
	}
}
