//go:build !linux

package pgserver

import "syscall"

// dieTogether does nothing here: servers outlive a parent that is killed.
func dieTogether(*syscall.SysProcAttr) {}
