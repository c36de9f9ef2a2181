//go:build !linux

package pgserver

import "syscall"

// dieTogether does nothing on this system: servers outlive a parent that is killed.
func dieTogether(*syscall.SysProcAttr) {}
