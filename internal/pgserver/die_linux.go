package pgserver

import "syscall"

// dieTogether lets whoever dies take its servers along.
func dieTogether(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
