package gost

import "testing"

func BenchmarkStreebog(b *testing.B) {
	buf := make([]byte, 1<<16)
	h := NewStreebog256()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		h.Write(buf)
	}
}
