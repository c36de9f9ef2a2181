//go:build unix

package sqlite

import (
	"path/filepath"
	"syscall"
)

// roomBeside is how many bytes may still be written where a file lies; -1 where it
// cannot be known.
func roomBeside(path string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(filepath.Dir(path), &s) != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // the types differ between systems
}
