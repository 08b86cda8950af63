package rehearsal

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// BenchmarkExchange is the banks' side of a day: 113 banks, 20 documents for each,
// delivered over SSH by clients in the same process, answered with signed receipts and
// reports. It tells documents per second of everything, clients included.
func BenchmarkExchange(b *testing.B) {
	for _, algorithm := range []pki.Algorithm{pki.ECDSAP256, pki.GOST256} {
		b.Run(string(algorithm), func(b *testing.B) {
			const banks, documents = 113, 20
			for b.Loop() {
				b.StopTimer()
				w, sent := benchWorld(b, algorithm, banks, documents)
				b.StartTimer()
				var wait sync.WaitGroup
				for _, bic := range w.bics {
					wait.Go(func() { w.deliver(bic, sent[bic]...) })
				}
				wait.Wait()
				w.settle()
				b.StopTimer()
				for _, bic := range w.bics {
					if n := len(w.ledger(bic, "received.jsonl")); n != documents {
						b.Fatalf("%d lines", n)
					}
				}
				w.stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(banks*documents*b.N)/b.Elapsed().Seconds(), "documents/s")
		})
	}
}

func benchWorld(b *testing.B, a pki.Algorithm, banks, documents int) (*world, map[string][]parcel) {
	b.Helper()
	w := newWorld(b)
	w.service = newSigner(b, a, "ФССП")
	c, key := newKey(b, a, "Банк")
	sent := map[string][]parcel{}
	for i := range banks {
		bic := fmt.Sprintf("044525%03d", i+100)
		signer, err := cms.NewSigner(c, key, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		w.bics, w.signers[bic] = append(w.bics, bic), signer
		sent[bic] = w.parcels(bic, documents)
	}
	return w.start(), sent
}
