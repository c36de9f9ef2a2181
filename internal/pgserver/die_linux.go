package pgserver

import "syscall"

// dieTogether makes the kernel kill the server when its parent dies.
func dieTogether(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
