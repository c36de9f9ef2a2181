//go:build !unix

package receiver

import "os"

// lockFile only creates the file: on this system nothing keeps a second process away.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
