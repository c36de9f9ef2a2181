package datafolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// movedSuffix is added to the name of an embedded database for the file that says where
// its service has moved. Without it a node, a backup or a check that is not told of the
// new database would go on with the old one, and say that all is well.
const movedSuffix = ".moved"

// hasMoved returns an error if the service of a database has moved away from it.
func hasMoved(path string) error {
	to, err := os.ReadFile(path + movedSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: its service has moved to %s: name that with --database. To go on with what was here before the move, remove %s", path, strings.TrimSpace(string(to)), path+movedSuffix)
}

// leaveSign leaves word at an embedded database that is moved from, and takes it away
// from one that is moved to. It comes last: what is moved to is whole by then.
func (m *Move) leaveSign() error {
	if path, embedded := strings.CutPrefix(m.toName, "sqlite:"); embedded {
		if err := os.Remove(path + movedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	path, embedded := strings.CutPrefix(m.fromName, "sqlite:")
	if !embedded {
		return nil
	}
	if err := os.WriteFile(path+movedSuffix, []byte(m.toName+"\n"), 0o640); err != nil {
		return fmt.Errorf("everything has moved, but no sign of it could be left: make sure that no node is started on it again: %w", err)
	}
	return nil
}
