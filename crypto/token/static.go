//go:build nopkcs11

package token

import "errors"

// load refuses: a statically linked program cannot load a shared library.
func load(string) (module, error) {
	return nil, errors.New("this program is linked statically and loads no library; take the one that `make build` makes, or sign by a command")
}
