package naming

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask asks once with the looks in their order and tells what the answer was, and how many looks it took.
func ask(looks ...Look) (took int, err error) {
	var q Question
	var crew sync.WaitGroup
	next := func() (bool, error) {
		took++
		return looks[took-1]()
	}
	q.Ask(crew.Go, next)
	crew.Wait()
	q.Ask(crew.Go, next)
	err = q.Answer(next)
	if again := q.Answer(next); !errors.Is(again, err) {
		err = errors.Join(err, again, errors.New("two answers"))
	}
	return took, err
}

func TestQuestion(t *testing.T) {
	changed := errors.New("changed")
	seen := func() (bool, error) { return true, nil }
	unseen := func() (bool, error) { return false, nil }
	other := func() (bool, error) { return false, changed }
	fault := func() (bool, error) { panic("the name of a debtor") }
	for _, c := range []struct {
		name  string
		looks []Look
		want  error
	}{
		{"seen at once", []Look{seen}, nil},
		{"seen when it is whole", []Look{unseen, seen}, nil},
		{"hidden or taken", []Look{unseen, unseen}, nil},
		{"changed, seen at once", []Look{other, other}, changed},
		{"changed, seen when it is whole", []Look{unseen, other}, changed},
		{"a fault counts for nothing", []Look{fault, seen}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if took, err := ask(slices.Clone(c.looks)...); !errors.Is(err, c.want) || took != len(c.looks) {
				t.Errorf("%v after %d looks, want %v after %d", err, took, c.want, len(c.looks))
			}
		})
	}
	t.Run("a fault is no answer", func(t *testing.T) {
		var q Question
		q.Ask(func(f func()) { f() }, fault)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the fault went unseen")
				}
			}()
			_ = q.Answer(fault)
		}()
		if err := q.Answer(seen); err == nil {
			t.Error("nobody looked, and the answer is yes")
		}
	})
}
