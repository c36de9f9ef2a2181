package pgserver

import (
	"fmt"
	"strconv"
	"time"
)

// CPU returns the processor time of the server's processes, including those
// that have ended (proc(5), stat).
func (s *Server) CPU() time.Duration {
	sum := cpu(s.cmd.Process.Pid, 4) // 4 fields: includes its dead children
	s.children(func(pid int) { sum += cpu(pid, 2) })
	return sum
}

// CPU returns the processor time of a process (proc(5), stat); 0 when it has
// ended.
func CPU(pid int) time.Duration { return cpu(pid, 2) }

// cpu sums the first fields of utime, stime, cutime and cstime of a process.
func cpu(pid, fields int) (sum time.Duration) {
	all := stat(fmt.Sprintf("/proc/%d/stat", pid))
	if all == nil {
		return 0 // it has ended, and its parent counts it
	}
	for _, f := range all[11 : 11+fields] {
		n, _ := strconv.ParseInt(string(f), 10, 64)
		sum += time.Duration(n) * 10 * time.Millisecond // USER_HZ is 100
	}
	return sum
}
