package pgserver

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Kill ends the postmaster and all of its children with SIGKILL, as the loss of
// the machine would, and returns when they are gone.
func (s *Server) Kill() {
	if !s.Runs() {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGSTOP) // it must not start others meanwhile
	s.each(syscall.SIGKILL)
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.ended
}

// Halt stops all of the server's processes with SIGSTOP: its connections stay,
// and say nothing. Resume lets it go on.
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
// their own, so that only the kernel's table of processes names them.
func (s *Server) children(visit func(pid int)) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// proc(5): pid (name) state ppid ...; the name may hold anything.
		rest := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(rest) < 2 || string(rest[1]) != strconv.Itoa(s.cmd.Process.Pid) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			visit(pid)
		}
	}
}
