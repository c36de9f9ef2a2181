//go:build linux || darwin

package node

import "syscall"

// diskSpace returns how many bytes are free, for those who are not root, and how many there
// are on the disk of a folder.
func diskSpace(folder string) (free, size float64, err error) {
	var s syscall.Statfs_t
	err = syscall.Statfs(folder, &s)
	return float64(s.Bavail) * float64(s.Bsize), float64(s.Blocks) * float64(s.Bsize), err
}
