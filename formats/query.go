package formats

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Query asks a bank for a debtor's accounts (ExtRequest; 229-ФЗ ст. 69 ч. 8-10, answer within 7 working days).
type Query struct {
	InternalKey string
	PackID      string
	PackNumber  string
	PackDate    Date
	DocDate     Date
	DocNum      string
	DocCode     string   // O_IP_REQ_BANK_ACCOUNTS
	AnsDate     Date     // latest date of the answer
	KindData    []string // 09 accounts and balances, 10 depo accounts
	PeriodStart Date     // turnover asked for, may be absent
	PeriodEnd   Date
	SPIFio      string
	SPIPost     string
	SPIPhone    string
	OspCode     string
	IP          Proceedings
	Data        []Data
}

// queryCode is the only code of a query.
const queryCode = "O_IP_REQ_BANK_ACCOUNTS"

// Kind is KindQuery.
func (q *Query) Kind() Kind { return KindQuery }

// Key is the InternalKey.
func (q *Query) Key() string { return q.InternalKey }

func (q *Query) shape(j *judge) shape {
	return shape{
		Parts: []part{
			one("InternalKey", &q.InternalKey, check.ID),
			one("PackId", &q.PackID, check.ID),
			one("PackNumber", &q.PackNumber, check.Key(25)),
			j.day("PackDate", &q.PackDate).Required(),
			j.day("DocDate", &q.DocDate).Required(),
			one("DocNum", &q.DocNum, check.Key(25)),
			one("DocCode", &q.DocCode, check.OneOf(queryCode)),
			anyDay("AnsDate", &q.AnsDate).Required(),
			strictxml.Leaves("KindData", &q.KindData, check.OneOf("09", "10"), true),
			anyDay("PeriodStart", &q.PeriodStart),
			anyDay("PeriodEnd", &q.PeriodEnd),
			one("SPIFio", &q.SPIFio, check.Text(200)),
			one("SPIPost", &q.SPIPost, check.Text(200)),
			maybe("SPIPhone", &q.SPIPhone, check.Text(50)),
			one("OspCode", &q.OspCode, check.Digits(5)),
			strictxml.Block("IP", &q.IP, j.proceedings),
			strictxml.Blocks("Data", &q.Data, j.queryData),
		},
		Check: func(c *cursor) {
			ordered(c, "AnsDate", q.DocDate, q.AnsDate)
			ordered(c, "PeriodEnd", q.PeriodStart, q.PeriodEnd)
			identified(c, &q.IP, q.Data)
			for i, kind := range q.KindData {
				if i > 0 && kind == q.KindData[0] {
					c.Add(StateBadLogic, "", why{"вид сведений KindData повторяется", "the kind of data KindData is doubled"})
				}
			}
		},
	}
}

// queryData is a Data block that identifies the debtor; a query names no account.
func (j *judge) queryData(d *Data) shape {
	return shape{Parts: []part{strictxml.MaybeBlock("IdentificationData", &d.Identification, j.identification).Required()}}
}
