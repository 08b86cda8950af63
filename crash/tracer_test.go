package crash_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// order tells the tracer what to run and where to strike. Points are counted over all threads
// together: strace counts its when=N "per syscall and per tracee", so with it the N-th call of a
// program of many threads has no name.
type order struct {
	Args   []string
	Scope  string // folder of the world: files outside it are not counted
	Which  string // which calls count: see counts
	At     int    // strike at this one; 0: never
	Strike string // kill, cut (ask first, then kill), or error
	Errno  int    // of error
	Lasts  bool   // error: at every counted call from At on
	Until  string // with Lasts: until a file of this name is removed
	Lies   bool   // besides: no flush is carried out, and each is said to be done
	List   bool   // list the counted calls
	Stderr string // file for what the program says
	Result string // file for the report
}

// report is what the tracer saw.
type report struct {
	Count  int      // calls counted
	Struck string   // the call at the point; empty: the program ended before it
	Exit   int      // exit code; -1: killed
	Freed  bool     // the file of Until was removed
	Signal int      // by which it ended
	Calls  []string `json:",omitempty"`
	// After lists what was done to files whose flush had failed, as if the failure were mended: any
	// further write or flush of a log, a flush of another file that was not written anew.
	After []string `json:",omitempty"`
}

// call is one entry into the kernel.
type call struct {
	number uint64
	args   [6]uint64
	name   string
	target string // path, or socket
}

func (c call) String() string { return strings.TrimSpace(c.name + " " + c.target) }

// changing are the calls by which a process changes something outside itself.
var changing = map[uint64]string{
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_WRITEV: "writev", unix.SYS_PWRITEV: "pwritev", unix.SYS_PWRITEV2: "pwritev2",
	unix.SYS_SENDTO: "sendto", unix.SYS_SENDMSG: "sendmsg", unix.SYS_CONNECT: "connect", unix.SYS_SHUTDOWN: "shutdown",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_SYNC_FILE_RANGE: "sync_file_range", unix.SYS_SYNCFS: "syncfs",
	unix.SYS_RENAME: "rename", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
	unix.SYS_UNLINK: "unlink", unix.SYS_UNLINKAT: "unlinkat", unix.SYS_RMDIR: "rmdir", unix.SYS_LINK: "link", unix.SYS_LINKAT: "linkat",
	unix.SYS_SYMLINK: "symlink", unix.SYS_SYMLINKAT: "symlinkat", unix.SYS_MKDIR: "mkdir", unix.SYS_MKDIRAT: "mkdirat",
	unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_TRUNCATE: "truncate", unix.SYS_FALLOCATE: "fallocate",
	unix.SYS_CHMOD: "chmod", unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_CHOWN: "chown", unix.SYS_FCHOWN: "fchown",
	unix.SYS_FCHOWNAT: "fchownat", unix.SYS_UTIMENSAT: "utimensat", unix.SYS_OPENAT: "openat", unix.SYS_CLOSE: "close",
	unix.SYS_COPY_FILE_RANGE: "copy_file_range", unix.SYS_SENDFILE: "sendfile", unix.SYS_EXIT_GROUP: "exit_group",
}

// reading are the further calls at which a disk may fail.
var reading = map[uint64]string{
	unix.SYS_READ: "read", unix.SYS_PREAD64: "pread64", unix.SYS_GETDENTS64: "getdents64", unix.SYS_NEWFSTATAT: "newfstatat",
	unix.SYS_FSTAT: "fstat", unix.SYS_STAT: "stat", unix.SYS_LSTAT: "lstat", unix.SYS_STATX: "statx", unix.SYS_ACCESS: "access",
	unix.SYS_FACCESSAT: "faccessat", unix.SYS_FACCESSAT2: "faccessat2", unix.SYS_MMAP: "mmap", unix.SYS_FLOCK: "flock",
	unix.SYS_FCNTL: "fcntl", unix.SYS_LSEEK: "lseek", unix.SYS_STATFS: "statfs", unix.SYS_FSTATFS: "fstatfs", unix.SYS_READLINKAT: "readlinkat",
}

// space are the calls that take up room on a disk.
var space = map[string]bool{
	"write": true, "pwrite64": true, "writev": true, "pwritev": true, "rename": true, "renameat": true, "renameat2": true,
	"link": true, "linkat": true, "mkdir": true, "mkdirat": true, "openat": true, "fallocate": true, "ftruncate": true, "fsync": true, "fdatasync": true,
}

// tracer follows one process and all its threads.
type tracer struct {
	order
	report
	pid     int
	known   map[int]bool // threads that have stopped before
	failing map[int]int  // threads inside a call that shall fail, and its errno
	flushed map[string]bool
}

// tracerMain is the life of the process that traces; it has no other children, for it waits for all.
func tracerMain(path string) error {
	runtime.LockOSThread() // ptrace belongs to a thread
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t := &tracer{known: map[int]bool{}, failing: map[int]int{}, flushed: map[string]bool{}}
	if err := json.Unmarshal(data, &t.order); err != nil {
		return err
	}
	if err := t.run(); err != nil {
		return err
	}
	out, err := json.Marshal(t.report)
	if err != nil {
		return err
	}
	return os.WriteFile(t.Result, out, 0o600)
}

func (t *tracer) run() error {
	says, err := os.Create(t.Stderr)
	if err != nil {
		return err
	}
	defer says.Close()
	c := exec.Command(t.Args[0], t.Args[1:]...)
	c.Stdout, c.Stderr = says, says
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := c.Start(); err != nil {
		return err
	}
	t.pid = c.Process.Pid
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	t.known[t.pid] = true
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return err
	}
	if t.Which != "every" { // the kernel stops only at calls that can count: the others run at full speed
		if err := t.filter(); err != nil {
			return fmt.Errorf("install the filter: %w", err)
		}
	}
	if err := t.resume(t.pid, 0); err != nil {
		return err
	}
	return t.follow()
}

// resume lets a thread run to its next stop.
func (t *tracer) resume(tid, signal int) error {
	if _, ok := t.failing[tid]; ok || t.Which == "every" {
		return unix.PtraceSyscall(tid, signal)
	}
	return unix.PtraceCont(tid, signal)
}

// follow waits for stops until the program has ended.
func (t *tracer) follow() error {
	var status unix.WaitStatus
	for {
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case status.Exited() || status.Signaled():
			if tid == t.pid {
				t.Exit, t.Signal = status.ExitStatus(), 0
				if status.Signaled() {
					t.Exit, t.Signal = -1, int(status.Signal())
				}
				return nil
			}
			continue
		}
		// A thread that was killed meanwhile is not there any more: its end is told by wait.
		if err := t.resume(tid, t.stopped(tid, status)); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
}

// stopped handles one stop and returns the signal to hand on.
func (t *tracer) stopped(tid int, status unix.WaitStatus) int {
	first := !t.known[tid]
	t.known[tid] = true
	switch s := status.StopSignal(); {
	case s == unix.SIGTRAP|0x80, s == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		t.atCall(tid)
		return 0
	case s == unix.SIGTRAP, s == unix.SIGSTOP && first:
		return 0
	default:
		return int(s)
	}
}

// atCall is the entry into a call, or the way back.
func (t *tracer) atCall(tid int) {
	var info [88]byte
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), uintptr(len(info)), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return // it was killed
	}
	const entry, exit, filtered = 1, 2, 3
	switch info[0] {
	case exit:
		if errno, ok := t.failing[tid]; ok {
			delete(t.failing, tid)
			t.setResult(tid, errno)
		}
	case entry, filtered:
		c := call{number: binary.LittleEndian.Uint64(info[24:])}
		for i := range c.args {
			c.args[i] = binary.LittleEndian.Uint64(info[32+8*i:])
		}
		if !t.counts(tid, &c) {
			return
		}
		t.Count++
		if t.Lies && (c.name == "fsync" || c.name == "fdatasync") {
			t.failing[tid] = 0
			t.dropCall(tid)
		}
		if t.List {
			t.Calls = append(t.Calls, fmt.Sprintf("%d %s", t.Count, c))
		}
		t.watchFlushed(c)
		if t.At > 0 && (t.Count == t.At || t.Lasts && t.Count > t.At && !t.Freed) {
			t.strike(tid, c)
		}
		t.Freed = t.Freed || t.Until != "" && t.Struck != "" && strings.HasPrefix(c.name, "unlink") && strings.HasSuffix(c.target, "/"+t.Until)
	}
}

func (t *tracer) strike(tid int, c call) {
	if t.Struck == "" {
		t.Struck = c.String()
	}
	switch t.Strike {
	case "cut":
		fmt.Println("AT")
		var answer string
		_, _ = fmt.Scanln(&answer) // an end of input lets it go on as well
		fallthrough
	case "kill":
		_ = unix.Kill(t.pid, unix.SIGKILL)
	case "error":
		if c.name == "exit_group" || t.Which == "space" && !space[c.name] {
			return
		}
		t.failing[tid] = t.Errno // its result is set on the way back
		if c.name != "close" {   // the kernel closes in any case, whatever it says
			t.dropCall(tid)
		}
		if info, err := os.Stat(c.target); strings.Contains(c.name, "sync") && t.Errno != int(unix.EINTR) && err == nil && info.Mode().IsRegular() {
			t.flushed[c.target] = true // a folder's names are the file system's log: it stops when that fails
		}
	}
}

// filter makes the program install a seccomp filter, before its first own instruction, that lets all
// calls pass but those that can count, at which it stops for the tracer.
func (t *tracer) filter() error {
	const load, jump, end = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	numbers := slices.Collect(maps.Keys(changing))
	if t.Which != "changing" {
		numbers = slices.AppendSeq(numbers, maps.Keys(reading))
	}
	program := []unix.SockFilter{{Code: load}}
	for i, n := range numbers {
		program = append(program, unix.SockFilter{Code: jump, Jt: uint8(len(numbers) - i), K: uint32(n)})
	}
	program = append(program, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_TRACE})

	var before unix.PtraceRegs
	if err := unix.PtraceGetRegs(t.pid, &before); err != nil {
		return err
	}
	var data bytes.Buffer
	at := (before.Rsp - 4096) &^ 15 // free stack
	for _, v := range []any{uint64(len(program)), at + 16, program} {
		if err := binary.Write(&data, binary.LittleEndian, v); err != nil {
			return err
		}
	}
	if _, err := unix.PtracePokeData(t.pid, uintptr(at), data.Bytes()); err != nil {
		return err
	}
	if err := t.inject(before, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return err
	}
	return t.inject(before, unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, at)
}

// inject makes the stopped program do one call, and puts everything back.
func (t *tracer) inject(before unix.PtraceRegs, number, a, b, c uint64) error {
	text := make([]byte, 8)
	if _, err := unix.PtracePeekText(t.pid, uintptr(before.Rip), text); err != nil {
		return err
	}
	if _, err := unix.PtracePokeText(t.pid, uintptr(before.Rip), append([]byte{0x0f, 0x05}, text[2:]...)); err != nil { // SYSCALL
		return err
	}
	regs := before
	regs.Rax, regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8 = number, a, b, c, 0, 0
	if err := unix.PtraceSetRegs(t.pid, &regs); err != nil {
		return err
	}
	if err := unix.PtraceSingleStep(t.pid); err != nil {
		return err
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	if err := unix.PtraceGetRegs(t.pid, &regs); err != nil {
		return err
	}
	if int64(regs.Rax) < 0 {
		return unix.Errno(-int64(regs.Rax))
	}
	if _, err := unix.PtracePokeText(t.pid, uintptr(before.Rip), text); err != nil {
		return err
	}
	return unix.PtraceSetRegs(t.pid, &before)
}

// dropCall makes the kernel carry out nothing.
func (t *tracer) dropCall(tid int) {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &r) == nil {
		r.Orig_rax = ^uint64(0)
		_ = unix.PtraceSetRegs(tid, &r)
	}
}

func (t *tracer) setResult(tid, errno int) {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &r) == nil {
		r.Rax = uint64(-int64(errno))
		_ = unix.PtraceSetRegs(tid, &r)
	}
}

// watchFlushed notes flushes and writes of a file whose flush has failed.
func (t *tracer) watchFlushed(c call) {
	flush, write := strings.Contains(c.name, "sync"), strings.Contains(c.name, "write")
	log := strings.HasSuffix(c.target, "-wal") && !strings.Contains(c.target, ".new") // one that is thrown away is none
	switch {
	case !t.flushed[c.target]:
	case flush || write && log:
		t.After = append(t.After, c.String())
	case write: // the pages are dirty again, and the next flush is about them
		delete(t.flushed, c.target)
	}
}

// counts tells whether a call is one of those that the order counts, and names it:
//
//	changing  what changes files of the world or goes over the network
//	files     every call on files of the world
//	space     those of them that need room on the disk
//	every     all calls of the process
func (t *tracer) counts(tid int, c *call) bool {
	if t.Which == "every" {
		c.name = fmt.Sprintf("call %d", c.number)
		if name := changing[c.number] + reading[c.number]; name != "" {
			c.name = name
			c.target = t.target(tid, c)
		}
		return true
	}
	c.name = changing[c.number]
	if c.name == "" && t.Which != "changing" {
		c.name = reading[c.number]
	}
	if c.name == "" {
		return false
	}
	c.target = t.target(tid, c)
	inside := strings.HasPrefix(c.target, t.Scope+"/")
	switch t.Which {
	case "files":
		return inside
	case "space":
		return inside && (space[c.name] || strings.HasPrefix(c.name, "unlink")) && !t.plainOpen(c)
	}
	return (inside || strings.HasPrefix(c.target, "socket") || c.name == "exit_group") && !t.plainOpen(c)
}

// plainOpen is an open that makes nothing.
func (t *tracer) plainOpen(c *call) bool {
	return c.name == "openat" && c.args[2]&(unix.O_CREAT|unix.O_TRUNC) == 0
}

// target is the file or socket that a call is about.
func (t *tracer) target(tid int, c *call) string {
	switch c.name {
	case "exit_group":
		return ""
	case "mmap":
		return t.file(tid, c.args[4])
	case "openat", "mkdirat", "unlinkat", "fchmodat", "fchownat", "utimensat", "newfstatat", "statx", "faccessat", "faccessat2", "readlinkat":
		return t.at(tid, c.args[0], c.args[1])
	case "renameat", "renameat2", "linkat":
		return t.at(tid, c.args[0], c.args[1]) + " -> " + t.at(tid, c.args[2], c.args[3])
	case "symlinkat":
		return t.at(tid, c.args[1], c.args[2])
	case "rename", "link", "symlink":
		return t.text(tid, c.args[0]) + " -> " + t.text(tid, c.args[1])
	case "unlink", "rmdir", "mkdir", "truncate", "chmod", "chown", "stat", "lstat", "access", "statfs":
		return t.text(tid, c.args[0])
	}
	return t.file(tid, c.args[0])
}

func (t *tracer) file(tid int, fd uint64) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
	if err != nil {
		return ""
	}
	if kind, _, ok := strings.Cut(name, ":["); ok {
		return kind
	}
	return strings.TrimSuffix(name, " (deleted)")
}

func (t *tracer) at(tid int, dir, name uint64) string {
	path := t.text(tid, name)
	if filepath.IsAbs(path) || int32(dir) == unix.AT_FDCWD {
		return path
	}
	return filepath.Join(t.file(tid, dir), path)
}

// text reads a string of the program's memory.
func (t *tracer) text(tid int, address uint64) string {
	buf := make([]byte, 512)
	// A string may end just before a page that is not there: read up to the page's end first.
	for _, size := range []int{min(len(buf), int(4096-address%4096)), len(buf)} {
		local := []unix.Iovec{{Base: &buf[0], Len: uint64(size)}}
		remote := []unix.RemoteIovec{{Base: uintptr(address), Len: size}}
		n, err := unix.ProcessVMReadv(tid, local, remote, 0)
		if err != nil {
			return ""
		}
		if end := bytes.IndexByte(buf[:n], 0); end >= 0 {
			return string(buf[:end])
		}
	}
	return ""
}
