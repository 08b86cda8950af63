package fate

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Panic is a fault of the program itself, caught where the visit ends that met it.
type Panic struct {
	Where string // function, file and line of ours
	Stack []byte
	value any
}

// Error tells what and where. Only the runtime's own words are repeated: any other value may
// hold what stands in a document.
func (p *Panic) Error() string {
	if err, ok := p.value.(runtime.Error); ok {
		return fmt.Sprintf("the program failed at %s: %s", p.Where, err.Error())
	}
	return fmt.Sprintf("the program failed at %s: panic with a %T", p.Where, p.value)
}

// ours begins the name of every function of this program.
const ours = "bankconnector/"

// shared are the rooms whose state all banks have in common.
var shared = [...]string{"bankconnector/connector/journal", "bankconnector/connector/spool", "bankconnector/internal/durable"}

// Recover makes a failure of a panic: defer Recover("visit", &err). Who panics while he reads
// one bank's file or talks to one bank's server has spoiled this visit and nothing else: the
// bank stands still until a person acts, and the others go on. A panic on its way out of the
// journal or the store is Broken, for what they hold belongs to all, and a lock or a
// half-made change may be left behind: only a new process knows what is true. The same holds
// for a change of the journal itself (its writer is broken by a panic), and a step that the
// table of states forbids is no panic but an error, which Write calls Broken.
func Recover(op string, err *error) {
	value := recover()
	if value == nil {
		return
	}
	kind, where := origin()
	*err = &Failure{Op: op, Kind: kind, Err: &Panic{Where: where, Stack: debug.Stack(), value: value}}
}

// origin finds the place of the panic in the stack, and whether it lies below a shared room.
func origin() (kind Kind, where string) {
	var at [64]uintptr
	kind = Operator
	frames := runtime.CallersFrames(at[:runtime.Callers(3, at[:])])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if !strings.HasPrefix(f.Function, ours) {
			continue
		}
		if where == "" {
			where = fmt.Sprintf("%s (%s:%d)", strings.TrimPrefix(f.Function, ours), f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		for _, room := range shared {
			if strings.HasPrefix(f.Function, room) {
				kind = Broken
			}
		}
	}
	return kind, where
}
