//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// loop is an ext4 filesystem in a file, whose power can be cut.
type loop struct{ image, at string }

func newLoop(folder string) (*loop, error) {
	l := &loop{image: folder + ".img", at: folder}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(l.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(4<<30), f.Close(), command("mkfs.ext4", "-q", "-F", l.image)); err != nil {
		return nil, err
	}
	return l, l.mount()
}

func (l *loop) mount() error   { return command("mount", "-o", "loop", l.image, l.at) }
func (l *loop) unmount() error { return command("umount", l.at) }

// EXT4_IOC_SHUTDOWN and EXT4_GOING_FLAGS_NOLOGFLUSH of the kernel's
// include/uapi/linux/ext4.h: what is not on the disk now will never be.
const (
	ext4Shutdown   = 0x8004587d
	withoutLogging = uint32(2)
)

// cut cuts the power.
func (l *loop) cut() error {
	f, err := os.Open(l.at)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := withoutLogging
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flags))); e != 0 { //nolint:gosec // the ioctl takes a pointer
		return fmt.Errorf("ext4 shutdown: %w", e)
	}
	return nil
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// powerCut repeatedly cuts the power under load and mounts the disk again. A
// control with synchronous=NORMAL has to lose commits; otherwise the cuts would
// prove nothing.
func powerCut(r *run) (line row, err error) {
	disk, err := newLoop(filepath.Join(r.folder, "power"))
	if err != nil {
		line.Note = "cannot run here: " + err.Error()
		return line, nil
	}
	defer func() { _ = disk.unmount() }() // after a cut that failed half-way it is already unmounted
	stored, lost, err := disk.control()
	if err != nil {
		return line, fmt.Errorf("control: %w", err)
	}
	line.Note = fmt.Sprintf("control with synchronous=NORMAL lost %d of %d commits", lost, stored)
	if lost == 0 {
		return line, errors.New("the control lost nothing: these cuts prove nothing")
	}
	dep, err := r.newDeployment(disk.at)
	if err != nil {
		return line, err
	}
	defer dep.end()
	dep.ledger.begin("power", leeds, national)
	for began := time.Now(); line.Rounds == 0 || time.Since(began) < r.each && line.Rounds < 1000; line.Rounds++ {
		dep.startLoad()
		dep.wait(200*time.Millisecond + time.Duration(r.random()%400)*time.Millisecond)
		err := dep.cutPower(disk)
		if err == nil {
			err = dep.restart()
		}
		if err == nil {
			err = dep.recover(recoverWithin)
		}
		dep.endLoad()
		if err != nil {
			return line, err
		}
	}
	line, err = dep.finish(line)
	told, lost := dep.ledger.inTheDark()
	line.Note += fmt.Sprintf("; %d answers came after a cut and do not count, %d of them are lost", told, lost)
	dep.end()
	return line, err
}

// cutPower cuts the power, kills the process and mounts the disk again. The
// process lives a little longer than its machine would. Its answers from that
// time do not count, because nobody would receive them, and because an fsync
// that is overtaken by the shutdown may report success, which happens about
// once in some hundred.
func (dep *deployment) cutPower(disk *loop) error {
	dep.ledger.goDark(true)
	defer dep.ledger.goDark(false)
	err := disk.cut()
	dep.wait(20 * time.Millisecond)
	dep.here.kill()
	return errors.Join(err, disk.unmount(), disk.mount())
}

// control commits rows with synchronous=NORMAL, cuts the power and counts them.
func (l *loop) control() (stored, lost int, err error) {
	name := filepath.Join(l.at, "control.db")
	conn, err := sqlite.OpenConn(name, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		return 0, 0, err
	}
	for _, statement := range []string{"PRAGMA synchronous = NORMAL", "CREATE TABLE t (x)"} {
		err = errors.Join(err, sqlitex.ExecuteTransient(conn, statement, nil))
	}
	for stored < 1000 && err == nil {
		if err = sqlitex.ExecuteTransient(conn, "INSERT INTO t VALUES (1)", nil); err == nil {
			stored++
		}
	}
	if err = errors.Join(err, l.cut()); err != nil {
		return stored, 0, errors.Join(err, conn.Close())
	}
	_ = conn.Close() // it cannot write any more
	if err := errors.Join(l.unmount(), l.mount()); err != nil {
		return stored, 0, err
	}
	if conn, err = sqlite.OpenConn(name, sqlite.OpenReadWrite, sqlite.OpenCreate); err != nil {
		return stored, 0, err
	}
	kept := 0
	err = sqlitex.ExecuteTransient(conn, "SELECT count(*) FROM sqlite_schema WHERE name = 't'", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error { kept = s.ColumnInt(0); return nil }})
	if err == nil && kept > 0 { // the table itself may be lost
		err = sqlitex.ExecuteTransient(conn, "SELECT count(*) FROM t", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error { kept = s.ColumnInt(0); return nil }})
	}
	return stored, stored - kept, errors.Join(err, conn.Close())
}
