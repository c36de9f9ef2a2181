package pgserver

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// CPU is the processor time that the server's living processes have used, and
// those that have ended (proc(5), stat).
func (s *Server) CPU() time.Duration {
	ticks := ticksOf(strconv.Itoa(s.cmd.Process.Pid), 4) // with its dead children
	s.children(func(pid int) { ticks += ticksOf(strconv.Itoa(pid), 2) })
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

// ticksOf sums the first of utime, stime, cutime and cstime of a process.
func ticksOf(pid string, fields int) (sum int64) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0 // it has ended: its parent counts it
	}
	rest := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	for _, f := range rest[11 : 11+fields] {
		n, _ := strconv.ParseInt(string(f), 10, 64)
		sum += n
	}
	return sum
}
