package proof

import (
	"io/fs"
	"sync"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// known is the schema that the migrations up to a version make. That of the newest version
// is made once in the life of the process: it is what a journal is held against whenever it
// is opened.
func known(version int64) (map[string]string, error) {
	last, err := newest()
	if err != nil || version == last.version {
		return last.texts, err
	}
	return sqlite.Known(record.Migrations(), version)
}

type made struct {
	version int64
	texts   map[string]string
}

var newest = sync.OnceValues(func() (last made, err error) {
	names, err := fs.Glob(record.Migrations(), "*/*.sql")
	if err != nil {
		return last, err
	}
	last.version = int64(len(names))
	last.texts, err = sqlite.Known(record.Migrations(), last.version)
	return last, err
})
