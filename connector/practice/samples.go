package practice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/install"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Samples are documents for practice.
type Samples struct {
	Documents int         // for each bank
	Seed      int64       // draws documents and keys
	Official  *cms.Signer // signs the originals of orders; nil: orders without originals
	Now       func() time.Time
}

// OpenOfficial opens the bailiff's key that signs the originals of samples, or nil.
func OpenOfficial(plan *install.Plan, path string) (*cms.Signer, error) {
	asked := path != ""
	if !asked {
		path = filepath.Join(filepath.Dir(plan.Path), "keys", "official")
	}
	if _, err := os.Stat(path + ".key"); errors.Is(err, fs.ErrNotExist) && !asked {
		return nil, nil
	}
	return openSigner(path)
}

// atOnce is how many samples are made and put down together.
const atOnce = 256

// Put leaves samples for each bank in the office's inbox and returns the addressee of each
// key.
func (s Samples) Put(ctx context.Context, office *spool.Office, list []*banks.Bank) (map[string]string, error) {
	keys := make(map[string]string)
	sampler := formats.NewSampler(s.Seed, s.Now())
	for _, b := range list {
		bank := formats.SampleBank{BIC: string(b.BIC), Name: b.Name, INN: b.INN, KPP: b.KPP, OGRN: b.OGRN}
		for left := s.Documents; left > 0; left -= atOnce {
			if err := s.put(ctx, office, bank, sampler.Next(bank, min(left, atOnce)), keys); err != nil {
				return nil, fmt.Errorf("samples for bank %s: %w", b.BIC, err)
			}
		}
	}
	return keys, nil
}

func (s Samples) put(ctx context.Context, office *spool.Office, bank formats.SampleBank, list []formats.Sample, keys map[string]string) error {
	files := make([]spool.File, len(list))
	for i, sample := range list {
		name, data, err := s.officeFile(ctx, sample)
		if err != nil {
			return err
		}
		files[i] = spool.File{Name: name, Data: data}
		keys[sample.Document.Key()] = bank.BIC
	}
	return office.SubmitAll(bank.BIC, files)
}

// officeFile is a sample as the bailiffs' system would leave it: a query as XML, an order
// as a ZIP with its signed original.
func (s Samples) officeFile(ctx context.Context, d formats.Sample) (string, []byte, error) {
	stem := d.Document.Kind().Prefix() + "_" + d.Document.Key()
	if s.Official == nil || d.Original == nil {
		return stem + ".xml", d.XML, nil
	}
	sig, err := s.Official.Sign(ctx, d.Original, s.Now())
	if err != nil {
		return "", nil, err
	}
	data, err := envelope.Seal([]envelope.Entry{
		{Name: "restrictn_" + d.Document.Key() + ".xml", Data: d.XML},
		{Name: stem + ".xml", Data: d.Original},
		{Name: stem + ".xml.sig", Data: sig},
	})
	return stem + ".zip", data, err
}
