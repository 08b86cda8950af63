package formats

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOriginalIsRead(t *testing.T) {
	text := good(t, kindOriginal)
	for _, tt := range []struct{ name, old, new, path string }{
		{"with what is passed over", "", "", ""},
		{"with attributes", "<fssp:DivCity>", "<fssp:DivCity a=\"1\">", ""},
		{"in the namespace of automatic orders", "http://www.fssprus.ru/namespace/order/2017/2", "http://www.fssp.gov.ru/namespace/order_fssp/2022/1", ""},
		{"not in another namespace", "http://www.fssprus.ru/namespace/order/2017/2", "urn:x", "/OIp"},
		{"not of another root", "fssp:OIp", "fssp:OIpX", "/OIpX"},
		{"not without key", "<fssp:Id>45411000000001</fssp:Id>", "", "/OIp/Id"},
		{"not with two keys", "<fssp:Id>45411000000001</fssp:Id>", "<fssp:Id>45411000000002</fssp:Id><fssp:Id>45411000000001</fssp:Id>", "/OIp/Id"},
		{"not with two sums", "<fssp:Amount>1500.00</fssp:Amount>", "<fssp:Amount>1500.00</fssp:Amount><fssp:Amount>9.00</fssp:Amount>", "/OIp/Amount"},
		{"not with a broken sum", "<fssp:Amount>1500.00<", "<fssp:Amount>1 500,00<", "/OIp/Amount"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.ReplaceAll(text, tt.old, tt.new)
			if tt.old == "" {
				changed = text
			}
			o, faults := DecodeOriginal([]byte(changed), rules())
			switch {
			case tt.path == "" && len(faults) > 0:
				t.Error(faults)
			case tt.path == "" && (o.DocType != "O_IP_ACT_ENDARR_GMONEY" || o.ID != "45411000000001"):
				t.Errorf("read: %+v", o)
			case tt.path != "" && (len(faults) != 1 || faults[0].Path != tt.path || faults[0].Code != 91):
				t.Errorf("faults: %v", faults)
			}
		})
	}
	t.Run("a companion is no original", func(t *testing.T) {
		if _, faults := DecodeOriginal([]byte(good(t, KindOrder)), rules()); len(faults) != 1 || faults.Code() != 91 {
			t.Errorf("faults: %v", faults)
		}
	})
	t.Run("is told from a document, also when broken", func(t *testing.T) {
		if !IsOriginal([]byte(text)) || !IsOriginal([]byte(text[:900])) || IsOriginal([]byte(good(t, KindOrder))) || IsOriginal(nil) {
			t.Error("IsOriginal is wrong")
		}
	})
}

func TestOriginalAgrees(t *testing.T) {
	other := Money(150001)
	for _, tt := range []struct {
		name   string
		change func(*Original, *Order)
		want   []string
	}{
		{"as it is", func(*Original, *Order) {}, nil},
		{"another key", func(o *Original, _ *Order) { o.ID = "45411000000002" }, []string{"/OIp/Id"}},
		{"another code", func(o *Original, _ *Order) { o.DocType = "O_IP_ACT_ENDARREST" }, []string{"/OIp/DocType"}},
		{"another date", func(o *Original, _ *Order) { o.DocDate = "2026-02-02" }, []string{"/OIp/DocDate"}},
		{"another sum", func(o *Original, _ *Order) { o.Amount = &other }, []string{"/OIp/Amount"}},
		{"a sum that the companion lacks", func(_ *Original, d *Order) { d.Amount = nil }, []string{"/OIp/Amount"}},
		{"no sum in the original", func(o *Original, _ *Order) { o.Amount = nil }, nil},
		{"another bar code", func(o *Original, _ *Order) { o.Barcode = "000000009/7741" }, []string{"/OIp/Barcode"}},
		{"other proceedings", func(o *Original, _ *Order) { o.IpNo = "2/25/77041-ИП" }, []string{"/OIp/IpNo"}},
		{"another debtor", func(o *Original, _ *Order) { o.DbtrInn = "500100732259" }, []string{"/OIp/DbtrInn"}},
		{"an account that the original does not name", func(_ *Original, d *Order) {
			d.Data[1].Account.Acc = "40817978300000000005"
		}, []string{"/OIp/ResolutionText (Data[2])"}},
		{"no account in the original's text", func(o *Original, _ *Order) {
			o.AdjudicationText = "УИН 32277000000000123454, казначейский счёт 03212643000000017300"
		}, nil},
		{"two differences", func(o *Original, _ *Order) { o.ID, o.DocDate = "1", "2026-01-01" }, []string{"/OIp/Id", "/OIp/DocDate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			original, faults := DecodeOriginal([]byte(good(t, kindOriginal)), rules())
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			order := document(t, KindOrder).(*Order)
			tt.change(original, order)
			var got []string
			for _, f := range original.Agrees(order) {
				if f.Code != StateBadLogic || f.RU == "" || f.EN == "" {
					t.Errorf("fault %+v", f)
				}
				got = append(got, f.Path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
