package wire

import (
	"errors"
	"sync"
)

const longPath = 4096 // octets of a path that is taken

// RealPaths asks where folders really lie when links are followed, all in one round trip. "" is a folder of which the
// server does not say it. Errors: why the wire ended, or what makes no sense.
func (w *Wire) RealPaths(folders ...string) ([]string, error) {
	real, errs := make([]string, len(folders)), make([]error, len(folders))
	var crew sync.WaitGroup
	for i, f := range folders {
		crew.Go(func() { real[i], errs[i] = w.realPath(f) })
	}
	crew.Wait()
	return real, errors.Join(errs...)
}

func (w *Wire) realPath(folder string) (string, error) {
	got, err := w.ask(fxRealpath, str(folder))
	switch {
	case err != nil:
		return "", err
	case got.kind == fxStatus && got.code() != codeOK:
		return "", nil // it is not told
	case got.kind != fxName:
		return "", got.status()
	}
	r := reader{b: got.body}
	count, name := r.u32(), r.str()
	if r.bad || count != 1 || name == "" || len(name) > longPath {
		return "", errors.New("a real path that cannot be read")
	}
	return name, nil
}
