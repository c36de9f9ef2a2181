//go:build !linux && !darwin

package node

import "errors"

// diskSpace is not known: the system's own exporter tells it.
func diskSpace(string) (free, size float64, err error) { return 0, 0, errors.ErrUnsupported }
