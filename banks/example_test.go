package banks

import (
	"testing"
)

func TestExampleIsAGoodBank(t *testing.T) {
	var b Bank
	if err := Decode("example.yaml", []byte(Example()), &b); err != nil {
		t.Fatal(err)
	}
	if b.BIC != "044525225" || b.SFTP.Port != 22 || len(b.SFTP.HostKeys) != 2 || b.Limits.FileSize != 16<<20 {
		t.Errorf("read as %+v", b)
	}
}
