//go:build !unix

package receiver

import "os"

// lockFile only makes the file: nothing here keeps a second process away.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
